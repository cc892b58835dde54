/*
 * What encoding a file has: guessed from its bytes, the same for whoever looks.
 *
 * A byte order mark says it; so does a NUL in every second byte, which UTF-16 has and nothing else.
 * Else the text is UTF-8, unless it cannot be: then it is windows-1252, in which everything is
 * text. One bad byte does not make a file of UTF-8 anything else, though: if a letter beyond ASCII
 * stands before it, or more of them than bad bytes behind it, the record with that byte has a
 * fault.
 */
#ifndef SHEAF_DIALECT_ENCODING_H
#define SHEAF_DIALECT_ENCODING_H

#include "readers/source/decode.h"
#include "readers/source/source.h"

enum { SHEAF__SAMPLE_BYTES = 64 << 10, SHEAF__MARK_BYTES_MAX = 3 };

/*
 * By the first bytes of the text, at_end: all of them; n_mark is the length of the byte order mark
 * that they begin with. If the file is as it was stored (file not NULL), it is looked at in the
 * middle and at its end, too, and if anything there is not UTF-8, from its beginning to its end.
 *
 * Returns    OK; EIO, ENOMEM.
 */
sheaf_status sheaf__encoding_guess(const uint8_t *head, size_t n_bytes, bool at_end,
                                   const sheaf__file_source *file, sheaf__encoding *encoding,
                                   size_t *n_mark, sheaf_error *err);

/* What a byte order mark says, whose length is *n_mark; AUTO: there is none. */
sheaf__encoding sheaf__encoding_by_mark(const uint8_t *head, size_t n_bytes, size_t *n_mark);

#endif
