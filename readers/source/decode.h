/*
 * Text of other encodings than UTF-8, made UTF-8.
 *
 * windows-1252 is decoded here, as https://encoding.spec.whatwg.org has it: its five bytes without
 * a character become the control characters of the same numbers, so that every file can be read,
 * and none is changed beyond recovery. Everything else is iconv's. Each byte that is no text in an
 * encoding becomes the byte 0xFF, which is never UTF-8, and two digits that say which one it was:
 * "\xFF" "8F". So the record in which it stands has a fault, and its quarantine has lost nothing.
 */
#ifndef SHEAF_SOURCE_DECODE_H
#define SHEAF_SOURCE_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

typedef enum sheaf__encoding {
    SHEAF__ENCODING_AUTO, /* to be found out */
    SHEAF__ENCODING_UTF_8,
    SHEAF__ENCODING_UTF_16LE,
    SHEAF__ENCODING_UTF_16BE,
    SHEAF__ENCODING_WINDOWS_1252,
    SHEAF__ENCODING_OTHER /* one that iconv knows by the name it was given */
} sheaf__encoding;

typedef struct sheaf__decoder sheaf__decoder;

/* What a name means: any spelling of the first four; OTHER: iconv may know it. */
sheaf__encoding sheaf__encoding_parse(const char *name);

/* "windows-1252"; NULL for AUTO and OTHER. */
const char *sheaf__encoding_name(sheaf__encoding encoding);

/* Returns    OK; EINVAL: iconv does not know the name. */
sheaf_status sheaf__encoding_check(const char *name, sheaf_error *err);

/* NULL when there is no memory. */
sheaf__decoder *sheaf__decoder_create(void);
void sheaf__decoder_destroy(sheaf__decoder *decoder); /* NULL is allowed */

/*
 * Begin a text, of which the first n_bytes (at most SHEAF__DECODER_BYTES) were read already. `name`
 * is for OTHER.
 *
 * Returns    OK; EINVAL; ENOMEM.
 */
enum { SHEAF__DECODER_BYTES = 64 << 10 };
sheaf_status sheaf__decoder_begin(sheaf__decoder *decoder, sheaf__encoding encoding,
                                  const char *name, const uint8_t *head, size_t n_bytes,
                                  sheaf_error *err);

/* Where more of the text's bytes go, and how many; then say how many came. 0: it has ended. */
uint8_t *sheaf__decoder_room(sheaf__decoder *decoder, size_t *n_bytes);
void sheaf__decoder_feed(sheaf__decoder *decoder, size_t n_bytes);

/*
 * Decode into the buffer, of at least SHEAF__DECODED_MIN bytes. Returns how many bytes it got; 0:
 * more is to be fed, or the text is over.
 */
enum { SHEAF__DECODED_MIN = 16 };
size_t sheaf__decoder_take(sheaf__decoder *decoder, uint8_t *buffer, size_t capacity);

/* Whether the text was fed to its end, and all of it taken. */
bool sheaf__decoder_is_over(const sheaf__decoder *decoder);

#endif
