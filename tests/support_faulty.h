/*
 * Random inputs that are at fault: one to four files, how they are stored, and what is asked of
 * who reads them. All of an input follows from its seed.
 */
#ifndef SHEAF_TESTS_SUPPORT_FAULTY_H
#define SHEAF_TESTS_SUPPORT_FAULTY_H

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <sheaf/sheaf.h>

#include "tests/support_faulty_text.h"

enum { FAULTY_FILES_MAX = 4, FAULTY_BITS = 18 };

/* ---- bytes, once they are known ---- */

typedef struct faulty_bytes {
    char *bytes;
    size_t n;
} faulty_bytes;

static inline FILE *faulty_bytes_open(faulty_bytes *to)
{
    FILE *stream = open_memstream(&to->bytes, &to->n);
    if (!stream)
        abort();
    return stream;
}

/* ---- encodings ---- */

/* Each byte becomes a unit of UTF-16; 0xFF half a pair, so that there are faults. */
static inline void faulty_widen(FILE *to, const faulty_bytes *text, bool big_endian)
{
    for (size_t i = 0; i < text->n; i++) {
        uint8_t low = (uint8_t)text->bytes[i];
        uint8_t high = low == 0xFF ? 0xD8 : 0;
        fputc(big_endian ? high : low, to);
        fputc(big_endian ? low : high, to);
    }
}

/* Letters of Latin-1 become one byte each. */
static inline void faulty_narrow(FILE *to, const faulty_bytes *text)
{
    for (size_t i = 0; i < text->n; i++) {
        if ((uint8_t)text->bytes[i] == 0xC3 && i + 1 < text->n)
            fputc((uint8_t)text->bytes[++i] | 0x40, to);
        else
            fputc((uint8_t)text->bytes[i], to);
    }
}

static inline void faulty_encode(FILE *to, const faulty_bytes *text, uint64_t *random)
{
    switch (faulty_below(random, 20)) {
    case 0:
        fputs("\xFF\xFE", to);
        faulty_widen(to, text, false);
        break;
    case 1:
        fputs("\xFE\xFF", to);
        faulty_widen(to, text, true);
        break;
    case 2:
        faulty_widen(to, text, faulty_once_in(random, 2));
        break;
    case 3:
    case 4:
        faulty_narrow(to, text);
        break;
    case 5:
    case 6:
        fputs("\xEF\xBB\xBF", to);
        fwrite(text->bytes, 1, text->n, to);
        break;
    default:
        fwrite(text->bytes, 1, text->n, to);
    }
}

/* ---- compression ---- */

/* One member of gzip; of BGZF if its length is to stand in it (SAM/BAM specification, 4.1). */
static inline void faulty_put_member(FILE *to, const char *bytes, size_t n_bytes, bool is_block)
{
    enum { HEADER = 10, EXTRA = 8 };
    z_stream stream = {0};
    Bytef nothing = 0;
    if (deflateInit2(&stream, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    uLong most = deflateBound(&stream, (uLong)n_bytes) + 64;
    Bytef *packed = malloc(most);
    stream.next_in = n_bytes > 0 ? (Bytef *)bytes : &nothing;
    stream.avail_in = (uInt)n_bytes;
    stream.next_out = packed;
    stream.avail_out = (uInt)most;
    if (!packed || deflate(&stream, Z_FINISH) != Z_STREAM_END)
        abort();
    size_t n = stream.total_out;
    size_t n_header = 0;
    if (is_block) {
        size_t last = n + EXTRA - 1;
        const uint8_t extra[EXTRA] = {6, 0, 'B', 'C', 2, 0, (uint8_t)last, (uint8_t)(last >> 8)};
        packed[3] |= 4;
        n_header = HEADER;
        fwrite(packed, 1, HEADER, to);
        fwrite(extra, 1, EXTRA, to);
    }
    fwrite(packed + n_header, 1, n - n_header, to);
    deflateEnd(&stream);
    free(packed);
}

static inline void faulty_put_members(FILE *to, const faulty_bytes *text, bool are_blocks,
                                      uint64_t *random)
{
    static const size_t sizes[] = {300, 4000, 60000};
    size_t most = are_blocks || faulty_once_in(random, 2) ? FAULTY_PICK(random, sizes) : SIZE_MAX;
    if (most < text->n / 200)
        most = text->n / 200;
    for (size_t done = 0; done < text->n;) {
        size_t n = text->n - done < most ? text->n - done : most;
        faulty_put_member(to, text->bytes + done, n, are_blocks);
        done += n;
    }
    if (are_blocks)
        faulty_put_member(to, "", 0, true);
}

static inline void faulty_put_zstd(FILE *to, const faulty_bytes *text)
{
    size_t most = ZSTD_compressBound(text->n);
    char *packed = malloc(most);
    if (!packed)
        abort();
    size_t n = ZSTD_compress(packed, most, text->bytes, text->n, 1);
    if (ZSTD_isError(n))
        abort();
    fwrite(packed, 1, n, to);
    free(packed);
}

/* How it is compressed, as its name may tell: "", ".gz" or ".zst". */
static inline const char *faulty_compress(FILE *to, const faulty_bytes *text, uint64_t *random)
{
    unsigned how = faulty_below(random, 20);
    if (how < 4)
        faulty_put_members(to, text, how % 2, random);
    else if (how == 4)
        faulty_put_zstd(to, text);
    else
        fwrite(text->bytes, 1, text->n, to);
    if (faulty_once_in(random, 60))
        return ".gz"; /* a lie, perhaps */
    return how < 4 ? ".gz" : how == 4 ? ".zst" : "";
}

/* Cut off, or with other bytes here and there; now and then. */
static inline void faulty_damage(faulty_bytes *stored, bool is_compressed, uint64_t *random)
{
    if (stored->n == 0 || !faulty_once_in(random, is_compressed ? 3 : 12))
        return;
    if (faulty_once_in(random, 2)) {
        stored->n = faulty_next(random) % stored->n;
        return;
    }
    for (unsigned n = 1 + faulty_below(random, 3); n > 0; n--)
        stored->bytes[faulty_next(random) % stored->n] = (char)faulty_below(random, 256);
}

/* ---- files ---- */

static inline void faulty_write(const char *path, const faulty_bytes *stored)
{
    FILE *file = fopen(path, "w");
    if (!file || fwrite(stored->bytes, 1, stored->n, file) != stored->n || fclose(file) != 0)
        abort();
}

/* Returns how many bytes it has. */
static inline size_t faulty_write_file(const char *directory, unsigned index,
                                       const faulty_style *style, uint64_t *random)
{
    static const char *const endings[] = {"csv", "csv", "csv", "tsv", "txt"};
    faulty_bytes text, encoded, stored;
    char path[300];
    FILE *to = faulty_bytes_open(&text);
    faulty_put_all(to, style, faulty_size(random, FAULTY_BITS), random);
    fclose(to);
    to = faulty_bytes_open(&encoded);
    faulty_encode(to, &text, random);
    fclose(to);
    to = faulty_bytes_open(&stored);
    const char *compressed = faulty_compress(to, &encoded, random);
    fclose(to);
    faulty_damage(&stored, compressed[0], random);
    snprintf(path, sizeof path, "%s/%u.%s%s", directory, index, FAULTY_PICK(random, endings),
             faulty_once_in(random, 10) ? "" : compressed);
    faulty_write(path, &stored);
    free(text.bytes);
    free(encoded.bytes);
    free(stored.bytes);
    return stored.n;
}

/* ---- what is asked ---- */

typedef struct faulty_input {
    uint64_t random;
    unsigned n_files;
    size_t n_bytes;
    bool has_types; /* the destination */
    sheaf_ingest_options options;
    sheaf_file_encoding encoding;
    sheaf_column_type types[2];
    const char *names[2];
    sheaf_rename rename;
    sheaf_added_column added[SHEAF_ORIGINS];
} faulty_input;

/* All of it is told, or some. */
static inline sheaf_dialect faulty_dialect(const faulty_style *style, uint64_t *random)
{
    sheaf_dialect dialect = {.delimiter = style->delimiter};
    if (faulty_once_in(random, 2)) {
        dialect.quote = style->quote;
        dialect.escape = style->escape ? style->escape : SHEAF_NONE;
        dialect.comment = style->comment ? style->comment : SHEAF_NONE;
        dialect.padding = style->padded ? 1 : SHEAF_NONE;
        dialect.skip_lines = style->n_preamble ? (int64_t)style->n_preamble : SHEAF_NONE;
    }
    if (faulty_once_in(random, 3))
        dialect.header = style->headerless ? SHEAF_NONE : 1;
    return dialect;
}

/* One that the first file has, perhaps. */
static inline const char *faulty_column(const faulty_style *style, uint64_t *random)
{
    return faulty_once_in(random, 20) ? "absent"
                                      : style->headers[faulty_below(random, style->n_columns)];
}

static inline void faulty_ask_schema(faulty_input *input, const faulty_style *style)
{
    uint64_t *random = &input->random;
    sheaf_ingest_options *options = &input->options;
    options->columns = (sheaf_columns)faulty_below(random, SHEAF_COLUMNS_STRICT + 1);
    options->match = (sheaf_match)faulty_below(random, SHEAF_MATCH_LOOSE + 1);
    for (unsigned i = 0; i < 2; i++)
        input->names[i] = faulty_column(style, random);
    if (faulty_once_in(random, 6)) {
        options->select = input->names;
        options->n_select = 1 + (input->names[0] != input->names[1]);
    }
    if (faulty_once_in(random, 6)) {
        options->drop = input->names + 1;
        options->n_drop = 1;
    }
    if (faulty_once_in(random, 6)) {
        input->rename = (sheaf_rename){
            .from = faulty_column(style, random),
            .to = faulty_once_in(random, 2) ? "called" : faulty_column(style, random)};
        options->renames = &input->rename;
        options->n_renames = 1;
    }
    if (faulty_once_in(random, 2)) {
        unsigned first = faulty_below(random, SHEAF_ORIGINS);
        options->added = input->added;
        options->n_added = 1 + faulty_below(random, SHEAF_ORIGINS);
        for (unsigned i = 0; i < SHEAF_ORIGINS; i++)
            input->added[i].origin = (sheaf_origin)((first + i) % SHEAF_ORIGINS);
    }
}

static inline void faulty_ask_types(faulty_input *input, const faulty_style *style)
{
    uint64_t *random = &input->random;
    sheaf_ingest_options *options = &input->options;
    options->typing = (sheaf_typing)faulty_once_in(random, 4);
    for (unsigned i = 0; i < 2; i++)
        input->types[i] = (sheaf_column_type){
            .column = faulty_column(style, random),
            .type = (sheaf_type)(1 + faulty_below(random, SHEAF_TYPES - 1))};
    if (faulty_once_in(random, 3)) {
        options->types = input->types;
        options->n_types = 1 + faulty_below(random, 2);
    }
}

static inline void faulty_ask_limits(faulty_input *input)
{
    uint64_t *random = &input->random;
    sheaf_ingest_options *options = &input->options;
    if (faulty_once_in(random, 3))
        options->record_bytes_max = 100 + faulty_size(random, 13);
    if (options->on_error != SHEAF_ON_ERROR_DEFAULT &&
        options->on_error < SHEAF_ON_ERROR_QUARANTINE)
        return;
    if (faulty_once_in(random, 6))
        options->rejects_max = 1 + faulty_size(random, 10);
    else if (faulty_once_in(random, 6))
        options->rejects_percent_max = 1 + faulty_below(random, 99);
}

/* `is_null`: "null:" is the destination, for which alone a run may go on behind damage. */
static inline void faulty_ask(faulty_input *input, const faulty_style *style, bool is_null)
{
    static const sheaf_on_error on_errors[] = {SHEAF_ON_ERROR_DEFAULT,   SHEAF_ON_ERROR_DEFAULT,
                                               SHEAF_ON_ERROR_DEFAULT,   SHEAF_ON_ERROR_QUARANTINE,
                                               SHEAF_ON_ERROR_SKIP_FILE, SHEAF_ON_ERROR_STOP};
    static const char *const nulls[] = {"n/a", "-"};
    uint64_t *random = &input->random;
    sheaf_ingest_options *options = &input->options;
    options->on_error = FAULTY_PICK(random, on_errors);
    if (is_null && faulty_once_in(random, 3))
        options->on_error = SHEAF_ON_ERROR_CONTINUE;
    if (faulty_once_in(random, 4))
        options->dialect = faulty_dialect(style, random);
    if (faulty_once_in(random, 20))
        options->parser = SHEAF_PARSER_LIBCSV;
    if (faulty_once_in(random, 10)) {
        input->encoding.encoding = faulty_once_in(random, 2) ? "utf-8" : "windows-1252";
        options->encodings = &input->encoding;
        options->n_encodings = 1;
    }
    if (faulty_once_in(random, 4)) {
        options->nulls = nulls;
        options->n_nulls = 2;
    }
    if (faulty_once_in(random, 4))
        options->fixes = faulty_below(random, 8);
    options->digest = faulty_once_in(random, 3);
    faulty_ask_limits(input);
    if (faulty_once_in(random, 4))
        faulty_ask_schema(input, style);
    if (input->has_types)
        faulty_ask_types(input, style);
}

/*
 * Make the input of this seed: its files, in a directory that is empty, and its options, but for
 * destination and who reads.
 */
static inline void faulty_make(faulty_input *input, uint64_t seed, const char *directory,
                               bool has_types, bool is_null)
{
    *input = (faulty_input){.random = seed, .has_types = has_types};
    uint64_t *random = &input->random;
    for (int i = 0; i < 8; i++) /* seeds are neighbours */
        (void)faulty_next(random);
    faulty_style style = faulty_style_random(random);
    input->options.size = sizeof input->options;
    bool all_alike = faulty_once_in(random, 2);
    input->n_files = 1 + faulty_below(random, FAULTY_FILES_MAX);
    for (unsigned i = 0; i < input->n_files; i++) {
        faulty_style other = style;
        if (all_alike)
            other.fault_in *= faulty_below(random, 3);
        else if (i > 0)
            other = faulty_style_random(random);
        input->n_bytes += faulty_write_file(directory, i, &other, random);
    }
    faulty_ask(input, &style, is_null);
}

#endif
