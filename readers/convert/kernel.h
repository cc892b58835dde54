/*
 * The template of the converters that take several cells at a time. A converter's file defines its
 * instructions (lanes.h) and its name, KERNEL; then it includes this, and gets the converters.
 *
 * A cell that is not as plain as most are is odd, and goes to the converter that knows everything
 * (convert.c); so do those at both ends that do not fill a vector.
 */
#include "readers/convert/converters.h"
#include "readers/convert/lane_numbers.h"
#include "readers/convert/lane_timestamps.h"

typedef enum form { INTS, FLOATS, LONG_FLOATS, TIMESTAMPS } form;

/* So many vectors are not taken for the plainest numbers behind one that did not hold such. */
enum { WARY = 4 };

/* So many rows are left to the other converter when nothing of a vector is plain. */
enum { ODD_ROWS = 64 };

/* Store the plainest numbers, which takes half as long; false: not all lanes hold such. */
ALWAYS_INLINE bool convert_short(form what, const lanes *l, sheaf__value *to)
{
    words word;
    if (what == INTS ? !convert_short_ints(l, &word)
                     : what != FLOATS || !convert_short_floats(l, &word))
        return false;
    store(to, word);
    return true;
}

ALWAYS_INLINE values convert_lanes(form what, const lanes *l, int n_words)
{
    if (what == INTS)
        return n_words == 1 ? convert_ints_of(l, 1) : convert_ints_of(l, 2);
    if (what == FLOATS)
        return n_words == 1 ? convert_floats_of(l, 1) : convert_floats_of(l, 2);
    return what == LONG_FLOATS ? convert_floats_of(l, 3) : convert_timestamps(l);
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
    for (unsigned wary = 0; cells.n - s.row >= LANES; s.row += LANES) {
        lanes l = load_lanes(&cells, s.row);
        if (wary == 0 && convert_short(what, &l, to.values + s.row)) {
            set_bits(to.valid, s.row, ALL_LANES);
            all_met.others = ALL_LANES;
            continue;
        }
        wary = wary == 0 ? WARY : wary - 1;
        find_nulls(&l);
        int n_words = words_of(&l);
        if (what == FLOATS && n_words > 2)
            break;
        values v = convert_lanes(what, &l, n_words);
        s.odd = v.odd;
        s.met.null = bits_of(l.null);
        s.met.ints = v.ints & ~v.odd;
        s.met.others = ALL_LANES & ~(s.met.null | s.met.ints | v.odd);
        store(to.values + s.row, unless(l.null, v.word));
        set_bits(to.valid, s.row, ALL_LANES & ~s.met.null);
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
 * The odd ones of lanes whose others are converted. Returns the row of the first that is not of the
 * type, or that behind the lanes.
 */
static size_t convert_odd(form what, sheaf__converter *other, const sheaf__cells *cells,
                          const stop *s, const target *to)
{
    size_t end = s->row + LANES;
    unsigned good = ALL_LANES;
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
        if (s.odd && (s.odd | s.met.null) == ALL_LANES) {
            end = s.row + ODD_ROWS;
            row = convert_by(other, cells, s.row, end, to);
        } else if (s.odd) {
            row = convert_odd(what, other, cells, &s, to);
        } else if (s.row == row) {
            row = convert_by(other, cells, row, end, to);
        } else {
            end = row = s.row;
        }
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
