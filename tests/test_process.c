/*
 * Calls in worker processes: that they give what threads and a loop give, that blocks of every size
 * arrive whole on both ways, that a failure is told whole, and what cannot be called. The processes
 * themselves are looked at in test_process_workers.c, and lost in test_process_loss.c.
 */
#include <sheaf/map.h>

#include "engine/executor/process/wire.h"
#include "tests/support_process.h"

/* ---- the same on every kind ---- */

static sheaf_executor *pool_of_kind(sheaf_executor_kind which)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options, .kind = which, .max_workers = 2};
    if (which == SHEAF_EXECUTOR_PROCESSES)
        return restarting_pool(2);
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

typedef struct call_case {
    const char *function;
    const void *bytes;
    size_t n_bytes;
} call_case;

typedef struct how_it_ended {
    sheaf_status status;
    bool has_block;
    seen_bytes reply;
    sheaf_error err;
} how_it_ended;

static how_it_ended run_case(sheaf_executor *executor, const call_case *c)
{
    how_it_ended how = {0};
    void *result = NULL;
    sheaf_future *future = call(executor, c->function, c->bytes, c->n_bytes);
    sheaf_error_clear(&how.err);
    how.status = sheaf_future_result(future, -1, &result, &how.err);
    const sheaf_block *block = result;
    how.has_block = block != NULL;
    if (block)
        how.reply = (seen_bytes){.n_bytes = block->n_bytes,
                                 .hash = hash_of(block->bytes, block->n_bytes),
                                 .misaligned = (uintptr_t)block->bytes % 8};
    sheaf_future_release(future);
    return how;
}

static void assert_same_error(const sheaf_error *a, const sheaf_error *b)
{
    cr_assert_eq(a->status, b->status);
    cr_assert_eq(a->os_error, b->os_error);
    cr_assert_eq(a->line, b->line);
    cr_assert_eq(a->line_byte, b->line_byte);
    cr_assert_eq(a->record, b->record);
    cr_assert_eq(a->field, b->field);
    cr_assert_eq(a->offset_bytes, b->offset_bytes);
    cr_assert_eq(a->excerpt_caret, b->excerpt_caret);
    cr_assert_str_eq(a->source, b->source);
    cr_assert_str_eq(a->column, b->column);
    cr_assert_str_eq(a->message, b->message);
    cr_assert_str_eq(a->hint, b->hint);
    cr_assert_str_eq(a->excerpt, b->excerpt);
}

static void assert_same_on_every_kind(const call_case *cases, size_t n)
{
    static const sheaf_executor_kind kinds[] = {SHEAF_EXECUTOR_SEQUENTIAL, SHEAF_EXECUTOR_THREADS,
                                                SHEAF_EXECUTOR_PROCESSES};
    how_it_ended *expected = calloc(n, sizeof *expected);
    for (int k = 0; k < 3; k++) {
        sheaf_executor *executor = pool_of_kind(kinds[k]);
        for (size_t i = 0; i < n; i++) {
            how_it_ended how = run_case(executor, &cases[i]);
            if (k == 0)
                expected[i] = how;
            const how_it_ended *first = &expected[i];
            cr_assert_eq(how.status, first->status, "%s, kind %d", cases[i].function, k);
            cr_assert_eq(how.has_block, first->has_block, "%s, kind %d", cases[i].function, k);
            cr_assert_eq(how.reply.n_bytes, first->reply.n_bytes);
            cr_assert_eq(how.reply.hash, first->reply.hash, "%s, kind %d", cases[i].function, k);
            cr_assert_eq(how.reply.misaligned, 0);
            assert_same_error(&how.err, &first->err);
        }
        sheaf_executor_destroy(executor);
    }
    free(expected);
}

static sheaf_error an_error_with_everything(void)
{
    sheaf_error err;
    sheaf_error_set(&err, SHEAF_EQUOTE, "a quote in %s is never closed", "\xc3\xa4 \x1b[31m field");
    sheaf_error_hint(&err, "close \"%s\"", "it");
    err.os_error = 5;
    err.line = UINT64_C(1) << 40;
    err.line_byte = 7;
    err.record = 8;
    err.field = 9;
    err.offset_bytes = UINT64_C(3) << 50;
    err.excerpt_caret = 3;
    memset(err.source, 's', sizeof err.source - 1);
    err.source[sizeof err.source - 1] = '\0';
    memset(err.column, 'c', sizeof err.column - 1);
    err.column[sizeof err.column - 1] = '\0';
    memset(err.excerpt, 'e', sizeof err.excerpt - 1);
    err.excerpt[sizeof err.excerpt - 1] = '\0';
    return err;
}

PROCESS_TEST(process, calls_give_what_threads_and_a_loop_give, LIMIT)
{
    int64_t numbers[] = {0, -3, 46341, INT32_MAX};
    uint64_t scratch[] = {0, 1, 300000};
    wanted_bytes small = {100, 7};
    wanted_bytes many = {200000, 1000};
    wanted_bytes none = {0, 0};
    const call_case cases[] = {{"echo", NULL, 0},
                               {"echo", "", 1},
                               {"echo", "some bytes", 10},
                               {LONGEST_NAME, "by its long name", 16},
                               {"square", &numbers[0], 8},
                               {"square", &numbers[1], 8},
                               {"square", &numbers[2], 8},
                               {"square", &numbers[3], 8},
                               {"make_bytes", &small, sizeof small},
                               {"make_bytes", &many, sizeof many},
                               {"make_bytes", &none, sizeof none},
                               {"use_scratch", &scratch[0], 8},
                               {"use_scratch", &scratch[1], 8},
                               {"use_scratch", &scratch[2], 8},
                               {"echo_end", "the end is no error", 19},
                               {"say_whether_stopping", NULL, 0}};
    assert_same_on_every_kind(cases, sizeof cases / sizeof cases[0]);
}

PROCESS_TEST(process, failures_are_told_as_threads_and_a_loop_tell_them, LIMIT)
{
    sheaf_error whole = an_error_with_everything();
    int64_t below = -10;
    const call_case failing[] = {{"square", "short", 5},
                                 {"fail_with", &whole, sizeof whole},
                                 {"fail_silently", NULL, 0},
                                 {"halve", &below, sizeof below},
                                 {"recall", NULL, 0}};
    static const sheaf_executor_kind kinds[] = {SHEAF_EXECUTOR_SEQUENTIAL,
                                                SHEAF_EXECUTOR_PROCESSES};
    sheaf_executor *executors[] = {pool_of_kind(kinds[0]), pool_of_kind(kinds[1])};
    for (size_t i = 0; i < sizeof failing / sizeof failing[0]; i++) {
        how_it_ended here = run_case(executors[0], &failing[i]);
        how_it_ended there = run_case(executors[1], &failing[i]);
        cr_assert_lt(here.status, 0);
        cr_assert_eq(there.status, here.status, "%s", failing[i].function);
        assert_same_error(&there.err, &here.err);
    }
    how_it_ended all = run_case(executors[1], &failing[1]);
    assert_same_error(&all.err, &whole);
    cr_assert_eq(sheaf_executor_stats_get(executors[1]).failed, 6);
    cr_assert_eq(sheaf_executor_stats_get(executors[1]).lost, 0, "a failure is no loss");
    sheaf_executor_destroy(executors[0]);
    sheaf_executor_destroy(executors[1]);
}

PROCESS_TEST(process, what_a_failed_call_said_before_is_there_as_with_threads, LIMIT)
{
    sheaf_error whole = an_error_with_everything();
    int64_t below = -10;
    const call_case cases[] = {{"halve", &below, sizeof below},
                               {"fail_with", &whole, sizeof whole}};
    assert_same_on_every_kind(cases, sizeof cases / sizeof cases[0]);
}

/* ---- maps ---- */

typedef struct numbers {
    int64_t next;
    int64_t end;
    int64_t bad; /* "halve" is called with a number below 0 here */
} numbers;

static sheaf_status next_number(void *source, void **arg, sheaf_error *err)
{
    numbers *self = source;
    sheaf_call *made = NULL;
    if (self->next == self->end)
        return SHEAF_END;
    int64_t number = self->next == self->bad ? -self->next - 1 : self->next;
    self->next++;
    sheaf_status status = sheaf_call_create(function_named("halve"), &number, sizeof number, &made,
                                            err);
    *arg = made;
    return status;
}

static sheaf_map_options map_of(numbers *source, size_t buffersize, size_t chunksize)
{
    return (sheaf_map_options){.size = sizeof(sheaf_map_options),
                               .run = sheaf_call_run,
                               .next = next_number,
                               .source = source,
                               .drop_arg = sheaf_call_drop,
                               .drop_result = sheaf_block_drop,
                               .buffersize = buffersize,
                               .chunksize = chunksize};
}

/* All that a map says, as text. */
static void transcribe(sheaf_executor *executor, size_t buffersize, size_t chunksize, int64_t bad,
                       char *text, size_t size)
{
    numbers source = {0, 100, bad};
    sheaf_map_options options = map_of(&source, buffersize, chunksize);
    sheaf_map *map = NULL;
    sheaf_error err;
    void *result = NULL;
    sheaf_status status;
    size_t n = 0;
    cr_assert_eq(sheaf_map_open(executor, &options, &map, &err), SHEAF_OK);
    while ((status = sheaf_map_next(map, &result, &err)) == SHEAF_OK) {
        const sheaf_block *block = result;
        int64_t number;
        cr_assert_eq(block->n_bytes, sizeof number);
        cr_assert_eq((uintptr_t)block->bytes % 8, 0);
        memcpy(&number, block->bytes, sizeof number);
        n += (size_t)snprintf(text + n, size - n, "%d ", (int)number);
        sheaf_block_drop(result);
    }
    n += (size_t)snprintf(text + n, size - n, "%s", sheaf_status_name(status));
    if (status < 0) {
        snprintf(text + n, size - n, " %s", err.message);
        cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_END);
    }
    sheaf_map_close(map);
}

PROCESS_TEST(process, maps_give_what_a_loop_gives_in_chunks_of_any_size, LIMIT)
{
    static const size_t chunks[] = {1, 2, 7, 64, 1000};
    static const size_t buffers[] = {0, 1, 10};
    static const int64_t bads[] = {-1, 0, 50, 99};
    static const sheaf_executor_kind kinds[] = {SHEAF_EXECUTOR_THREADS, SHEAF_EXECUTOR_PROCESSES};
    char expected[1000];
    char text[1000];
    sheaf_executor *loop = pool_of_kind(SHEAF_EXECUTOR_SEQUENTIAL);
    for (int k = 0; k < 2; k++) {
        sheaf_executor *executor = pool_of_kind(kinds[k]);
        for (int b = 0; b < 4; b++) {
            transcribe(loop, 1, 1, bads[b], expected, sizeof expected);
            for (int i = 0; i < 15; i++) {
                transcribe(executor, buffers[i % 3], chunks[i / 3], bads[b], text, sizeof text);
                cr_assert_str_eq(text, expected, "chunks of %zu, kind %d", chunks[i / 3], k);
            }
        }
        assert_works(executor);
        sheaf_executor_destroy(executor);
    }
    sheaf_executor_destroy(loop);
}

/* One that is closed in the middle leaves nothing behind, and nothing running. */
PROCESS_TEST(process, a_map_may_be_closed_before_its_end, LIMIT)
{
    sheaf_executor *executor = restarting_pool(2);
    for (size_t chunksize = 1; chunksize <= 16; chunksize *= 4) {
        numbers source = {0, 1000, -1};
        sheaf_map_options options = map_of(&source, 200, chunksize);
        sheaf_map *map = NULL;
        void *result = NULL;
        cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_OK);
        for (int i = 0; i < 5; i++) {
            cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
            sheaf_block_drop(result);
        }
        sheaf_map_close(map);
        cr_assert_eq(sheaf_executor_stats_get(executor).running, 0);
        assert_works(executor);
    }
    sheaf_executor_destroy(executor);
}

/* ---- blocks ---- */

static void assert_travels(sheaf_executor *executor, size_t n_bytes)
{
    unsigned char *bytes = malloc(n_bytes + 1);
    seen_bytes seen;
    cr_assert_not_null(bytes);
    fill_pattern(bytes, n_bytes, n_bytes);
    take_reply(call(executor, "look_at_bytes", bytes, n_bytes), &seen, sizeof seen);
    cr_assert_eq(seen.n_bytes, n_bytes);
    cr_assert_eq(seen.hash, hash_of(bytes, n_bytes), "%zu bytes", n_bytes);
    cr_assert_eq(seen.misaligned, 0, "%zu bytes", n_bytes);
    sheaf_future *future = call(executor, "echo", bytes, n_bytes);
    const sheaf_block *block = block_of(future);
    cr_assert_eq(block->n_bytes, n_bytes);
    cr_assert(n_bytes == 0 || memcmp(block->bytes, bytes, n_bytes) == 0, "%zu bytes", n_bytes);
    cr_assert_eq((uintptr_t)block->bytes % 8, 0);
    sheaf_future_release(future);
    free(bytes);
}

PROCESS_TEST(process, blocks_of_any_size_arrive_whole_and_aligned_on_both_ways, LIMIT)
{
    enum { AROUND = 65536 - (int)sizeof(sheaf__item) };
    static const size_t sizes[] = {65535, 65536, 65537, AROUND, 100000, 1 << 20, (1 << 20) + 1};
    sheaf_executor *executor = restarting_pool(1);
    for (size_t n = 0; n <= 17; n++)
        assert_travels(executor, n);
    for (size_t n = AROUND - 9; n <= AROUND + 9; n++)
        assert_travels(executor, n);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        assert_travels(executor, sizes[i]);
    cr_assert_eq(sheaf_executor_stats_get(executor).lost, 0);
    sheaf_executor_destroy(executor);
}

static sheaf_status next_size(void *source, void **arg, sheaf_error *err)
{
    static const unsigned char bytes[64];
    size_t *n_bytes = source;
    sheaf_call *made = NULL;
    if (*n_bytes == sizeof bytes)
        return SHEAF_END;
    sheaf_status status = sheaf_call_create(function_named("look_at_bytes"), bytes, (*n_bytes)++,
                                            &made, err);
    *arg = made;
    return status;
}

PROCESS_TEST(process, each_of_several_calls_in_one_message_is_aligned, LIMIT)
{
    size_t source = 0;
    size_t n = 0;
    sheaf_map *map = NULL;
    void *result = NULL;
    sheaf_executor *executor = restarting_pool(1);
    sheaf_map_options options = {.size = sizeof options,
                                 .run = sheaf_call_run,
                                 .next = next_size,
                                 .source = &source,
                                 .drop_arg = sheaf_call_drop,
                                 .drop_result = sheaf_block_drop,
                                 .chunksize = 64};
    cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_OK);
    for (; sheaf_map_next(map, &result, NULL) == SHEAF_OK; n++) {
        const seen_bytes *seen = ((const sheaf_block *)result)->bytes;
        cr_assert_eq(seen->n_bytes, n);
        cr_assert_eq(seen->misaligned, 0, "%zu bytes", n);
        sheaf_block_drop(result);
    }
    cr_assert_eq(n, 64);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process, blocks_of_64_mib_arrive_whole_on_both_ways, 60)
{
    sheaf_executor *executor = restarting_pool(2);
    assert_travels(executor, (size_t)64 << 20);
    assert_travels(executor, ((size_t)64 << 20) + 3);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process, large_blocks_lie_in_shared_memory_and_small_ones_do_not, LIMIT)
{
    static const char shared[] = "/memfd:sheaf";
    static unsigned char bytes[200000];
    sheaf_executor *executor = restarting_pool(1);
    for (size_t n = 1000; n <= sizeof bytes; n += sizeof bytes - 1000) {
        bool large = n > 1000;
        seen_bytes seen;
        char name[64];
        take_reply(call(executor, "look_at_bytes", bytes, n), &seen, sizeof seen);
        cr_assert_eq(strncmp(seen.memory, shared, sizeof shared - 1) == 0, large, "%s",
                     seen.memory);
        sheaf_future *future = call(executor, "echo", bytes, n);
        name_memory(block_of(future)->bytes, name, sizeof name);
        cr_assert_eq(strncmp(name, shared, sizeof shared - 1) == 0, large, "%s", name);
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
}

/* Neither the future nor the pool is needed for a reply that was taken. */
PROCESS_TEST(process, a_reply_that_was_taken_outlives_its_pool, LIMIT)
{
    static unsigned char bytes[100000];
    void *taken[2] = {NULL, NULL};
    sheaf_executor *executor = restarting_pool(1);
    for (int i = 0; i < 2; i++) {
        sheaf_future *future = call(executor, "echo", bytes, i == 0 ? 10 : sizeof bytes);
        cr_assert_eq(sheaf_future_take(future, -1, &taken[i], NULL), SHEAF_OK);
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
    cr_assert(!has_children());
    for (int i = 0; i < 2; i++) {
        const sheaf_block *block = taken[i];
        cr_assert_eq(block->n_bytes, i == 0 ? 10 : sizeof bytes);
        cr_assert_eq(memcmp(block->bytes, bytes, block->n_bytes), 0);
        sheaf_block_drop(taken[i]);
    }
}

PROCESS_TEST(process, the_bytes_of_a_call_are_copied_when_it_is_made, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = restarting_pool(1);
    sheaf_future *held = call_held(executor, &g);
    char bytes[] = "before";
    sheaf_future *future = call(executor, "echo", bytes, sizeof bytes);
    memcpy(bytes, "after ", sizeof bytes);
    test_gate_open(&g, 1);
    cr_assert_str_eq(block_of(future)->bytes, "before");
    sheaf_future_release(future);
    assert_was_held(held);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

/* ---- what cannot be called ---- */

PROCESS_TEST(process, a_function_that_the_worker_does_not_know_fails_that_call_only, LIMIT)
{
    sheaf_executor *executor = breaking_pool(1);
    sheaf_error err;
    sheaf_future *future = call(executor, "nobody_knows_me", "x", 1);
    cr_assert_eq(sheaf_future_result(future, -1, NULL, &err), SHEAF_EINVAL);
    cr_assert_not_null(strstr(err.message, "nobody_knows_me"), "%s", err.message);
    cr_assert_str_neq(err.hint, "", "how to go on");
    sheaf_future_release(future);
    assert_works(executor);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process, a_call_needs_a_function_with_a_name_that_is_not_too_long, LIMIT)
{
    static const char too_long[] = LONGEST_NAME "x";
    const sheaf_function wrong[] = {{NULL, echo}, {too_long, echo}, {"echo", NULL}};
    sheaf_task task;
    sheaf_call *made;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_eq(sheaf_call_task(&wrong[i], "", 1, &task, NULL), SHEAF_EINVAL);
        cr_assert_eq(sheaf_call_create(&wrong[i], "", 1, &made, NULL), SHEAF_EINVAL);
    }
    cr_assert_eq(sheaf_call_task(NULL, "", 1, &task, NULL), SHEAF_EINVAL);
    cr_assert_eq(sheaf_call_task(function_named("echo"), NULL, 1, &task, NULL), SHEAF_EINVAL);
}

/* Pointers mean nothing in another process, so no function of this one can be run there. */
PROCESS_TEST(process, a_task_that_is_no_call_is_refused_at_submit, LIMIT)
{
    sheaf_executor *executor = restarting_pool(1);
    thing argument = {0};
    sheaf_task plain = {.run = give_back, .arg = &argument, .drop_arg = drop_thing};
    sheaf_future *future = NULL;
    sheaf_error err;
    cr_assert_eq(sheaf_executor_submit(executor, &plain, &future, &err), SHEAF_EINVAL);
    cr_assert_null(future);
    cr_assert_not_null(strstr(err.message, "calls only"), "%s", err.message);
    cr_assert_str_neq(err.hint, "");
    sheaf_task tasks[] = {task_of("echo", "x", 1), plain, task_of("echo", "x", 1)};
    sheaf_future *futures[3];
    size_t n_submitted = 99;
    cr_assert_eq(sheaf_executor_submit_many(executor, tasks, 3, futures, &n_submitted, &err),
                 SHEAF_EINVAL);
    cr_assert_leq(n_submitted, 1);
    for (size_t i = n_submitted; i < 3; i++)
        cr_assert_null(futures[i]);
    for (size_t i = n_submitted; i < 3; i++)
        if (i != 1)
            tasks[i].drop_arg(tasks[i].arg);
    release_all(futures, n_submitted);
    cr_assert_eq(argument.drops, 0, "it is still the caller's");
    cr_assert_eq(sheaf_executor_stats_get(executor).submitted, n_submitted);
    assert_works(executor);
    sheaf_executor_destroy(executor);
}

static sheaf_status next_thing(void *source, void **arg, sheaf_error *err)
{
    (void)err;
    *arg = source;
    return SHEAF_OK;
}

PROCESS_TEST(process, nor_is_a_map_of_such_tasks_begun, LIMIT)
{
    sheaf_executor *executor = restarting_pool(1);
    for (size_t chunksize = 1; chunksize <= 4; chunksize += 3) {
        thing argument = {0};
        sheaf_map *map = NULL;
        sheaf_map_options options = {.size = sizeof options,
                                     .run = give_back,
                                     .next = next_thing,
                                     .source = &argument,
                                     .drop_arg = drop_thing,
                                     .buffersize = 4,
                                     .chunksize = chunksize};
        cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_EINVAL);
        cr_assert_geq(argument.drops, 1, "what was pulled is dropped");
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).submitted, 0);
    sheaf_executor_destroy(executor);
}
