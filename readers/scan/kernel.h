/*
 * The template of the scan kernels. A kernel's file defines, and then includes this:
 *
 *     KERNEL                                 its name
 *     masks look(text, delimiter, quote)     64 bytes as masks: bit i is set where byte i is such
 *     uint64_t prefix_xor(bits)              bit i is the parity of bits 0 to i
 *     void write_positions(to, base, bits)   base + the number of each set bit, in order; may write
 *                                            up to 64 entries
 *     bool is_utf8(text, n_bytes)            whether it is, to its last byte
 *
 * and gets sheaf__scan_KERNEL. What is not a set of instructions stands here, once.
 */
#include <string.h>

#include "readers/scan/scan.h"

#define BLOCK 64
#define ALWAYS_INLINE static inline __attribute__((always_inline))

static inline uint64_t last_bit(uint64_t bits)
{
    return bits >> (BLOCK - 1);
}

/* What a block has to know of the one before it. */
typedef struct carry {
    uint64_t inside;  /* all ones: a quote is open */
    uint64_t at_edge; /* 1: its last byte ends a field, or is a closing quote: one may open here */
    uint64_t closed;  /* 1: its last byte is a closing quote: a field must end here, or one open */
} carry;

/* What was met so far: not zero where there was any. */
typedef struct met {
    uint64_t high;
    uint64_t crs;
    uint64_t quotes;
    uint64_t doubled;
    uint64_t quoted_lines;
} met;

/* What was found so far: lives in registers. */
typedef struct found {
    uint32_t *fields;
    sheaf__scan_line *lines;
    size_t n_fields;
    size_t n_lines;
} found;

/*
 * The last bytes, fewer than a block: behind them stands what nobody looks for. Not on the stack,
 * where gcc 12 takes an array of a register's size to be aligned to it, which the stack of
 * AddressSanitizer is not (GCC bug 110027).
 */
ALWAYS_INLINE masks look_at_tail(uint8_t *padded, const uint8_t *text, size_t n_bytes,
                                 char delimiter, char quote)
{
    memset(padded, 0, BLOCK);
    memcpy(padded, text, n_bytes);
    return look(padded, delimiter, quote);
}

/* CRs that no LF follows. The last byte of all is not decided here. */
ALWAYS_INLINE uint64_t lone(uint64_t cr, uint64_t lf, const uint8_t *text, size_t n_bytes)
{
    if (cr == 0)
        return 0;
    uint64_t followed = lf >> 1;
    uint64_t undecided = n_bytes > BLOCK ? 0 : UINT64_C(1) << (n_bytes - 1);
    if (n_bytes > BLOCK && text[BLOCK] == '\n')
        followed |= UINT64_C(1) << (BLOCK - 1);
    return cr & ~followed & ~undecided;
}

/* The first line end, if there is one, and what is left of them. */
ALWAYS_INLINE uint64_t write_line(found *scan, uint32_t base, uint64_t lines, uint64_t fields)
{
    uint64_t up_to = lines ^ (lines - 1);
    scan->lines[scan->n_lines] = (sheaf__scan_line){
        .at = base + (uint32_t)__builtin_ctzll(lines | UINT64_C(1) << (BLOCK - 1)),
        .n_fields = (uint32_t)scan->n_fields + (uint32_t)__builtin_popcountll(fields & up_to)};
    scan->n_lines += lines != 0;
    return lines & (lines - 1);
}

/* As many as there mostly are, without asking: what costs is a branch that is guessed wrong. */
ALWAYS_INLINE void write_lines(found *scan, uint32_t base, uint64_t lines, uint64_t fields)
{
    lines = write_line(scan, base, lines, fields);
    if (lines == 0)
        return;
    for (int i = 0; i < 3; i++)
        lines = write_line(scan, base, lines, fields);
    while (lines != 0)
        lines = write_line(scan, base, lines, fields);
}

/*
 * One block, with n_bytes of text from its first byte on; of a tail, only the first n_bytes are
 * text. False: the scan ends in it.
 */
ALWAYS_INLINE bool scan_block(found *scan, carry *before, met *so_far, masks m, const uint8_t *text,
                              size_t n_bytes, uint32_t base, bool wants_fields)
{
    uint64_t inside = prefix_xor(m.quote) ^ before->inside;
    uint64_t opening = m.quote & inside;
    uint64_t closing = m.quote & ~inside;
    uint64_t lines = (m.lf | lone(m.cr, m.lf, text, n_bytes)) & ~inside;
    uint64_t fields = lines | (m.delimiter & ~inside);
    uint64_t after_closing = closing << 1 | before->closed;
    uint64_t may_open = (fields | closing) << 1 | before->at_edge;
    uint64_t may_follow = fields | opening | m.cr;
    uint64_t wrong = (opening & ~may_open) | (after_closing & ~may_follow);
    if (n_bytes < BLOCK) /* behind a quote at the end of the text, anything may come yet */
        wrong &= (UINT64_C(1) << n_bytes) - 1;
    bool goes_on = wrong == 0;
    if (!goes_on) { /* what is before the first wrong byte holds */
        uint64_t good = (wrong & -wrong) - 1;
        lines &= good;
        fields &= good;
    }
    so_far->high |= m.high;
    so_far->crs |= m.cr;
    so_far->quotes |= m.quote;
    so_far->doubled |= after_closing & opening;
    so_far->quoted_lines |= (m.lf | m.cr) & inside;
    write_lines(scan, base, lines, fields);
    if (wants_fields)
        write_positions(scan->fields + scan->n_fields, base, fields);
    scan->n_fields += (size_t)__builtin_popcountll(fields);
    *before = (carry){.inside = 0 - last_bit(inside),
                      .at_edge = last_bit(fields | closing),
                      .closed = last_bit(closing)};
    return goes_on;
}

/* What the flags of a scan say, from what was met in it, and before. */
ALWAYS_INLINE void add_met(sheaf__scan *result, const met *m)
{
    result->ascii &= m->high == 0;
    result->crs |= m->crs != 0;
    result->quotes |= m->quotes != 0;
    result->doubled |= m->doubled != 0;
    result->quoted_lines |= m->quoted_lines != 0;
}

/*
 * The last block, be it whole, is looked at as a tail: with more text it is looked at again, since
 * what a CR at its end means is not decided before.
 */
ALWAYS_INLINE void scan_text(sheaf__scan *result, const uint8_t *text, size_t n_bytes,
                             char delimiter, char quote, bool wants_fields)
{
    found scan = {.fields = result->fields,
                  .lines = result->lines,
                  .n_fields = result->state.n_fields,
                  .n_lines = result->state.n_lines};
    carry c = {.inside = result->state.inside,
               .at_edge = result->state.at_edge,
               .closed = result->state.closed};
    met so_far = {0};
    size_t at = result->state.n_bytes;
    bool goes_on = true;
    for (; goes_on && n_bytes - at > BLOCK; at += BLOCK) {
        masks m = look(text + at, delimiter, quote);
        goes_on = scan_block(&scan, &c, &so_far, m, text + at, n_bytes - at, (uint32_t)at,
                             wants_fields);
    }
    result->state = (sheaf__scan_state){.n_bytes = at,
                                        .n_fields = scan.n_fields,
                                        .n_lines = scan.n_lines,
                                        .inside = c.inside,
                                        .at_edge = c.at_edge,
                                        .closed = c.closed};
    if (goes_on && at < n_bytes) {
        masks m = look_at_tail(result->tail, text + at, n_bytes - at, delimiter, quote);
        goes_on = scan_block(&scan, &c, &so_far, m, text + at, n_bytes - at, (uint32_t)at,
                             wants_fields);
    }
    result->n_fields = scan.n_fields;
    result->n_lines = scan.n_lines;
    result->stopped = !goes_on;
    add_met(result, &so_far);
}

static void scan_kernel(sheaf__scan *scan, const uint8_t *text, size_t from, size_t n_bytes,
                        char delimiter, char quote, bool wants_fields)
{
    if (from == 0) {
        scan->state = (sheaf__scan_state){.at_edge = 1};
        scan->ascii = true;
        scan->crs = scan->quotes = scan->doubled = scan->quoted_lines = false;
    }
    if (wants_fields)
        scan_text(scan, text, n_bytes, delimiter, quote, true);
    else
        scan_text(scan, text, n_bytes, delimiter, quote, false);
}

static uint64_t count_lines_kernel(const uint8_t *text, size_t n_bytes)
{
    uint64_t n = 0;
    uint64_t after_cr = 0; /* 1: the byte before is a CR */
    size_t at = 0;
    for (; n_bytes - at >= BLOCK; at += BLOCK) {
        masks m = look(text + at, ',', '"');
        /* A CR counts; an LF unless it belongs to one. */
        n += (uint64_t)__builtin_popcountll(m.cr);
        n += (uint64_t)__builtin_popcountll(m.lf & ~(m.cr << 1 | after_cr));
        after_cr = last_bit(m.cr);
    }
    for (; at < n_bytes; at++) {
        n += text[at] == '\r' || (text[at] == '\n' && !after_cr);
        after_cr = text[at] == '\r';
    }
    return n;
}

#define TEXT_OF(x) #x
#define NAME_OF(x) TEXT_OF(x)
#define JOINED_(a, b) a##b
#define JOINED(a, b) JOINED_(a, b)

const sheaf__scan_kernel JOINED(sheaf__scan_, KERNEL) = {.name = NAME_OF(KERNEL),
                                                         .scan = scan_kernel,
                                                         .count_lines = count_lines_kernel,
                                                         .is_utf8 = is_utf8};
