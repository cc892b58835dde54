/*
 * Scanning: where fields and lines end in a stretch of text, sixty-four bytes at a time.
 *
 * The text is taken to be well formed, as RFC 4180 has it: a quote stands at the beginning of a
 * field, at its end, or doubled in between. Then whether a byte is inside quotes is the parity of
 * the quotes before it, which a carry-less multiplication gives for 64 bytes at once (Langdale and
 * Lemire, "Parsing gigabytes of JSON per second", VLDB Journal 28, 2019). Every quote is looked at:
 * at the first that stands elsewhere the scan ends, and what comes before it holds. So the scan
 * guesses, and a parser that follows every rule of the language has to read only the record where
 * the guess was wrong.
 *
 * A line ends with LF, CR LF, or CR. The text before the first byte is taken to have ended a
 * record.
 */
#ifndef SHEAF_READERS_SCAN_H
#define SHEAF_READERS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

enum { SHEAF__SCAN_SLACK = 64 }; /* kernels write so many entries more than they mean */

/* A line end that is not inside quotes. */
typedef struct sheaf__scan_line {
    uint32_t at;       /* offset of its last byte: the LF, or a CR alone */
    uint32_t n_fields; /* that have ended up to here, this line's last one included */
} sheaf__scan_line;

/* Where a scan can go on when there is more text: at its last block of 64 bytes. */
typedef struct sheaf__scan_state {
    size_t n_bytes; /* before that block; so are these: */
    size_t n_fields;
    size_t n_lines;
    uint64_t inside; /* this and the next are the kernel's own */
    uint64_t at_edge;
    uint64_t closed;
} sheaf__scan_state;

typedef struct sheaf__scan {
    uint32_t *fields; /* where each field ends: the separator, or the line's last byte */
    sheaf__scan_line *lines;
    size_t fields_capacity; /* for its owner; no kernel asks */
    size_t n_fields;
    size_t n_lines;
    sheaf__scan_state state;
    bool stopped;      /* at a quote that stands where none may: nobody looked further */
    bool ascii;        /* there is no other byte in what was looked at */
    bool crs;          /* there may be some */
    bool quotes;       /* there may be some */
    bool doubled;      /* and doubled ones */
    bool quoted_lines; /* there may be line ends inside quotes */
    uint8_t tail[64];  /* the kernel's own */
} sheaf__scan;

/* One instruction set's way to do it. All give the same. */
typedef struct sheaf__scan_kernel {
    const char *name;
    /*
     * Scan the first n_bytes of a text (less than 4 GiB: offsets have 32 bits). `from` is 0; or it
     * is state.n_bytes, when a scan that has not stopped goes on in the same text, of which there
     * is more now: what it finds is added. Delimiter and quote are no NUL or line end. A CR at the
     * very end is not taken for a line end: the next byte may be its LF. `fields` and `lines` have
     * room for what state says they hold, and n_bytes - from + SCAN_SLACK more; with wants_fields
     * false, `fields` is not touched.
     */
    void (*scan)(sheaf__scan *scan, const uint8_t *text, size_t from, size_t n_bytes,
                 char delimiter, char quote, bool wants_fields);
    /* How many lines end in the text, inside quotes or not; a CR at its very end counts. */
    uint64_t (*count_lines)(const uint8_t *text, size_t n_bytes);
    /* Whether the text is UTF-8 (RFC 3629), to its last byte. */
    bool (*is_utf8)(const uint8_t *text, size_t n_bytes);
} sheaf__scan_kernel;

/*
 * The kernel for this machine: the widest that it has, or the one that $SHEAF_KERNEL names. Chosen
 * once. NULL when there is none of that name here, which sheaf__scan_check() explains.
 */
const sheaf__scan_kernel *sheaf__scan_kernel_get(void);

/* Returns    OK; EINVAL: $SHEAF_KERNEL names no kernel that this machine has. */
sheaf_status sheaf__scan_check(sheaf_error *err);

/* The i-th kernel that this machine has, the slowest first; NULL behind the last. */
const sheaf__scan_kernel *sheaf__scan_kernel_at(size_t i);

#endif
