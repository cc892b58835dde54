/*
 * What the sniffer finds in files of UTF-8, one line of JSON each, for people and for
 * score_sniff.py: what sheaf__sniff() found, whether that was the plain way, and whether the long
 * way finds the same.
 *
 *     sniff_dump [--time] FILE...
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "readers/dialect/plain.h"
#include "readers/dialect/sniff.h"

enum { HEAD_BYTES = 64 << 10, PIECE_BYTES = 16 << 10, REPEATS = 200 };

static uint8_t *load(const char *path, size_t *n_bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    fseek(file, 0, SEEK_END);
    *n_bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*n_bytes + 1);
    if (bytes && fread(bytes, 1, *n_bytes, file) != *n_bytes) {
        free(bytes);
        bytes = NULL;
    }
    fclose(file);
    return bytes;
}

/* The pieces that a reader of a plain file takes. */
static sheaf__sniff_text sample(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        bytes += 3;
        n_bytes -= 3;
    }
    size_t head = n_bytes < HEAD_BYTES ? n_bytes : HEAD_BYTES;
    sheaf__sniff_text text = {.pieces = {{bytes, head, head == n_bytes}}, .n_pieces = 1};
    if (n_bytes - head < (size_t)4 * PIECE_BYTES)
        return text;
    text.pieces[1] = (sheaf__sniff_piece){bytes + n_bytes / 2, PIECE_BYTES, false};
    text.pieces[2] = (sheaf__sniff_piece){bytes + n_bytes - PIECE_BYTES, PIECE_BYTES, true};
    text.n_pieces = 3;
    return text;
}

static void print_dialect(const sheaf_dialect *d)
{
    printf("{\"delimiter\": %d, \"quote\": %d, \"escape\": %d, \"comment\": %d, \"padding\": %d, "
           "\"header\": %d, \"skip\": %lld}",
           d->delimiter, d->quote, d->escape, d->comment, d->padding, d->header,
           (long long)d->skip_lines);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int dump(const char *path, bool with_time)
{
    static const sheaf_dialect nothing;
    size_t n_bytes;
    sheaf__sniffed found;
    sheaf__sniffed closely;
    uint8_t *bytes = load(path, &n_bytes);
    if (!bytes) {
        fprintf(stderr, "sniff_dump: %s cannot be read\n", path);
        return 2;
    }
    sheaf__sniff_text text = sample(bytes, n_bytes);
    bool is_plain = sheaf__sniff_plain(&text, &nothing, 0, &found);
    if (sheaf__sniff(&text, &nothing, 0, &found, NULL) < 0 ||
        sheaf__sniff_closely(&text, &nothing, 0, &closely, NULL) < 0)
        return 2;
    bool is_same = memcmp(&found.dialect, &closely.dialect, sizeof found.dialect) == 0 &&
                   found.n_columns == closely.n_columns;
    printf("{\"plain\": %s, \"same\": %s, \"columns\": %zu, \"confidence\": %.3f, \"dialect\": ",
           is_plain ? "true" : "false", is_same ? "true" : "false", found.n_columns,
           found.confidence);
    print_dialect(&found.dialect);
    printf(", \"closely\": ");
    print_dialect(&closely.dialect);
    printf(", \"next\": ");
    print_dialect(&closely.next);
    if (with_time) {
        double best = 1e9;
        for (int i = 0; i < REPEATS; i++) {
            double begin = now();
            (void)!sheaf__sniff(&text, &nothing, 0, &found, NULL);
            double took = now() - begin;
            best = took < best ? took : best;
        }
        printf(", \"microseconds\": %.1f", best);
    }
    printf("}\n");
    free(bytes);
    return 0;
}

int main(int argc, char **argv)
{
    bool with_time = argc > 1 && strcmp(argv[1], "--time") == 0;
    int worst = 0;
    for (int i = with_time ? 2 : 1; i < argc; i++) {
        int code = dump(argv[i], with_time);
        worst = code > worst ? code : worst;
    }
    return worst;
}
