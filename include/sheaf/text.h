/*
 * Bytes from outside, made safe to show.
 *
 * Paths and data may hold anything: newlines, terminal escapes, bytes that are no UTF-8. These two
 * functions are the only ways by which such bytes reach a terminal or a JSON document.
 */
#ifndef SHEAF_TEXT_H
#define SHEAF_TEXT_H

#include <stddef.h>

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

/*
 * Escape bytes for a terminal or a log: printable UTF-8 stays; \n \r \t \\ become two characters;
 * other control characters and bytes that are not UTF-8 become \xnn; C1 controls, line separators
 * and the characters that reorder text (bidirectional overrides) become \u{nnnn}.
 *
 * Shape      never cuts inside an escape or a UTF-8 sequence.
 * Returns    the number of bytes the whole escaped text has, as snprintf does; at most size - 1 are
 *            written, and a NUL if size > 0.
 * Threads    any.
 * Source     Unicode Technical Report 36, section 3 (text that deceives).
 */
SHEAF_API size_t sheaf_text_escape(const char *bytes, size_t n_bytes, char *text, size_t size);

/*
 * Escape bytes as the inside of a JSON string (without the quotes around it). Valid UTF-8 stays; a
 * byte 0xNN that is not UTF-8 becomes the lone surrogate \udcNN, so that nothing is lost: Python's
 * os.fsencode(json.loads(...)) gives the same bytes back.
 *
 * Returns    as sheaf_text_escape(); 6 bytes of text for one of input at most.
 * Threads    any.
 * Source     RFC 8259, section 7; Python PEP 383 (surrogateescape).
 */
SHEAF_API size_t sheaf_text_json(const char *bytes, size_t n_bytes, char *text, size_t size);

SHEAF_END_DECLS

#endif
