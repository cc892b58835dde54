/* Tables for the benches: see sets.h. */
#include "bench/sets.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"

typedef struct bench_set_kind {
    const char *name;
    const char *header;
    char *(*row)(bench_set *set, char *to);
} bench_set_kind;

/* ---- chance: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) ---- */

static uint64_t next_random(bench_set *set)
{
    uint64_t z = set->random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static unsigned below(bench_set *set, unsigned n)
{
    return (unsigned)((next_random(set) >> 32) * n >> 32);
}

/* ---- values ---- */

static char *put_text(char *to, const char *text)
{
    size_t n = strlen(text);
    memcpy(to, text, n);
    return to + n;
}

static char *put_integer(char *to, uint64_t value)
{
    char digits[24];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
    } while (value /= 10);
    while (n > 0)
        *to++ = digits[--n];
    return to;
}

/* With zeros before it, to so many digits. */
static char *put_digits(char *to, unsigned value, int n)
{
    for (int i = n - 1; i >= 0; i--, value /= 10)
        to[i] = (char)('0' + value % 10);
    return to + n;
}

static char *put_hundredths(char *to, unsigned value)
{
    to = put_integer(to, value / 100);
    *to++ = '.';
    return put_digits(to, value % 100, 2);
}

static char *put_millionths(char *to, unsigned value)
{
    to = put_integer(to, value / 1000000);
    *to++ = '.';
    return put_digits(to, value % 1000000, 6);
}

/* A day from 2019-01-01 on; years of 365 days and months of 28 to 31 will do. */
static char *put_date(char *to, uint64_t day)
{
    static const unsigned months[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned rest = (unsigned)(day % 365);
    unsigned month = 0;
    while (rest >= months[month])
        rest -= months[month++];
    to = put_digits(to, (unsigned)(2019 + day / 365 % 80), 4);
    *to++ = '-';
    to = put_digits(to, month + 1, 2);
    *to++ = '-';
    return put_digits(to, rest + 1, 2);
}

static char *put_moment(char *to, uint64_t seconds)
{
    unsigned second = (unsigned)(seconds % 86400);
    to = put_date(to, seconds / 86400);
    *to++ = ' ';
    to = put_digits(to, second / 3600, 2);
    *to++ = ':';
    to = put_digits(to, second / 60 % 60, 2);
    *to++ = ':';
    return put_digits(to, second % 60, 2);
}

static char *put_word(bench_set *set, char *to)
{
    static const char *const words[] = {
        "amber", "and",    "arrived",  "at",    "bicycle", "bridge", "broken", "by",
        "canal", "city",   "cold",     "court", "day",     "dear",   "early",  "east",
        "ferry", "field",  "for",      "fresh", "garden",  "gate",   "good",   "green",
        "hall",  "harbor", "hill",     "in",    "island",  "lane",   "late",   "library",
        "long",  "market", "mill",     "never", "new",     "north",  "of",     "old",
        "on",    "park",   "platform", "quay",  "quiet",   "river",  "road",   "school",
        "slow",  "square", "station",  "stone", "street",  "the",    "tower",  "under",
        "very",  "warm",   "west",     "with",  "without", "wrong",  "yard",   "zoo"};
    return put_text(to, words[below(set, sizeof words / sizeof *words)]);
}

/* Some words in quotes; `wild`: with quotes, commas and line ends among them. */
static char *put_quoted(bench_set *set, char *to, unsigned n_words, bool wild)
{
    *to++ = '"';
    for (unsigned i = 0; i < n_words; i++) {
        bool quotes = wild && below(set, 12) == 0;
        unsigned behind = below(set, 40);
        to = put_text(to, quotes ? "\"\"" : "");
        to = put_word(set, to);
        to = put_text(to, quotes ? "\"\"" : "");
        to = put_text(to, behind < 4 ? "," : behind < 6 ? "." : "");
        if (i + 1 < n_words)
            *to++ = wild && behind == 6 ? '\n' : ' ';
    }
    *to++ = '"';
    return to;
}

/* ---- rows ---- */

static char *mixed_row(bench_set *set, char *to)
{
    static const char *const kinds[] = {"classic", "electric", "cargo", "tandem"};
    unsigned minutes = 2 + below(set, 70);
    unsigned hundredths = minutes * (15 + below(set, 20));
    uint64_t began = set->moment += below(set, 9);
    to = put_integer(to, set->id += 1 + below(set, 3));
    *to++ = ',';
    to = put_moment(to, began);
    *to++ = ',';
    if (below(set, 50) > 0)
        to = put_moment(to, began + minutes * 60 + below(set, 60));
    *to++ = ',';
    to = put_word(set, put_text(put_word(set, to), " "));
    *to++ = ',';
    to = put_word(set, put_text(put_word(set, to), " "));
    *to++ = ',';
    to = put_text(to, kinds[below(set, below(set, 3) ? 2 : 4)]);
    *to++ = ',';
    to = put_hundredths(to, hundredths);
    *to++ = ',';
    to = put_text(to, below(set, 3) ? "true" : "false");
    *to++ = ',';
    to = put_hundredths(to, 100 + minutes * 12);
    *to++ = ',';
    to = put_millionths(to, 50000000 + below(set, 900000));
    *to++ = ',';
    to = put_millionths(to, 6000000 + below(set, 900000));
    *to++ = ',';
    to = put_integer(to, 1 + below(set, 800));
    *to++ = ',';
    if (below(set, 5) > 0)
        to = put_integer(to, 1 + below(set, 5));
    *to++ = ',';
    to = put_date(to, began / 86400 + 30);
    *to++ = ',';
    to = put_integer(to, below(set, 100000) * UINT64_C(1000003));
    *to++ = ',';
    to = put_quoted(set, to, 2 + below(set, 3), false);
    *to++ = '\n';
    return to;
}

static char *quoted_row(bench_set *set, char *to)
{
    to = put_integer(to, set->id += 1 + below(set, 3));
    *to++ = ',';
    to = put_integer(put_text(put_word(set, to), "_"), below(set, 10000));
    *to++ = ',';
    to = put_integer(to, 1 + below(set, 5));
    *to++ = ',';
    to = put_quoted(set, to, 3 + below(set, 8), false);
    *to++ = ',';
    to = put_quoted(set, to, 8 + below(set, 60), true);
    *to++ = ',';
    to = put_word(set, put_text(to, "https://example.org/"));
    *to++ = '/';
    to = put_integer(to, next_random(set) >> 40);
    *to++ = ',';
    to = put_moment(to, set->moment += below(set, 900));
    *to++ = '\n';
    return to;
}

static char *floats_row(bench_set *set, char *to)
{
    static const double scales[] = {1, 1, 1, 10, 100, 1000, 1e-3, 1e6};
    for (int i = 0; i < 20; i++) {
        double share = (double)(next_random(set) >> 11) / 9007199254740992.0;
        to += sprintf(to, "%.17g", (share - 0.5) * scales[below(set, 8)]);
        *to++ = i < 19 ? ',' : '\n';
    }
    return to;
}

static char *ints_row(bench_set *set, char *to)
{
    static const unsigned limits[] = {10, 100, 1000, 10000, 2, 100000};
    for (int i = 0; i < 6; i++) {
        to = put_integer(to, below(set, limits[i]));
        *to++ = i < 5 ? ',' : '\n';
    }
    return to;
}

static const bench_set_kind kinds[] = {
    {"mixed",
     "trip_id,started_at,ended_at,start_station,end_station,bike,distance,member,fare,lat,lon,dock,"
     "rating,billed_on,account,notes\n",
     mixed_row},
    {"quoted", "id,author,stars,title,body,url,created_at\n", quoted_row},
    {"floats", "c0,c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13,c14,c15,c16,c17,c18,c19\n",
     floats_row},
    {"ints", "a,b,c,d,e,f\n", ints_row},
};

const char *bench_set_kinds(void)
{
    return "mixed quoted floats ints";
}

void bench_set_begin(bench_set *set, const char *kind, uint64_t seed)
{
    *set = (bench_set){.random = seed * UINT64_C(0x2545F4914F6CDD1D) + 1, .id = 1000};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].name, kind) == 0)
            set->kind = &kinds[i];
    if (!set->kind)
        bench_fail("%s is no kind of set: %s", kind, bench_set_kinds());
    set->moment = seed % 100 * 2000000;
}

char *bench_set_header(const bench_set *set, char *to)
{
    return put_text(to, set->kind->header);
}

char *bench_set_row(bench_set *set, char *to)
{
    return set->kind->row(set, to);
}

/* ---- in memory ---- */

bench_text bench_text_make(const char *kind, uint64_t seed, size_t n_bytes)
{
    bench_set set;
    char *memory = malloc(n_bytes + (2 * BENCH_ROW_BYTES_MAX + 2 * BENCH_TEXT_SLACK));
    if (!memory)
        bench_fail("no memory for %zu bytes of %s", n_bytes, kind);
    memset(memory, 0, BENCH_TEXT_SLACK);
    bench_set_begin(&set, kind, seed);
    bench_text text = {.bytes = memory + BENCH_TEXT_SLACK, .n_columns = 1};
    for (const char *at = set.kind->header; *at; at++)
        text.n_columns += *at == ',';
    char *end = bench_set_header(&set, text.bytes);
    for (; (size_t)(end - text.bytes) < n_bytes; text.n_rows++)
        end = bench_set_row(&set, end);
    memset(end, 0, BENCH_TEXT_SLACK);
    text.n_bytes = (size_t)(end - text.bytes);
    return text;
}

void bench_text_free(bench_text *text)
{
    free(text->bytes - BENCH_TEXT_SLACK);
    *text = (bench_text){0};
}

void bench_text_write(const bench_text *text, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(text->bytes, 1, text->n_bytes, file) != text->n_bytes || fclose(file) != 0)
        bench_fail("%s cannot be written", path);
}
