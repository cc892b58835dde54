/* The inside of a reader: for the files that make it up. */
#ifndef SHEAF_READERS_STATE_H
#define SHEAF_READERS_STATE_H

#include "engine/core/error.h"
#include "readers/ahead.h"
#include "readers/dialect/sniff.h"
#include "readers/fault.h"
#include "readers/reader.h"
#include "readers/source/bgzf.h"
#include "readers/source/decompress.h"
#include "readers/window.h"

enum { SHEAF__CAREFUL_BYTES = 256 }; /* that are scanned behind a record which no run took */

struct sheaf__reader {
    sheaf__free_node node;
    sheaf__reader_options options;
    sheaf__file_source source;
    const char *path; /* of the file, while it is open */
    sheaf__decompressor
        *decompressors[SHEAF__COMPRESSIONS]; /* each made for the first file that needs it */
    sheaf__ahead ahead;
    bool may_sample; /* what the text is written in is found out, from a part of it */
    sheaf__sniffed sniffed;
    sheaf__decoder *decoder; /* made for the first file that is not UTF-8 */
    sheaf__window window;
    sheaf__reader_counts counts;
    size_t n_columns; /* of the header; 0 before it */
    uint64_t line;    /* number of the line at window.line, from 1 */
    uint64_t record_line;
    uint64_t range_end;            /* records that begin here or later are not read */
    uint64_t give_up_bytes;        /* a record that goes on here was guessed wrong */
    uint64_t give_up_beyond;       /* that is so far behind the range's end */
    bool in_blocks;                /* the file is BGZF */
    uint64_t first_block;          /* with which reading began, */
    uint64_t first_block_text;     /* and the offset of its text */
    sheaf__gzip_member next_block; /* the first one behind the range, when it was met */
    size_t
        quiet_bytes; /* of a record: behind the line that was read there is no quote up to here */
    bool is_waiting; /* see sheaf__reader_is_waiting() */
    bool has_fault;  /* the last failure was a record's, and is told here: */
    sheaf__fault fault;
    sheaf__asked asked;      /* of records that go into a batch */
    size_t careful_bytes;    /* behind a fault, or a comment: so many are scanned; 0: any number */
    sheaf__rejects *rejects; /* records with faults go there; NULL: the first one ends it */
    sheaf_error *read_failure; /* of the source, kept until the text before it was used */
};

/* Of what went wrong with a source before. */
void sheaf__reader_forget_failure(sheaf__reader *reader);

/* There is no range any more. */
void sheaf__reader_forget_range(sheaf__reader *reader);

/* Some text was read: if the range of a BGZF file ends in it, that is known now. */
void sheaf__reader_meet_blocks(sheaf__reader *reader);

/*
 * Give up the text before an offset, which stands in the window from its first byte on. OK; as
 * fill; what the source failed with; ECHANGED when the text is over before.
 */
sheaf_status sheaf__reader_skip_text(sheaf__reader *reader, uint64_t offset_bytes,
                                     sheaf_error *err);

/* Its window stands at a position: so do its counts. */
void sheaf__reader_stand(sheaf__reader *reader, const sheaf__reader_position *position);

/* What the source failed with. */
static inline sheaf_status sheaf__reader_failure(const sheaf__reader *reader, sheaf_error *err)
{
    sheaf__error_copy(err, reader->read_failure);
    return reader->read_failure->status;
}

static inline bool sheaf__reader_is_stopped(const sheaf__reader *reader)
{
    return reader->options.stop && atomic_load_explicit(reader->options.stop, memory_order_relaxed);
}

/* The offset of the next record in the text. */
static inline uint64_t sheaf__reader_offset(const sheaf__reader *reader)
{
    return reader->window.base_bytes + reader->window.record;
}

/*
 * Read one record, and check its encoding: OK with *rec, END, or a failure, told in *err. The
 * window's record stays where it is, so that whoever checks the record can still point into it;
 * next_record() moves on.
 */
sheaf_status sheaf__reader_record(sheaf__reader *reader, sheaf__parser *parser, sheaf__record *rec,
                                  sheaf_error *err);
void sheaf__reader_next_record(sheaf__reader *reader);

/* Go back to the quote that the reader's fault is: what seemed to follow in quotes does not. */
void sheaf__reader_go_to_quote(sheaf__reader *reader);

/*
 * Go behind the current line, which may be too long to be kept, and begin a record there. OK; END:
 * there is no line; as fill.
 */
sheaf_status sheaf__reader_skip_line(sheaf__reader *reader, sheaf_error *err);

/* Whether anything is asked of values. */
static inline bool sheaf__reader_asks(const sheaf__reader *reader)
{
    return reader->asked.columns || reader->asked.refuses_nul;
}

/* The next record's. */
static inline sheaf__row_place sheaf__reader_place(const sheaf__reader *reader)
{
    return (sheaf__row_place){.line = reader->record_line, .record = reader->counts.records + 1};
}

/* The record that goes on behind the window has more than it may: as far as that is known. */
static inline bool sheaf__reader_is_over_limit(const sheaf__reader *reader)
{
    const sheaf__window *window = &reader->window;
    return window->end - window->record > reader->options.record_bytes_max + 2;
}

/* It goes on: read more of it. As fill; EAGAIN: where it begins was guessed wrong. */
sheaf_status sheaf__reader_read_on(sheaf__reader *reader, sheaf_error *err);

/*
 * Take the records that need no second look: *n_bytes of text, perhaps none. chunk_bytes as of
 * sheaf__reader_next().
 */
sheaf_status sheaf__reader_take_run(sheaf__reader *reader, sheaf__parser *parser,
                                    sheaf__batch *batch, size_t chunk_bytes, size_t *n_bytes,
                                    sheaf_error *err);

/*
 * Read more text into the window, at most max_bytes; at the source's end, or its failure, the
 * window then says that nothing more comes. OK, ECANCELLED, ENOMEM, ERESOURCE.
 */
sheaf_status sheaf__reader_fill(sheaf__reader *reader, size_t max_bytes, sheaf_error *err);

#endif
