/*
 * A window on the text of a file: the record that is being read stands in it whole.
 *
 *     bytes   [........ record ......|.. line ..\n| not yet looked at ...........]
 *                       ^record        ^line        ^                            ^end
 *
 * The window slides over the text: bytes before the record are given up when more must be read, and
 * the buffer grows, by doubling, only for a record that does not fit. So a fault can always show
 * the raw record, and memory is bounded by the record limit.
 */
#ifndef SHEAF_READERS_WINDOW_H
#define SHEAF_READERS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

enum { SHEAF__WINDOW_BYTES = 256 << 10 }; /* for a record that is not larger */

typedef struct sheaf__window {
    uint8_t *bytes;
    size_t capacity;
    size_t record;       /* where the current record begins */
    size_t line;         /* where the current line begins */
    size_t searched;     /* no line ends before here */
    size_t end;          /* of what was read */
    uint64_t base_bytes; /* the text's offset of bytes[0] */
    bool at_end;         /* the source has no more */
} sheaf__window;

/* Get the buffer, unless it is there. OK or ENOMEM. */
sheaf_status sheaf__window_init(sheaf__window *window);
void sheaf__window_end(sheaf__window *window);

/* Empty, at the beginning of a text. A buffer that a giant record left behind is given back. */
void sheaf__window_reset(sheaf__window *window);

/*
 * Find the end of the current line: *line_end is the offset behind its LF, CR LF or CR, or the end
 * of a text whose last line has none.
 *
 * Returns    false when more must be read first.
 */
bool sheaf__window_find_line(sheaf__window *window, size_t *line_end);

/* Of a line that ends there: the length of its line end, 0 without one; is it a lone CR? */
size_t sheaf__window_line_end(const sheaf__window *window, size_t line_end, bool *lone_cr);

/* Make room behind `end`, at least WINDOW_ROOM_MIN bytes. OK or ENOMEM. */
enum { SHEAF__WINDOW_ROOM_MIN = 16 };
sheaf_status sheaf__window_make_room(sheaf__window *window);

#endif
