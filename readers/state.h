/* The inside of a reader: for the files that make it up. */
#ifndef SHEAF_READERS_STATE_H
#define SHEAF_READERS_STATE_H

#include "readers/ahead.h"
#include "readers/reader.h"
#include "readers/source/decompress.h"
#include "readers/window.h"

struct sheaf__reader {
    sheaf__free_node node;
    sheaf__reader_options options;
    sheaf__file_source source;
    const char *path; /* of the file, while it is open */
    sheaf__decompressor
        *decompressors[SHEAF__COMPRESSIONS]; /* each made for the first file that needs it */
    sheaf__ahead ahead;
    sheaf__window window;
    sheaf__reader_counts counts;
    size_t n_columns; /* of the header; 0 before it */
    uint64_t line;    /* number of the line at window.line, from 1 */
    uint64_t record_line;
    uint64_t range_end;        /* records that begin here or later are not read */
    uint64_t give_up_bytes;    /* a record that goes on here was guessed wrong */
    bool is_waiting;           /* see sheaf__reader_is_waiting() */
    sheaf_error *read_failure; /* of the source, kept until the text before it was used */
};

/* What one record turned out to be. */
typedef struct sheaf__record {
    const uint8_t *bytes;
    size_t n_bytes; /* without its line end */
    size_t n_fields;
} sheaf__record;

/* Of what went wrong with a source before. */
void sheaf__reader_forget_failure(sheaf__reader *reader);

/* Its window stands at a position: so do its counts. */
void sheaf__reader_stand(sheaf__reader *reader, const sheaf__reader_position *position);

/* The offset of the next record in the text. */
static inline uint64_t sheaf__reader_offset(const sheaf__reader *reader)
{
    return reader->window.base_bytes + reader->window.record;
}

/*
 * Read more text into the window, at most max_bytes; at the source's end, or its failure, the
 * window then says that nothing more comes. OK, ECANCELLED, ENOMEM, ERESOURCE.
 */
sheaf_status sheaf__reader_fill(sheaf__reader *reader, size_t max_bytes, sheaf_error *err);

/*
 * Find the end of the current line, reading as much as it takes. The record limit holds meanwhile.
 * OK; as fill; ELIMIT.
 */
sheaf_status sheaf__reader_find_line(sheaf__reader *reader, size_t *line_end, sheaf_error *err);

#endif
