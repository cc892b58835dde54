/* Making bytes safe to show, as only the library does it; the public two are in <sheaf/text.h>. */
#ifndef SHEAF_CORE_TEXT_H
#define SHEAF_CORE_TEXT_H

#include <stddef.h>

/*
 * As sheaf_text_escape(), but a backslash stays one: for a text of our own in which what came from
 * outside may be escaped already. What does not fit is cut between characters.
 */
size_t sheaf__text_clean(const char *bytes, size_t n_bytes, char *text, size_t size);

/* Escape what fits, and do not look at the rest, which may be long. */
void sheaf__text_escape_begin(const char *bytes, size_t n_bytes, char *text, size_t size);

/* Escape; of what does not fit keep the end, behind "...". size is at least 16. */
void sheaf__text_escape_end(const char *bytes, size_t n_bytes, char *text, size_t size);

#endif
