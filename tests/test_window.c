/*
 * The sliding buffer: where lines end however the bytes came, and what is kept when it slides,
 * grows and is reset.
 */
#include "readers/window.h"
#include "tests/support.h"

TestSuite(window, .timeout = 20);

static sheaf__window window_create(void)
{
    sheaf__window window = {0};
    cr_assert_eq(sheaf__window_init(&window), SHEAF_OK);
    cr_assert_not_null(window.bytes);
    cr_assert_gt(window.capacity, 0);
    return window;
}

static void add(sheaf__window *window, const void *bytes, size_t n_bytes)
{
    cr_assert_eq(sheaf__window_make_room(window), SHEAF_OK);
    cr_assert_leq(n_bytes, window->capacity - window->end);
    if (n_bytes > 0)
        memcpy(window->bytes + window->end, bytes, n_bytes);
    window->end += n_bytes;
}

/* All lines of a text that comes in pieces of `step` bytes: each is put into brackets. */
static blob lines_of(const char *text, size_t n_bytes, size_t step)
{
    sheaf__window window = window_create();
    blob lines = {0};
    size_t done = 0;
    for (;;) {
        size_t line_end;
        while (!sheaf__window_find_line(&window, &line_end)) {
            cr_assert_not(window.at_end, "the end of the text ends its line");
            size_t n = n_bytes - done < step ? n_bytes - done : step;
            add(&window, text + done, n);
            done += n;
            window.at_end = n == 0;
        }
        cr_assert_leq(line_end, window.end);
        if (line_end == window.line)
            break;
        blob_text(&lines, "[");
        blob_add(&lines, window.bytes + window.line, line_end - window.line);
        blob_text(&lines, "]");
        window.line = window.searched = window.record = line_end;
    }
    cr_assert_eq(window.base_bytes + window.end, n_bytes);
    sheaf__window_end(&window);
    return lines;
}

Test(window, finds_lines_however_the_bytes_come)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"a", "[a]"},
        {"\n", "[\n]"},
        {"\r", "[\r]"},
        {"\r\n", "[\r\n]"},
        {"\n\r", "[\n][\r]"},
        {"\r\r\n\n", "[\r][\r\n][\n]"},
        {"a\nbb\r\nccc\rdddd", "[a\n][bb\r\n][ccc\r][dddd]"},
        {"a\nbb\r\nccc\r", "[a\n][bb\r\n][ccc\r]"},
        {"a\r\n", "[a\r\n]"},
        {"\n\n\r\r\r\n\r\n", "[\n][\n][\r][\r][\r\n][\r\n]"},
        {"long line\rand\nanother\r\n", "[long line\r][and\n][another\r\n]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t step = 1; step <= strlen(cases[i][0]) + 1; step++) {
            blob lines = lines_of(cases[i][0], strlen(cases[i][0]), step);
            cr_assert_eq(lines.n_bytes, strlen(cases[i][1]), "%s by %d: %s",
                         shown(cases[i][0], strlen(cases[i][0])), (int)step,
                         shown(lines.bytes, lines.n_bytes));
            cr_assert(lines.n_bytes == 0 || memcmp(lines.bytes, cases[i][1], lines.n_bytes) == 0);
            blob_free(&lines);
        }
}

Test(window, finds_the_lines_of_random_texts)
{
    static const char alphabet[] = "a\n\r\0";
    uint64_t seed = 11;
    for (int i = 0; i < 3000; i++) {
        char text[40];
        size_t n_bytes = random_below(&seed, sizeof text);
        blob expected = {0};
        for (size_t at = 0; at < n_bytes; at++)
            text[at] = alphabet[random_below(&seed, 4)];
        for (size_t at = 0; at < n_bytes; at++) {
            bool begins = at == 0 || text[at - 1] == '\n' ||
                          (text[at - 1] == '\r' && text[at] != '\n');
            blob_text(&expected, begins && at > 0 ? "][" : begins ? "[" : "");
            blob_add(&expected, text + at, 1);
        }
        blob_text(&expected, n_bytes > 0 ? "]" : "");
        blob lines = lines_of(text, n_bytes, 1 + random_below(&seed, 8));
        cr_assert(blob_equal(&lines, &expected), "%s for %s", shown(lines.bytes, lines.n_bytes),
                  shown(text, n_bytes));
        blob_free(&lines);
        blob_free(&expected);
    }
}

Test(window, waits_for_the_byte_behind_a_cr)
{
    sheaf__window window = window_create();
    size_t line_end;
    add(&window, "a\r", 2);
    cr_assert_not(sheaf__window_find_line(&window, &line_end));
    cr_assert_not(sheaf__window_find_line(&window, &line_end));
    add(&window, "\n", 1);
    cr_assert(sheaf__window_find_line(&window, &line_end));
    cr_assert_eq(line_end, 3);
    window.line = window.searched = 3;
    add(&window, "b\r", 2);
    cr_assert_not(sheaf__window_find_line(&window, &line_end));
    window.at_end = true;
    cr_assert(sheaf__window_find_line(&window, &line_end));
    cr_assert_eq(line_end, 5);
    sheaf__window_end(&window);
}

Test(window, does_not_search_twice)
{
    /* What was searched in vain is passed over: a line end put there afterwards is not found. */
    sheaf__window window = window_create();
    size_t line_end;
    add(&window, "aaaa", 4);
    cr_assert_not(sheaf__window_find_line(&window, &line_end));
    window.bytes[1] = '\n';
    add(&window, "b\n", 2);
    cr_assert(sheaf__window_find_line(&window, &line_end));
    cr_assert_eq(line_end, 6);
    sheaf__window_end(&window);
}

Test(window, keeps_the_record_when_it_slides)
{
    sheaf__window window = window_create();
    add(&window, "gone\nfirst\nsecond", 17);
    window.record = 5;
    window.line = window.searched = 11;
    cr_assert_eq(sheaf__window_make_room(&window), SHEAF_OK);
    cr_assert_eq(window.base_bytes, 5);
    cr_assert_eq(window.record, 0);
    cr_assert_eq(window.line, 6);
    cr_assert_eq(window.searched, 6);
    cr_assert_eq(window.end, 12);
    cr_assert_arr_eq(window.bytes, "first\nsecond", 12);
    window.record = window.line = window.searched = 6;
    cr_assert_eq(sheaf__window_make_room(&window), SHEAF_OK);
    cr_assert_eq(window.base_bytes, 11);
    cr_assert_arr_eq(window.bytes, "second", 6);
    sheaf__window_end(&window);
}

Test(window, grows_only_for_a_record_that_does_not_fit)
{
    sheaf__window window = window_create();
    size_t capacity = window.capacity;
    memset(window.bytes, 'a', capacity);
    window.end = capacity;
    window.record = window.line = window.searched = SHEAF__WINDOW_ROOM_MIN;
    cr_assert_eq(sheaf__window_make_room(&window), SHEAF_OK);
    cr_assert_eq(window.capacity, capacity, "so much is room");
    cr_assert_eq(window.end, capacity - SHEAF__WINDOW_ROOM_MIN);
    memset(window.bytes + window.end, 'z', SHEAF__WINDOW_ROOM_MIN);
    window.end = capacity;
    cr_assert_eq(sheaf__window_make_room(&window), SHEAF_OK);
    cr_assert_eq(window.capacity, 2 * capacity);
    cr_assert_eq(window.bytes[0], 'a');
    cr_assert_eq(window.bytes[capacity - 1], 'z');
    cr_assert_eq(window.base_bytes, SHEAF__WINDOW_ROOM_MIN);
    sheaf__window_end(&window);
}

Test(window, gives_a_giant_buffer_back_at_its_reset)
{
    sheaf__window window = window_create();
    size_t capacity = window.capacity;
    add(&window, "x", 1);
    window.record = window.line = window.searched = 1;
    window.base_bytes = 7;
    window.at_end = true;
    uint8_t *bytes = window.bytes;
    sheaf__window_reset(&window);
    cr_assert_eq(window.bytes, bytes, "a usual buffer is kept");
    cr_assert_eq(window.capacity, capacity);
    cr_assert_eq(window.record + window.line + window.searched + window.end + window.base_bytes, 0);
    cr_assert_not(window.at_end);
    window.end = capacity;
    cr_assert_eq(sheaf__window_make_room(&window), SHEAF_OK);
    cr_assert_gt(window.capacity, capacity);
    sheaf__window_reset(&window);
    cr_assert_null(window.bytes);
    cr_assert_eq(window.capacity, 0);
    cr_assert_eq(sheaf__window_init(&window), SHEAF_OK);
    cr_assert_eq(window.capacity, capacity);
    sheaf__window_end(&window);
    cr_assert_null(window.bytes);
    sheaf__window_end(&window);
}

/*
 * To look for an LF first, from every line to the end of the buffer, takes a hundred times as
 * long.
 */
Test(window, finds_lone_crs_in_linear_time, .timeout = 5)
{
    sheaf__window window = window_create();
    for (int round = 0; round < 100; round++) {
        for (size_t at = 0; at < window.capacity; at++)
            window.bytes[at] = at % 2 ? '\r' : 'a';
        window.end = window.capacity;
        size_t n_lines = 0;
        size_t line_end;
        while (sheaf__window_find_line(&window, &line_end)) {
            window.record = window.line = window.searched = line_end;
            n_lines++;
        }
        cr_assert_eq(n_lines, window.capacity / 2 - 1, "the last CR may be half of a CR LF");
        sheaf__window_reset(&window);
    }
    sheaf__window_end(&window);
}
