/*
 * Random text of files that are at fault: records that are too short or too long, quotes that are
 * never closed or stand where none may, bytes that are no text, line ends of all kinds, values of
 * the wrong type, in whatever dialect.
 *
 * Without Criterion, because what runs under ThreadSanitizer needs it, too.
 */
#ifndef SHEAF_TESTS_SUPPORT_FAULTY_TEXT_H
#define SHEAF_TESTS_SUPPORT_FAULTY_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- random numbers: splitmix64, the same on every machine ---- */

static inline uint64_t faulty_next(uint64_t *random)
{
    uint64_t z = *random += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* 0 .. n - 1 */
static inline unsigned faulty_below(uint64_t *random, unsigned n)
{
    return (unsigned)(faulty_next(random) % n);
}

/* Whether it is the one time in n. */
static inline bool faulty_once_in(uint64_t *random, unsigned n)
{
    return faulty_below(random, n) == 0;
}

/* Up to 2^bits, small ones as often as large ones. */
static inline size_t faulty_size(uint64_t *random, unsigned bits)
{
    return faulty_next(random) & (((uint64_t)1 << faulty_below(random, bits + 1)) - 1);
}

#define FAULTY_PICK(random, list) ((list)[faulty_below((random), sizeof(list) / sizeof *(list))])

/* ---- how a file is written ---- */

enum { FAULTY_COLUMNS_MAX = 7, FAULTY_HEADERS = 9 };

static const char *const faulty_headers[FAULTY_HEADERS] = {
    "id", "name", "value", "date", "Name", "note", "id", "pr\xC3\xA9nom", "a b"};

typedef enum faulty_kind {
    FAULTY_INT,
    FAULTY_FLOAT,
    FAULTY_DATE,
    FAULTY_TIMESTAMP,
    FAULTY_BOOL,
    FAULTY_CODE,
    FAULTY_WORD,
    FAULTY_TEXT,
    FAULTY_KINDS
} faulty_kind;

typedef struct faulty_style {
    char delimiter;
    char quote;
    char escape;  /* 0: quotes are doubled */
    char comment; /* 0: there are none */
    bool padded;
    bool headerless;
    bool mixes_ends;
    unsigned n_preamble;
    const char *end;
    unsigned n_columns;
    const char *headers[FAULTY_COLUMNS_MAX];
    faulty_kind kinds[FAULTY_COLUMNS_MAX];
    unsigned fault_in; /* one record in so many has a fault; 0: none */
} faulty_style;

static inline faulty_style faulty_style_random(uint64_t *random)
{
    static const char delimiters[] = {',', ',', ',', ';', '\t', '|'};
    static const char *const ends[] = {"\n", "\n", "\n", "\r\n", "\r\n", "\r"};
    static const unsigned faults[] = {0, 1, 2, 3, 8, 30, 200, 2000};
    bool is_plain = !faulty_once_in(random, 3);
    faulty_style style = {.delimiter = is_plain ? ',' : FAULTY_PICK(random, delimiters),
                          .quote = is_plain || !faulty_once_in(random, 4) ? '"' : '\'',
                          .escape = !is_plain && faulty_once_in(random, 4) ? '\\' : 0,
                          .comment = !is_plain && faulty_once_in(random, 4) ? '#' : 0,
                          .padded = !is_plain && faulty_once_in(random, 5),
                          .headerless = faulty_once_in(random, 10),
                          .mixes_ends = faulty_once_in(random, 10),
                          .n_preamble = faulty_once_in(random, 10) ? faulty_below(random, 4) : 0,
                          .end = FAULTY_PICK(random, ends),
                          .n_columns = 1 + faulty_below(random, FAULTY_COLUMNS_MAX),
                          .fault_in = FAULTY_PICK(random, faults)};
    unsigned first = faulty_once_in(random, 3) ? faulty_below(random, FAULTY_HEADERS) : 0;
    for (unsigned i = 0; i < style.n_columns; i++) {
        style.headers[i] = faulty_headers[(first + i) % FAULTY_HEADERS];
        style.kinds[i] = (faulty_kind)faulty_below(random, FAULTY_KINDS);
    }
    return style;
}

/* ---- fields ---- */

static inline void faulty_put_end(FILE *to, const faulty_style *style, uint64_t *random)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    fputs(style->mixes_ends ? FAULTY_PICK(random, ends) : style->end, to);
}

/* A field in quotes, in which anything may be, now and then a text that looks like records. */
static inline void faulty_put_text(FILE *to, const faulty_style *style, uint64_t *random)
{
    static const char *const pieces[] = {"a", " ",  "\n", "\r\n", "\xC3\xA9", "1", "x y",
                                         "#", "\r", ",",  ";",    "\t",       "|", "'"};
    unsigned n = faulty_once_in(random, 40) ? faulty_below(random, 400) : faulty_below(random, 6);
    fputc(style->quote, to);
    for (unsigned i = 0; i < n; i++) {
        switch (faulty_below(random, 8)) {
        case 0:
            fputc(style->escape ? style->escape : style->quote, to);
            fputc(style->quote, to);
            break;
        case 1:
            fputc(style->delimiter, to);
            break;
        case 2:
            fprintf(to, "%u%c%s", i, style->delimiter, style->end);
            break;
        default: {
            const char *piece = FAULTY_PICK(random, pieces);
            if (piece[0] != style->quote)
                fputs(piece, to);
        }
        }
    }
    fputc(style->quote, to);
}

static inline void faulty_put_value(FILE *to, faulty_kind kind, const faulty_style *style,
                                    uint64_t *random)
{
    static const char *const words[] = {"abc", "M\xC3\xBCnchen", "x y",  "",     "n/a",
                                        "-",   "\xE2\x82\xAC",   "null", "Paris"};
    unsigned n = faulty_below(random, 1000);
    switch (kind) {
    case FAULTY_INT:
        fprintf(to, "%d", (int)n - 100);
        break;
    case FAULTY_FLOAT:
        fprintf(to, "%u.%u", n, n % 7);
        break;
    case FAULTY_DATE:
        fprintf(to, "2024-%02u-%02u", 1 + n % 12, 1 + n % 28);
        break;
    case FAULTY_TIMESTAMP:
        fprintf(to, "2024-%02u-11 %02u:30:00", 1 + n % 12, n % 24);
        break;
    case FAULTY_BOOL:
        fputs(n % 2 ? "true" : "false", to);
        break;
    case FAULTY_CODE:
        fprintf(to, "%05u", n);
        break;
    case FAULTY_WORD:
        fputs(FAULTY_PICK(random, words), to);
        break;
    default:
        faulty_put_text(to, style, random);
    }
}

static inline void faulty_put_field(FILE *to, unsigned column, const faulty_style *style,
                                    uint64_t *random)
{
    faulty_kind kind = style->kinds[column];
    if (style->padded && faulty_once_in(random, 2))
        fputc(' ', to);
    if (faulty_once_in(random, 12)) /* null */
        return;
    if (faulty_once_in(random, 500)) /* its column's type is a wider one then */
        kind = (faulty_kind)faulty_below(random, FAULTY_KINDS);
    bool quotes = kind != FAULTY_TEXT && faulty_once_in(random, 9);
    if (quotes)
        fputc(style->quote, to);
    faulty_put_value(to, kind, style, random);
    if (quotes)
        fputc(style->quote, to);
    if (style->padded && faulty_once_in(random, 2))
        fputc(' ', to);
}

/* ---- faults ---- */

static inline void faulty_put_fields(FILE *to, unsigned n, const faulty_style *style,
                                     uint64_t *random)
{
    for (unsigned i = 0; i < n; i++) {
        if (i > 0)
            fputc(style->delimiter, to);
        faulty_put_field(to, i % style->n_columns, style, random);
    }
}

static inline void faulty_put_header(FILE *to, const faulty_style *style)
{
    for (unsigned i = 0; i < style->n_columns; i++)
        fprintf(to, "%.1s%s", i > 0 ? &style->delimiter : "", style->headers[i]);
}

static inline void faulty_put_bytes(FILE *to, unsigned n, uint64_t *random)
{
    for (unsigned i = 0; i < n; i++)
        fputc((int)faulty_below(random, 256), to);
}

/* What stands behind the fields of a record, or in the midst of them. */
static inline void faulty_put_oddity(FILE *to, const faulty_style *style, uint64_t *random)
{
    static const char *const oddities[] = {"\xFF", "\xC3", "\xED\xA0\x80", "\xE2\x82", "\r",
                                           "n/a",  "1e",   "\"",           "'",        "\\"};
    switch (faulty_below(random, 6)) {
    case 0: /* a NUL is text */
        fputc('\0', to);
        break;
    case 1: /* a quote where none may be */
        fprintf(to, "%cx%cy", style->quote, style->quote);
        break;
    case 2:
        fprintf(to, "x%cy", style->quote);
        break;
    case 3:
        faulty_put_bytes(to, 1 + faulty_below(random, 4), random);
        break;
    default:
        fputs(FAULTY_PICK(random, oddities), to);
    }
}

static inline void faulty_put_fault(FILE *to, const faulty_style *style, uint64_t *random)
{
    unsigned n = style->n_columns;
    switch (faulty_below(random, 12)) {
    case 0: /* short */
        faulty_put_fields(to, 1 + faulty_below(random, n), style, random);
        break;
    case 1: /* long */
        faulty_put_fields(to, n + 1 + faulty_below(random, 3), style, random);
        break;
    case 2: /* long, by nothing */
        faulty_put_fields(to, n, style, random);
        for (unsigned i = faulty_below(random, 4); i > 0; i--)
            fprintf(to, "%c%s", style->delimiter, i % 2 ? " " : "");
        break;
    case 3: /* a quote that perhaps nothing closes */
        faulty_put_fields(to, n - 1, style, random);
        fprintf(to, "%.1s%copen", n > 1 ? &style->delimiter : "", style->quote);
        break;
    case 4: /* the same, and then records that the next quote closes */
        fprintf(to, "%copen%s", style->quote, style->end);
        for (unsigned i = faulty_below(random, 200); i > 0; i--)
            fprintf(to, "%u%c%u%s", i, style->delimiter, i, style->end);
        break;
    case 5: /* beyond the limit of a record, perhaps */
        faulty_put_fields(to, n, style, random);
        for (unsigned i = faulty_below(random, 1500); i > 0; i--)
            fputs("long ", to);
        break;
    case 6: /* nothing */
        faulty_put_end(to, style, random);
        break;
    case 7:
        faulty_put_header(to, style);
        break;
    case 8:
        faulty_put_bytes(to, faulty_below(random, 40), random);
        break;
    default:
        faulty_put_fields(to, faulty_below(random, n), style, random);
        faulty_put_oddity(to, style, random);
        faulty_put_fields(to, faulty_below(random, n + 1), style, random);
    }
}

/* ---- all of a text ---- */

static inline void faulty_put_record(FILE *to, const faulty_style *style, uint64_t *random)
{
    if (style->comment && faulty_once_in(random, 15))
        fprintf(to, "%c a comment%s", style->comment, style->end);
    if (style->fault_in > 0 && faulty_once_in(random, style->fault_in))
        faulty_put_fault(to, style, random);
    else
        faulty_put_fields(to, style->n_columns, style, random);
    faulty_put_end(to, style, random);
    if (faulty_once_in(random, 60)) /* a blank line */
        faulty_put_end(to, style, random);
}

/* About n_bytes of it: a header and records, perhaps without the end of the last. */
static inline void faulty_put_all(FILE *to, const faulty_style *style, size_t n_bytes,
                                  uint64_t *random)
{
    for (unsigned i = 0; i < style->n_preamble; i++)
        fprintf(to, "Report, part %u%s", i, style->end);
    if (!style->headerless && n_bytes > 0) {
        faulty_put_header(to, style);
        faulty_put_end(to, style, random);
    }
    while ((size_t)ftell(to) < n_bytes)
        faulty_put_record(to, style, random);
    if (faulty_once_in(random, 6))
        faulty_put_fields(to, style->n_columns, style, random);
}

#endif
