/*
 * Digests of rows: see digest.h.
 *
 * Nearly all rows stand in their batch just as they are hashed: no field was quoted, a comma parts
 * them, and the file's columns are the table's. Then a row's line is hashed where it stands.
 * Whether it is so, the cells say: between one and the next is a single byte, where a quote or a
 * text that was copied would leave more or none. (Where all of a batch is like that, the batch says
 * so: cells cost more to look at than text to hash.) All other lines are written anew.
 */
#include "engine/table/digest.h"

#include <stdbool.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define PRIME ((UINT64_C(1) << 61) - 1)
#define BASE UINT64_C(0x043F6A8885A308D3) /* of the fraction of pi the first bits, below PRIME */

enum { PENDING_BYTES = 4096, SHORT_BYTES = 16 /* less than SHEAF__BATCH_SLACK */ };

__extension__ typedef unsigned __int128 uint128;

/* ---- the polynomial ---- */

static inline uint64_t reduce(uint64_t value)
{
    return value >= PRIME ? value - PRIME : value;
}

static inline uint64_t times(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)a * b;
    return reduce(((uint64_t)product & PRIME) + (uint64_t)(product >> 61));
}

/* The next value; it and the one before are below PRIME + 16, which keeps all sums in 64 bits. */
static inline uint64_t next(uint64_t value, uint64_t hash)
{
    uint128 product = (uint128)value * BASE;
    uint64_t sum = ((uint64_t)product & PRIME) + (uint64_t)(product >> 61) + (hash & PRIME) +
                   (hash >> 61);
    return (sum & PRIME) + (sum >> 61);
}

static uint64_t power(uint64_t base, uint64_t n)
{
    uint64_t made = 1;
    for (; n > 0; n >>= 1, base = times(base, base))
        if (n & 1)
            made = times(made, base);
    return made;
}

void sheaf__digest_append(sheaf__digest *digest, const sheaf__digest *behind)
{
    if (behind->n_lines == 0)
        return;
    digest->value = reduce(times(digest->value, power(BASE, behind->n_lines)) + behind->value);
    digest->n_lines += behind->n_lines;
}

/* ---- lines that are written anew ---- */

/* A line that is hashed as it grows, so that it may have any length. */
typedef struct line {
    size_t n_bytes; /* that wait */
    bool streams;
    uint8_t bytes[PENDING_BYTES];
    XXH3_state_t state;
} line;

static void spill(line *self)
{
    if (!self->streams)
        (void)XXH3_64bits_reset(&self->state);
    self->streams = true;
    (void)XXH3_64bits_update(&self->state, self->bytes, self->n_bytes);
    self->n_bytes = 0;
}

static void put(line *self, const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes > sizeof self->bytes - self->n_bytes)
        spill(self);
    if (n_bytes > sizeof self->bytes) {
        (void)XXH3_64bits_update(&self->state, bytes, n_bytes);
        return;
    }
    memcpy(self->bytes + self->n_bytes, bytes, n_bytes);
    self->n_bytes += n_bytes;
}

static void put_byte(line *self, uint8_t byte)
{
    if (self->n_bytes == sizeof self->bytes)
        spill(self);
    self->bytes[self->n_bytes++] = byte;
}

static uint64_t finish(line *self)
{
    if (!self->streams)
        return XXH3_64bits(self->bytes, self->n_bytes);
    spill(self);
    return XXH3_64bits_digest(&self->state);
}

/* A short text is copied in one step: what may be read behind it is overwritten by the next. */
static inline void put_text(line *self, const uint8_t *text, size_t n_bytes)
{
    if (n_bytes > SHORT_BYTES || self->n_bytes > sizeof self->bytes - SHORT_BYTES) {
        put(self, text, n_bytes);
        return;
    }
    memcpy(self->bytes + self->n_bytes, text, SHORT_BYTES);
    self->n_bytes += n_bytes;
}

typedef uint8_t vector __attribute__((vector_size(SHORT_BYTES)));

/* A byte that is not 0 for each of these that cannot stand without quotes. */
static inline vector find_special(vector bytes)
{
    return (vector)((bytes == ',') | (bytes == '"') | (bytes == '\n') | (bytes == '\r'));
}

static inline bool is_zero(vector bytes)
{
    uint64_t words[SHORT_BYTES / 8];
    memcpy(words, &bytes, sizeof words);
    return (words[0] | words[1]) == 0;
}

/* Whether a text cannot stand without quotes. */
static bool must_quote(const uint8_t *text, size_t n_bytes)
{
    static const uint8_t mask[2 * SHORT_BYTES] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                  255, 255, 255, 255, 255, 255, 255, 255};
    vector bytes;
    vector within;
    for (; n_bytes > SHORT_BYTES; text += SHORT_BYTES, n_bytes -= SHORT_BYTES) {
        memcpy(&bytes, text, sizeof bytes);
        if (!is_zero(find_special(bytes)))
            return true;
    }
    memcpy(&bytes, text, sizeof bytes); /* perhaps more than there are */
    memcpy(&within, mask + SHORT_BYTES - n_bytes, sizeof within);
    return n_bytes == 0 || !is_zero(find_special(bytes) & within);
}

static void put_quoted(line *self, const uint8_t *text, size_t n_bytes)
{
    put_byte(self, '"');
    while (n_bytes > 0) {
        const uint8_t *quote = memchr(text, '"', n_bytes);
        size_t n_run = quote ? (size_t)(quote - text) + 1 : n_bytes;
        put(self, text, n_run);
        if (quote)
            put_byte(self, '"');
        text += n_run;
        n_bytes -= n_run;
    }
    put_byte(self, '"');
}

/* `clean`: none of the texts needs quotes. */
static uint64_t hash_anew(const sheaf__batch *batch, const sheaf__cell *cells, const uint32_t *from,
                          size_t n_columns, bool clean)
{
    line made;
    made.n_bytes = 0;
    made.streams = false;
    for (size_t i = 0; i < n_columns; i++) {
        uint32_t column = from ? from[i] : (uint32_t)i;
        const sheaf__cell *cell = column == UINT32_MAX ? NULL : &cells[column];
        if (i > 0)
            put_byte(&made, ',');
        if (!cell || cell->n_bytes == SHEAF__NULL_CELL)
            continue;
        const uint8_t *text = batch->bytes + cell->offset_bytes;
        if (!clean && must_quote(text, cell->n_bytes))
            put_quoted(&made, text, cell->n_bytes);
        else
            put_text(&made, text, cell->n_bytes);
    }
    return finish(&made);
}

/* ---- lines that stand there ---- */

static bool is_identity(const sheaf__batch *batch, const uint32_t *from, size_t n_columns)
{
    if (n_columns != batch->n_columns)
        return false;
    for (size_t i = 0; from && i < n_columns; i++)
        if (from[i] != i)
            return false;
    return true;
}

static inline uint32_t length_of(sheaf__cell cell)
{
    return cell.n_bytes + (cell.n_bytes == SHEAF__NULL_CELL);
}

/* Whether there is one byte between each of these cells and the next. A compiler makes vectors. */
static inline bool is_contiguous(const sheaf__cell *cells, size_t n)
{
    uint32_t wrong = 0;
    for (size_t i = 0; i + 1 < n; i++)
        wrong |= (cells[i].offset_bytes + length_of(cells[i]) + 1) ^ cells[i + 1].offset_bytes;
    return wrong == 0;
}

/* A line that stands there but for what parts its fields. */
static uint64_t hash_with_commas(const uint8_t *begin, size_t n_bytes, const sheaf__cell *cells,
                                 size_t n)
{
    uint8_t bytes[PENDING_BYTES];
    memcpy(bytes, begin, n_bytes);
    for (size_t i = 1; i < n; i++)
        bytes[cells[i].offset_bytes - cells[0].offset_bytes - 1] = ',';
    return XXH3_64bits(bytes, n_bytes);
}

void sheaf__digest_rows(sheaf__digest *digest, const sheaf__batch *batch, const uint32_t *from,
                        size_t n_columns)
{
    size_t n = batch->n_columns;
    const sheaf__cell *cells = batch->cells;
    bool same_columns = is_identity(batch, from, n_columns);
    bool are_plain = batch->n_plain_rows == batch->n_rows;
    bool has_quotes = batch->n_bytes > 0 && memchr(batch->bytes, '"', batch->n_bytes);
    uint64_t value = digest->value;
    for (size_t row = 0; row < batch->n_rows; row++, cells += n) {
        const uint8_t *begin = batch->bytes + cells[0].offset_bytes;
        size_t n_bytes = cells[n - 1].offset_bytes + length_of(cells[n - 1]) -
                         cells[0].offset_bytes;
        /* A field alone does not show whether it was quoted. */
        bool clean = n > 1 && (are_plain || is_contiguous(cells, n)) &&
                     !(has_quotes && memchr(begin, '"', n_bytes));
        bool has_commas = clean && begin[length_of(cells[0])] == ',';
        clean = clean && (has_commas || !memchr(begin, ',', n_bytes));
        uint64_t hash;
        if (clean && same_columns && has_commas)
            hash = XXH3_64bits(begin, n_bytes);
        else if (clean && same_columns && n_bytes <= PENDING_BYTES)
            hash = hash_with_commas(begin, n_bytes, cells, n);
        else
            hash = hash_anew(batch, cells, from, n_columns, clean);
        value = next(value, hash);
    }
    digest->value = reduce(value);
    digest->n_lines += batch->n_rows;
}

/* ---- names ---- */

sheaf_status sheaf__digest_names(sheaf__digest *digest, const sheaf__names *names, size_t n_names)
{
    sheaf__batch *batch = sheaf__batch_create(NULL);
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_names; i++)
        n_bytes += names->items[i].n_bytes;
    if (!batch || sheaf__batch_reserve(batch, n_bytes + 1, n_names + 1) < 0) {
        sheaf__batch_destroy(batch);
        return SHEAF_ENOMEM;
    }
    for (size_t i = 0; i < n_names; i++)
        sheaf__batch_add_unsafe(batch, names->items[i].bytes, names->items[i].n_bytes);
    batch->n_columns = n_names;
    uint64_t hash = hash_anew(batch, batch->cells, NULL, n_names, false);
    digest->value = reduce(next(digest->value, hash));
    digest->n_lines++;
    sheaf__batch_destroy(batch);
    return SHEAF_OK;
}

/* ---- anything ---- */

void sheaf__digest_bytes(sheaf__digest *digest, const void *bytes, size_t n_bytes)
{
    digest->value = reduce(next(digest->value, XXH3_64bits(bytes, n_bytes)));
    digest->n_lines++;
}
