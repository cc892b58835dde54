/*
 * Texts from outside, of any length, as they may be shown. They are converted piece by piece, in a
 * buffer on the stack: there is no memory that could be missing, and with it a part of an answer.
 */
#include "engine/cli/cli.h"

enum { PIECE_BYTES = 512, LONGEST_ESCAPE = 8 };

typedef size_t converter(const char *bytes, size_t n_bytes, char *text, size_t size);

/* How many bytes make the next piece: a character, or what looks like one, stays whole. */
static size_t next_piece(const char *bytes, size_t n_bytes)
{
    if (n_bytes <= PIECE_BYTES)
        return n_bytes;
    size_t n = PIECE_BYTES;
    for (int i = 0; i < 3 && ((unsigned char)bytes[n] & 0xC0) == 0x80; i++)
        n--;
    return n;
}

/* Returns the characters: columns of a terminal. Without a stream they are only counted. */
static int put_converted(FILE *out, const char *bytes, size_t n_bytes, converter *convert)
{
    char text[PIECE_BYTES * LONGEST_ESCAPE + 1];
    int width = 0;
    while (n_bytes > 0) {
        size_t n = next_piece(bytes, n_bytes);
        size_t n_text = convert(bytes, n, text, sizeof text);
        if (out)
            fwrite(text, 1, n_text, out);
        for (size_t i = 0; i < n_text; i++)
            width += ((unsigned char)text[i] & 0xC0) != 0x80; /* what goes on takes none */
        bytes += n;
        n_bytes -= n;
    }
    return width;
}

void text_put(FILE *out, const char *bytes, size_t n_bytes)
{
    put_converted(out, bytes, n_bytes, sheaf_text_escape);
}

int text_width(const char *bytes, size_t n_bytes)
{
    return put_converted(NULL, bytes, n_bytes, sheaf_text_escape);
}

void text_put_json(FILE *out, const char *bytes, size_t n_bytes)
{
    put_converted(out, bytes, n_bytes, sheaf_text_json);
}
