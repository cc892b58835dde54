/*
 * Encoding of one column chunk: see column.h. Values of nulls are left out first, so that
 * everything behind that sees values alone: of texts the ends, since a null has no bytes of its
 * own. How values are encoded depends on nothing but them.
 */
#include "engine/sinks/parquet/column.h"

#include "engine/core/error.h"
#include "engine/sinks/parquet/runs.h"
#include "engine/sinks/parquet/thrift.h"

enum { ENCODING_PLAIN = 0, ENCODING_RLE = 3, ENCODING_RLE_DICTIONARY = 8 };
enum { PAGE_DATA = 0, PAGE_DICTIONARY = 2 };
enum { LENGTH_BYTES = 4, PAGE_BYTES_MAX = INT32_MAX - (1 << 20), WORTH_SHARE = 16 };

void sheaf__parquet_scratch_end(sheaf__parquet_scratch *scratch)
{
    sheaf__page_compressor_destroy(scratch->compressor);
    sheaf__dictionary_end(&scratch->dictionary);
    sheaf__bytes_end(&scratch->present);
    sheaf__bytes_end(&scratch->page);
    sheaf__bytes_end(&scratch->values_page);
    sheaf__bytes_end(&scratch->dictionary_page);
    *scratch = (sheaf__parquet_scratch){0};
}

/* ---- values without nulls ---- */

static size_t width_of(sheaf_type type)
{
    return type == SHEAF_TYPE_DATE || type == SHEAF_TYPE_TEXT ? 4 : 8;
}

/* No branch on what is random: a value that is not there is written over by the next. */
static inline size_t leave_out(uint8_t *to, const uint8_t *values, const uint8_t *valid, size_t n,
                               size_t width)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(to + kept * width, values + i * width, width);
        kept += valid[i / 8] >> i % 8 & 1;
    }
    return kept;
}

static void leave_out_bits(uint8_t *to, const uint8_t *bits, const uint8_t *valid, size_t n)
{
    size_t kept = 0;
    memset(to, 0, (n + 7) / 8);
    for (size_t i = 0; i < n; i++) {
        unsigned is_valid = valid[i / 8] >> i % 8 & 1;
        to[kept / 8] |= (uint8_t)((bits[i / 8] >> i % 8 & is_valid) << kept % 8);
        kept += is_valid;
    }
}

/* The values that are there, and of texts their ends; NULL: there is no memory. */
static const void *present_values(const sheaf__column *column, size_t n_rows, sheaf__bytes *scratch)
{
    size_t width = width_of(column->type);
    if (column->n_nulls == 0)
        return column->values;
    scratch->n = 0;
    uint8_t *to = sheaf__bytes_add(scratch, (n_rows + 1) * width);
    if (!to)
        return NULL;
    if (column->type == SHEAF_TYPE_BOOL) {
        leave_out_bits(to, column->values, column->valid, n_rows);
    } else if (width == 4) {
        size_t n = leave_out(to, column->values, column->valid, n_rows, 4);
        if (column->type == SHEAF_TYPE_TEXT)
            memcpy(to + n * width, (const int32_t *)column->values + n_rows, width);
    } else {
        leave_out(to, column->values, column->valid, n_rows, 8);
    }
    return to;
}

/* ---- pages ---- */

static void put_text(sheaf__bytes *to, const uint8_t *text, const int32_t *ends, size_t i)
{
    uint32_t length = (uint32_t)(ends[i + 1] - ends[i]);
    memcpy(to->items + to->n, &length, LENGTH_BYTES);
    if (length > 0)
        memcpy(to->items + to->n + LENGTH_BYTES, text + ends[i], length);
    to->n += LENGTH_BYTES + length;
}

/* n values; if there are `firsts`, those with these indexes. */
static void put_plain(sheaf__bytes *to, const sheaf__column *column, const void *values,
                      const uint32_t *firsts, size_t n)
{
    size_t width = width_of(column->type);
    if (n == 0)
        return;
    if (column->type == SHEAF_TYPE_BOOL) {
        sheaf__bytes_put(to, values, (n + 7) / 8);
    } else if (column->type == SHEAF_TYPE_TEXT) {
        const int32_t *ends = values;
        size_t n_bytes = firsts ? 0 : (size_t)(ends[n] - ends[0]);
        for (size_t i = 0; firsts && i < n; i++)
            n_bytes += (size_t)(ends[firsts[i] + 1] - ends[firsts[i]]);
        if (!sheaf__bytes_reserve(to, n * LENGTH_BYTES + n_bytes))
            return;
        for (size_t i = 0; i < n; i++)
            put_text(to, column->text, ends, firsts ? firsts[i] : i);
    } else if (!firsts) {
        sheaf__bytes_put(to, values, n * width);
    } else {
        for (size_t i = 0; i < n; i++)
            sheaf__bytes_put(to, (const uint8_t *)values + firsts[i] * width, width);
    }
}

/* Which rows have a value: behind its own length. */
static void put_levels(sheaf__bytes *to, const sheaf__column *column, size_t n_rows)
{
    size_t at = to->n;
    sheaf__bytes_put(to, &(uint32_t){0}, LENGTH_BYTES);
    sheaf__parquet_put_bits(to, column->valid, n_rows, n_rows - column->n_nulls);
    uint32_t length = (uint32_t)(to->n - at - LENGTH_BYTES);
    if (!to->failed)
        memcpy(to->items + at, &length, LENGTH_BYTES);
}

static void put_numbers(sheaf__bytes *to, const sheaf__dictionary *dictionary, size_t n)
{
    unsigned bits = 1; /* of no bits readers differ in what they think */
    while ((dictionary->n - 1) >> bits > 0)
        bits++;
    sheaf__bytes_put_byte(to, (uint8_t)bits);
    sheaf__parquet_put_runs(to, dictionary->indexes, n, bits);
}

/* Put a page's head; returns what it took. */
static size_t put_head(sheaf__bytes *to, int type, size_t n_values, int encoding, size_t n_bytes,
                       size_t n_compressed)
{
    size_t at = to->n;
    sheaf__thrift head = sheaf__thrift_struct(to);
    sheaf__thrift_i32(&head, 1, type);
    sheaf__thrift_i32(&head, 2, (int32_t)n_bytes);
    sheaf__thrift_i32(&head, 3, (int32_t)n_compressed);
    sheaf__thrift own = sheaf__thrift_begin(&head, type == PAGE_DICTIONARY ? 7 : 5);
    sheaf__thrift_i32(&own, 1, (int32_t)n_values);
    sheaf__thrift_i32(&own, 2, encoding);
    if (type == PAGE_DATA) {
        sheaf__thrift_i32(&own, 3, ENCODING_RLE); /* of the levels: of nulls, of repetition */
        sheaf__thrift_i32(&own, 4, ENCODING_RLE);
    }
    sheaf__thrift_stop(&own);
    sheaf__thrift_stop(&head);
    return to->n - at;
}

/* ---- the column ---- */

static bool find_dictionary(sheaf__dictionary *dictionary, const sheaf__column *column,
                            const void *values, size_t n)
{
    switch (column->type) {
    case SHEAF_TYPE_NULL:
    case SHEAF_TYPE_BOOL:
        return false;
    case SHEAF_TYPE_TEXT:
        return sheaf__dictionary_of_texts(dictionary, column->text, values, n);
    case SHEAF_TYPE_DATE:
        return sheaf__dictionary_of_4_bytes(dictionary, values, n);
    default:
        return sheaf__dictionary_of_8_bytes(dictionary, values, n);
    }
}

static sheaf_status no_memory(sheaf_error *err)
{
    return sheaf__error_memory(err, "a column of Parquet");
}

/* The page in the scratch becomes one that is compressed; *n_before: what it was. */
static sheaf_status press(sheaf__parquet_scratch *scratch, sheaf__bytes *to, size_t *n_before,
                          sheaf_error *err)
{
    to->n = 0;
    *n_before = scratch->page.n;
    if (scratch->page.n > PAGE_BYTES_MAX) {
        sheaf_error_set(err, SHEAF_ELIMIT, "a page of Parquet holds less than 2 GiB");
        return SHEAF_ELIMIT;
    }
    if (!scratch->page.failed)
        sheaf__page_compress(scratch->compressor, scratch->page.items, scratch->page.n, to);
    return scratch->page.failed || to->failed ? no_memory(err) : SHEAF_OK;
}

/* What the pages are made of: all values, and if there is a dictionary those that differ. */
typedef struct contents {
    const void *values;
    size_t n_present;
    bool has_dictionary;
    size_t n_page; /* before they were compressed */
    size_t n_dictionary;
} contents;

static void fill_dictionary(const sheaf__column *column, const contents *made,
                            sheaf__parquet_scratch *scratch)
{
    scratch->page.n = 0;
    put_plain(&scratch->page, column, made->values, scratch->dictionary.firsts,
              scratch->dictionary.n);
}

static void fill_page(const sheaf__column *column, size_t n_rows, const contents *made,
                      sheaf__parquet_scratch *scratch)
{
    scratch->page.n = 0;
    put_levels(&scratch->page, column, n_rows);
    if (made->has_dictionary)
        put_numbers(&scratch->page, &scratch->dictionary, made->n_present);
    else
        put_plain(&scratch->page, column, made->values, NULL, made->n_present);
}

static sheaf_status press_pages(const sheaf__column *column, size_t n_rows, contents *made,
                                sheaf__parquet_scratch *scratch, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    scratch->dictionary_page.n = made->n_dictionary = 0;
    if (made->has_dictionary) {
        fill_dictionary(column, made, scratch);
        status = press(scratch, &scratch->dictionary_page, &made->n_dictionary, err);
    }
    if (status < 0)
        return status;
    fill_page(column, n_rows, made, scratch);
    return press(scratch, &scratch->values_page, &made->n_page, err);
}

/* The same pages as they are, if that is hardly more: who reads them need not decompress them. */
static bool unpress(const sheaf__column *column, contents *made, sheaf__parquet_scratch *scratch)
{
    size_t before = made->n_page + made->n_dictionary;
    size_t after = scratch->values_page.n + scratch->dictionary_page.n;
    if (scratch->compression != SHEAF__CODEC_NONE && after <= before - before / WORTH_SHARE)
        return false;
    scratch->values_page.n = scratch->dictionary_page.n = 0;
    sheaf__bytes_put(&scratch->values_page, scratch->page.items, scratch->page.n);
    if (made->has_dictionary) {
        fill_dictionary(column, made, scratch);
        sheaf__bytes_put(&scratch->dictionary_page, scratch->page.items, scratch->page.n);
    }
    return true;
}

static void put_pages(sheaf__bytes *to, size_t n_rows, const contents *made,
                      const sheaf__parquet_scratch *scratch, sheaf__parquet_chunk *chunk)
{
    size_t begin = to->n;
    size_t heads = 0;
    if (made->has_dictionary) {
        heads += put_head(to, PAGE_DICTIONARY, scratch->dictionary.n, ENCODING_PLAIN,
                          made->n_dictionary, scratch->dictionary_page.n);
        sheaf__bytes_put(to, scratch->dictionary_page.items, scratch->dictionary_page.n);
    }
    chunk->dictionary_bytes = to->n - begin;
    heads += put_head(to, PAGE_DATA, n_rows,
                      made->has_dictionary ? ENCODING_RLE_DICTIONARY : ENCODING_PLAIN, made->n_page,
                      scratch->values_page.n);
    sheaf__bytes_put(to, scratch->values_page.items, scratch->values_page.n);
    chunk->compressed_bytes = to->n - begin;
    chunk->uncompressed_bytes = heads + made->n_page + made->n_dictionary;
}

sheaf_status sheaf__parquet_put_column(sheaf__bytes *to, const sheaf__column *column, size_t n_rows,
                                       sheaf__parquet_scratch *scratch, sheaf__parquet_chunk *chunk,
                                       sheaf_error *err)
{
    contents made = {.n_present = n_rows - column->n_nulls};
    if (!scratch->compressor)
        scratch->compressor = sheaf__page_compressor_create(scratch->compression);
    if (made.n_present > 0)
        made.values = present_values(column, n_rows, &scratch->present);
    if (!scratch->compressor || (made.n_present > 0 && !made.values))
        return no_memory(err);
    sheaf__dictionary *dictionary = &scratch->dictionary;
    dictionary->failed = false;
    made.has_dictionary = find_dictionary(dictionary, column, made.values, made.n_present);
    if (dictionary->failed) /* without one the bytes would depend on how much memory there was */
        return no_memory(err);
    chunk->n_nulls = column->n_nulls;
    chunk->n_different = made.has_dictionary ? dictionary->n : 0;
    sheaf__bounds_of(&chunk->bounds, column->type, made.values, column->text,
                     made.has_dictionary ? dictionary->firsts : NULL,
                     made.has_dictionary ? dictionary->n : made.n_present);
    sheaf_status status = press_pages(column, n_rows, &made, scratch, err);
    if (status < 0)
        return status;
    chunk->compression = unpress(column, &made, scratch) ? SHEAF__CODEC_NONE : scratch->compression;
    put_pages(to, n_rows, &made, scratch, chunk);
    bool failed = scratch->values_page.failed || scratch->dictionary_page.failed || to->failed;
    return failed ? no_memory(err) : SHEAF_OK;
}
