/*
 * Inflating one gzip member (RFC 1952) after the other: by ISA-L where it is, which takes a third
 * of the time, or by zlib. $SHEAF_INFLATE, "isal" or "zlib", chooses.
 *
 * Both give the same bytes of a member that is whole, and both find every one that is not; of such
 * a one they may give other bytes before they find it: ISA-L takes codes that no table defines for
 * something, zlib for damage.
 */
#ifndef SHEAF_SOURCE_INFLATE_H
#define SHEAF_SOURCE_INFLATE_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/status.h>

typedef struct sheaf__inflate_io {
    const uint8_t *next_in;
    uint32_t n_in;
    uint8_t *next_out;
    uint32_t n_out;     /* room */
    const char *damage; /* static text, after DAMAGED */
} sheaf__inflate_io;

typedef enum sheaf__inflate_result {
    SHEAF__INFLATE_MORE, /* more input, more room, or both are wanted */
    SHEAF__INFLATE_END,  /* of the member: its checksum and its length are right */
    SHEAF__INFLATE_DAMAGED,
    SHEAF__INFLATE_NO_MEMORY
} sheaf__inflate_result;

/* One library's way to do it. */
typedef struct sheaf__inflater {
    const char *name;
    const char *(*version)(void);
    void *(*create)(void); /* NULL: no memory */
    void (*destroy)(void *state);
    bool (*begin)(void *state); /* a member; false: no memory */
    sheaf__inflate_result (*run)(void *state, sheaf__inflate_io *io);
} sheaf__inflater;

extern const sheaf__inflater sheaf__inflate_zlib;

/* The one that is used; NULL when $SHEAF_INFLATE names none, which the check explains. */
const sheaf__inflater *sheaf__inflater_get(void);

/* The i-th that there is, the slowest first; NULL behind the last. */
const sheaf__inflater *sheaf__inflater_at(size_t i);

/* Returns    OK; EINVAL: $SHEAF_INFLATE names none that there is. */
sheaf_status sheaf__inflate_check(sheaf_error *err);

#endif
