/*
 * The template of the converters that take several cells at a time, one in each lane of a vector.
 * A converter's file defines, and then includes this:
 *
 *     KERNEL                            its name
 *     LANES                             how many
 *     words                             a vector of 64-bit words: C's operators take it
 *     mask                              of lanes; & and | take it
 *     places                            where the texts of cells begin
 *
 *     words all(value)                  the same in each lane
 *     words load_cells(cells, row, at)  cells from `row` on, as they stand, and their places
 *     words load_text(at, offset)       eight bytes of each text, from `offset` on
 *     void store(to, words)
 *     mask equal(a, b), differs(a, b), more(a, b)    signed
 *     mask but_not(mask, mask)
 *     unsigned bits_of(mask)            bit i is lane i's
 *     words where(mask, words), unless(mask, words)  else zero
 *     words shift_up(words, by), shift_down(words, by)
 *                                       by bits; 64 and more (also -1) leave nothing
 *     words multiply(a, b)              their lower halves
 *     words join_bytes(words, weights)  weighted, neighbours added up, to 16 bits
 *     words join_16(words, weights)     the same to 32 bits
 *     words over(words, most)           by how much each byte is more; else zero
 *     words bytes_equal(words, other)   each byte all ones where it is equal
 *     words bytes_above(words)          how many bytes above the highest bit
 *     words look_up(table, indexes)     of 16 bytes: one for each byte below 16
 *     words quotient(digits, n, most)   digits / 10^n as doubles; n is at most `most`, and the
 *                                       digits are fewer than 16
 *
 * and gets the converters of that kernel. What is not a set of instructions stands here, once.
 *
 * A number is moved to the upper end of one to three words; what stands before it is zero. Pairs of
 * digits are joined, then pairs of pairs (D. Lemire, "Quickly parsing eight digits", 2018). A
 * decimal point is taken out, and the number is divided by the power of ten that it stood for: up
 * to fifteen digits both are exact doubles, so the quotient is the nearest one (Clinger, PLDI
 * 1990). Longer numbers are composed one by one (float.h).
 *
 * A cell that is not as plain as that is odd, and goes to the converter that knows everything
 * (convert.c); so do those at both ends that do not fill a vector.
 */
#include "readers/convert/converters.h"
#include "readers/convert/float.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { ALL_LANES = (1 << LANES) - 1 };

_Static_assert((int)SHEAF__BATCH_SLACK >= 24, "three words are read of the shortest text, too");

typedef struct lanes {
    places at;
    words n_bytes; /* of a null: 0 */
    mask null;
} lanes;

/* What became of them. */
typedef struct values {
    words word;
    unsigned odd;  /* those are not converted */
    unsigned ints; /* among floats: without a point */
} values;

ALWAYS_INLINE lanes load_lanes(const sheaf__cells *cells, size_t row)
{
    lanes l;
    words n_bytes = load_cells(cells, row, &l.at) >> 32;
    l.null = equal(n_bytes, all(SHEAF__NULL_CELL));
    l.n_bytes = unless(l.null, n_bytes);
    return l;
}

/* Whether any text is longer. */
ALWAYS_INLINE bool any_longer(const lanes *l, unsigned n_bytes)
{
    return bits_of(more(l->n_bytes, all(n_bytes))) != 0;
}

/* ---- numbers ---- */

#define ZEROS 0x3030303030303030 /* '0' */

/*
 * Numbers as the values of their characters, a minus as 0: the last eight in word[0]. Of one that
 * is longer than the words nothing is left.
 */
typedef struct numbers {
    mask negative;
    mask odd;      /* empty, or with a zero in front */
    words n_bytes; /* without the minus */
    words word[3];
} numbers;

/* The upper one of two words, when both have moved up. */
ALWAYS_INLINE words shift_two(words upper, words lower, words by)
{
    return shift_up(upper, by) | shift_down(lower, all(64) - by) | shift_up(lower, by - all(64));
}

ALWAYS_INLINE numbers load_numbers(const lanes *l, int n_words)
{
    numbers x;
    words first = load_text(&l->at, 0);
    x.negative = equal(first & all(0xFF), all('-'));
    x.n_bytes = l->n_bytes - where(x.negative, all(1));
    words digits = shift_down(first, where(x.negative, all(8))) ^ all(ZEROS);
    mask zero_first = equal(digits & all(0xF0FF), all(0)); /* with no point behind it */
    x.odd = (zero_first & more(x.n_bytes, all(1))) | equal(x.n_bytes, all(0));
    if (n_words == 1) {
        x.word[0] = shift_up(digits, all(64) - (x.n_bytes << 3));
        return x;
    }
    words by = all(64 * (unsigned)n_words) - (l->n_bytes << 3);
    words second = load_text(&l->at, 8) ^ all(ZEROS);
    first ^= all(ZEROS) ^ where(x.negative, all('-' ^ '0'));
    x.word[n_words - 1] = shift_up(first, by);
    x.word[n_words - 2] = shift_two(second, first, by);
    if (n_words > 2)
        x.word[0] = shift_up(load_text(&l->at, 16) ^ all(ZEROS), by) |
                    shift_two(all(0), second, by) | shift_two(all(0), first, by - all(64));
    return x;
}

/* The value of eight digits in each word. */
ALWAYS_INLINE words join(words digits)
{
    words pairs = join_bytes(digits, all(0x010A010A010A010A));
    words fours = join_16(pairs, all(0x0001006400010064));
    return multiply(fours, all(10000)) + (fours >> 32);
}

ALWAYS_INLINE words join_all(const numbers *x, int n_words)
{
    const words scale = all(100000000);
    words value = join(x->word[n_words - 1]);
    if (n_words > 1)
        value = multiply(value, scale) + join(x->word[n_words - 2]);
    if (n_words > 2)
        value = (multiply(value >> 32, scale) << 32) + multiply(value, scale) + join(x->word[0]);
    return value;
}

/* Those with a character that is no digit. */
ALWAYS_INLINE mask other_than_digits(const numbers *x, int n_words)
{
    const words nine = all(0x0909090909090909);
    words some = over(x->word[0], nine);
    if (n_words > 1)
        some |= over(x->word[1], nine);
    if (n_words > 2)
        some |= over(x->word[2], nine);
    return differs(some, all(0));
}

ALWAYS_INLINE values convert_ints_of(const lanes *l, int n_words)
{
    numbers x = load_numbers(l, n_words);
    words value = join_all(&x, n_words);
    mask odd = x.odd | other_than_digits(&x, n_words) | (x.negative & equal(value, all(0)));
    if (n_words > 1)
        odd |= more(l->n_bytes, all(15)); /* far from what a double cannot hold */
    words sign = where(x.negative, all(UINT64_MAX));
    return (values){.word = (value ^ sign) - sign, .odd = bits_of(but_not(odd, l->null))};
}

ALWAYS_INLINE values convert_ints(const lanes *l)
{
    return any_longer(l, 8) ? convert_ints_of(l, 2) : convert_ints_of(l, 1);
}

/* Take the point out of a word, or make room at its lower end if one was `found` in those above. */
ALWAYS_INLINE words close_up(words word, mask *found, words *n_behind)
{
    words points = bytes_equal(word, all(0x1E1E1E1E1E1E1E1E)); /* '.' ^ '0' */
    words lowest = unless(*found, points & (all(0) - points));
    *found |= differs(lowest, all(0));
    words before = where(*found, lowest - all(1));
    words through = where(*found, (lowest << 8) - all(1));
    *n_behind += bytes_above(through);
    return (word & before) << 8 | (word & ~through);
}

/*
 * Take the points out, and say how many digits stood behind each. A second point in a number stays,
 * and is no digit.
 */
ALWAYS_INLINE mask remove_points(numbers *x, words *n_behind, int n_words)
{
    mask found = equal(all(0), all(1));
    *n_behind = all(0);
    x->word[0] = close_up(x->word[0], &found, n_behind);
    if (n_words > 1) {
        x->word[0] |= where(found, x->word[1] >> 56);
        x->word[1] = close_up(x->word[1], &found, n_behind);
    }
    if (n_words > 2) {
        x->word[1] |= where(found, x->word[2] >> 56);
        x->word[2] = close_up(x->word[2], &found, n_behind);
    }
    *n_behind = where(found, *n_behind);
    return found;
}

/* What is to become floats: digits, and how many of them stood behind a point. */
typedef struct decimals {
    mask negative;
    mask odd;
    mask ints;
    words digits;
    words n_behind;
} decimals;

ALWAYS_INLINE decimals load_decimals(const lanes *l, int n_words)
{
    decimals d;
    numbers x = load_numbers(l, n_words);
    mask with_point = remove_points(&x, &d.n_behind, n_words);
    d.digits = join_all(&x, n_words);
    d.negative = x.negative;
    d.ints = but_not(but_not(equal(all(0), all(0)), l->null), with_point);
    d.odd = x.odd | other_than_digits(&x, n_words) | (with_point & equal(x.n_bytes, all(1))) |
            (d.ints & d.negative & equal(d.digits, all(0)));
    if (n_words > 1) /* so is what is too long, as no point is left of it */
        d.odd |= d.ints & more(x.n_bytes, all(15));
    if (n_words > 2) /* more than 64 bits hold */
        d.odd |= more(join(x.word[2]), all(1843));
    d.odd = but_not(d.odd, l->null);
    return d;
}

/* Of more than fifteen digits: one by one. Those are odd that these digits do not decide. */
ALWAYS_INLINE words compose(const decimals *d, unsigned *odd)
{
    uint64_t digits[LANES];
    uint64_t n_behind[LANES];
    double composed[LANES];
    words word;
    store(digits, d->digits);
    store(n_behind, d->n_behind);
    for (unsigned i = 0; i < LANES; i++) {
        composed[i] = 0;
        if (digits[i] != 0 && !(*odd >> i & 1) &&
            !sheaf__float_compose(digits[i], -(int64_t)n_behind[i], &composed[i]))
            *odd |= 1u << i;
    }
    __builtin_memcpy(&word, composed, sizeof word);
    return word;
}

ALWAYS_INLINE values convert_floats_of(const lanes *l, int n_words)
{
    decimals d = load_decimals(l, n_words);
    values v = {.odd = bits_of(d.odd), .ints = bits_of(d.ints)};
    v.word = n_words > 2 ? compose(&d, &v.odd) : quotient(d.digits, d.n_behind, 8 * n_words - 1);
    v.word ^= where(d.negative, all(INT64_MIN));
    return v;
}

ALWAYS_INLINE values convert_floats(const lanes *l)
{
    if (!any_longer(l, 8))
        return convert_floats_of(l, 1);
    return any_longer(l, 16) ? convert_floats_of(l, 3) : convert_floats_of(l, 2);
}

/* ---- timestamps ---- */

/*
 * In the calendar that goes on before 1582 as it does now, this is the day 0 of what day_of() below
 * counts, seen from 1970-01-01.
 */
#define DAYS_TO_1970 UINT64_C(719559)
#define DAY_US UINT64_C(86400000000)

/*
 * Days of months, as no year has fewer: 29 February is for whoever knows leap years. And how many
 * fewer than 31 each there are before a month.
 */
static const uint8_t days_of_month[16] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
static const uint8_t days_missing[16] = {0, 0, 0, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7};

/* The number of a day in the lower halves, from years there and months above them. */
ALWAYS_INLINE words day_of(words dates, words month, words day)
{
    /* The last year whose February is over. */
    words leap = (dates & all(UINT32_MAX)) - where(more(all(3), month), all(1));
    words centuries = multiply(leap, all(5243)) >> 19; /* of years below 10,000 */
    words days = join_16(dates, all(31 * (UINT64_C(1) << 32) + 365));
    days += days >> 32;
    days += (leap >> 2) - centuries + (centuries >> 2);
    return days - look_up(days_missing, month) + day;
}

/* "2024-02-29 13:05:59", or with a T: nothing shorter, nothing longer. */
ALWAYS_INLINE values convert_timestamps(const lanes *l)
{
    words date = load_text(&l->at, 0) ^ all(0x2D30302D30303030);  /* 0000-00- */
    words between = load_text(&l->at, 8) ^ all(0x203030);         /* 00, a blank */
    words time = load_text(&l->at, 11) ^ all(0x30303A30303A3030); /* 00:00:00 */
    words dates = join_bytes(date, all(0x00010A00010A010A));      /* 20, 24, 0, 2 */
    words day = join_bytes(between, all(0x010A));                 /* 29 */
    words times = join_bytes(time, all(0x010A00010A00010A));      /* 13, 0, 5, 59 */
    words separator = between & all(0xFF0000);
    dates = join_16(dates, all(0x0001000100010064)); /* 2024, 2 */
    words month = dates >> 32;
    /* Up to 29:59:59, and of that up to 23. */
    words wrong = over(date, all(0x0009010009090909)) | over(time, all(0x0905000905000902)) |
                  over(times, all(0xFFFFFFFFFFFFFF17)) | over(month, all(12)) |
                  over(between & all(0xFFFF), all(0x0903)) |
                  over(day, look_up(days_of_month, month));
    mask odd = differs(l->n_bytes, all(19)) | differs(wrong, all(0)) | equal(day, all(0)) |
               equal(dates & all(UINT32_MAX), all(0)) |
               (differs(separator, all(0)) & differs(separator, all(('T' ^ ' ') << 16)));
    words seconds = join_16(times, all(0x0001003C003C0E10)); /* 3600, 60, 60, 1 */
    seconds += seconds >> 32;
    words days = multiply(day_of(dates, month, day), all(DAY_US >> 13)) << 13;
    return (values){.word = days + multiply(seconds, all(1000000)) - all(DAYS_TO_1970 * DAY_US),
                    .odd = bits_of(but_not(odd, l->null))};
}

/* ---- columns ---- */

typedef enum form { INTS, FLOATS, LONG_FLOATS, TIMESTAMPS } form;

ALWAYS_INLINE values convert_lanes(form what, const lanes *l)
{
    if (what == LONG_FLOATS)
        return convert_floats_of(l, 3);
    if (what == FLOATS)
        return convert_floats(l);
    return what == INTS ? convert_ints(l) : convert_timestamps(l);
}

/* The bits of lanes from `row` on; those of earlier rows stay. */
ALWAYS_INLINE void set_bits(uint8_t *valid, size_t row, unsigned bits)
{
    unsigned earlier = LANES < 8 ? row % 8 : 0;
    unsigned kept = valid[row / 8] & ((1u << earlier) - 1);
    valid[row / 8] = (uint8_t)(kept | bits << earlier);
}

/* Where what is converted goes to: see convert.h. */
typedef struct target {
    sheaf__value *values;
    uint8_t *valid;
    sheaf__kinds *kinds;
} target;

/* Lanes in which something was met. */
typedef struct met {
    unsigned null;
    unsigned ints; /* among floats: without a point */
    unsigned others;
} met;

ALWAYS_INLINE void add_kinds(form what, met m, sheaf__kinds *kinds)
{
    *kinds |= m.null ? SHEAF__KIND_NULL : 0;
    *kinds |= m.ints ? SHEAF__KIND_INT : 0;
    if (m.others)
        *kinds |= what == INTS         ? SHEAF__KIND_INT
                  : what == TIMESTAMPS ? SHEAF__KIND_TIMESTAMP
                                       : SHEAF__KIND_FLOAT;
}

/* Where plain lanes end. */
typedef struct stop {
    size_t row;
    met met;      /* there */
    unsigned odd; /* 0: there are no such lanes, or for others */
} stop;

/*
 * As long as all lanes are plain, and fill a vector. But for long floats nothing is called in here:
 * what is constant would have to be loaded anew behind each call.
 */
ALWAYS_INLINE stop convert_plain(form what, const sheaf__cells *given, size_t row,
                                 const target *given_to)
{
    const sheaf__cells cells = *given; /* nobody else's: they stay in registers */
    const target to = *given_to;
    met all_met = {0};
    stop s = {.row = row};
    for (; cells.n - s.row >= LANES; s.row += LANES) {
        lanes l = load_lanes(&cells, s.row);
        if (what == FLOATS && any_longer(&l, 16))
            break;
        values v = convert_lanes(what, &l);
        s.met.null = bits_of(l.null);
        s.met.ints = v.ints & ~v.odd;
        s.met.others = ALL_LANES & ~(s.met.null | s.met.ints | v.odd);
        store(to.values + s.row, unless(l.null, v.word));
        set_bits(to.valid, s.row, ALL_LANES & ~s.met.null);
        s.odd = v.odd;
        if (s.odd)
            break;
        all_met.null |= s.met.null;
        all_met.ints |= s.met.ints;
        all_met.others |= s.met.others;
    }
    add_kinds(what, all_met, to.kinds);
    return s;
}

/* Rows that another converter is to take. Returns where it stops, or `end`. */
static size_t convert_by(sheaf__converter *other, const sheaf__cells *cells, size_t row, size_t end,
                         const target *to)
{
    sheaf__cells some = *cells;
    some.n = end < cells->n ? end : cells->n;
    return other(&some, row, to->values, to->valid, to->kinds);
}

/*
 * The odd ones of lanes whose others are converted: if all are odd all at once, as most of this
 * column may be. Returns the row of the first that is not of the type, or that behind the lanes.
 */
static size_t convert_odd(form what, sheaf__converter *other, const sheaf__cells *cells,
                          const stop *s, const target *to)
{
    size_t end = s->row + LANES;
    unsigned good = ALL_LANES;
    if ((s->odd | s->met.null) == ALL_LANES)
        return convert_by(other, cells, s->row, end, to);
    for (unsigned odd = s->odd; odd; odd &= odd - 1) {
        size_t at = s->row + (unsigned)__builtin_ctz(odd);
        if (convert_by(other, cells, at, at + 1, to) == at) {
            good = (1u << (at - s->row)) - 1;
            end = at;
            break;
        }
    }
    set_bits(to->valid, s->row, ALL_LANES & ~s->met.null);
    add_kinds(what, (met){s->met.null & good, s->met.ints & good, s->met.others & good}, to->kinds);
    return end;
}

ALWAYS_INLINE size_t convert(form what, sheaf__converter *other, const sheaf__cells *cells,
                             size_t row, const target *to)
{
    while (row < cells->n) {
        stop s = {.row = row};
        if (row % LANES == 0) {
            s = convert_plain(what, cells, row, to);
            if (what == FLOATS && s.row == row && !s.odd)
                s = convert_plain(LONG_FLOATS, cells, row, to);
        }
        size_t end = s.row - s.row % LANES + LANES;
        if (s.odd)
            row = convert_odd(what, other, cells, &s, to);
        else if (s.row == row)
            row = convert_by(other, cells, row, end, to);
        else
            end = row = s.row;
        if (row < end)
            break;
    }
    return row;
}

#define CONVERTER_OF(type, kernel) sheaf__convert_##type##_##kernel
#define CONVERTER_NAME(type, kernel) CONVERTER_OF(type, kernel)
#define CONVERTER(type, what)                                                                      \
    size_t CONVERTER_NAME(type, KERNEL)(const sheaf__cells *cells, size_t row,                     \
                                        sheaf__value *values_to, uint8_t *valid,                   \
                                        sheaf__kinds *kinds)                                       \
    {                                                                                              \
        target to = {.values = values_to, .valid = valid, .kinds = kinds};                         \
        return convert(what, sheaf__convert_##type, cells, row, &to);                              \
    }

CONVERTER(int64, INTS)
CONVERTER(float64, FLOATS)
CONVERTER(timestamp, TIMESTAMPS)
