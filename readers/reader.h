/*
 * Reading one file: bytes in, batches of records out.
 *
 *     sheaf__reader_open      the file, its first bytes: compressed or not, encoding, dialect
 *     sheaf__reader_header    the first record, if it is a header
 *     sheaf__reader_next      the records behind it, a batch at a time, until END
 *     sheaf__reader_close
 *
 * A reader is one file's state: its source, a window of its text, line and record counts. The
 * parser is the worker's. Between two calls no record is half parsed, so any worker's parser may go
 * on where another one stopped: that is how a file larger than a batch moves between workers.
 *
 * Every failure of these functions is a fault of the file: it has a line, a record and an offset
 * where these are known, and after it the reader takes only close. The caller adds the path and the
 * column's name.
 */
#ifndef SHEAF_READERS_READER_H
#define SHEAF_READERS_READER_H

#include <stdatomic.h>

#include <sheaf/dialect.h>
#include <sheaf/discover.h>
#include <sheaf/fix.h>
#include <sheaf/status.h>

#include "engine/core/freelist.h"
#include "engine/table/batch.h"
#include "readers/ahead.h"
#include "readers/convert/asked.h"
#include "readers/convert/nulls.h"
#include "readers/dialect/sniff.h"
#include "readers/record/parser.h"
#include "readers/rejects.h"
#include "readers/source/decode.h"
#include "readers/source/decompress.h"

typedef struct sheaf__reader sheaf__reader;

typedef struct sheaf__reader_options {
    sheaf__encoding encoding;  /* AUTO: it is found out */
    const char *encoding_name; /* of OTHER */
    sheaf_dialect dialect;     /* what is told of it; the rest is found out */
    size_t n_columns;        /* of a file without a header; 0: found out, or as its first record */
    char delimiter_hint;     /* the file's name promises; 0: none */
    bool by_libcsv;          /* every record by libcsv: no scan */
    size_t record_bytes_max; /* without its line end */
    unsigned fixes;          /* what is done to records at fault: SHEAF_FIX_... */
    const sheaf__nulls *nulls; /* what else is null; NULL: an empty field without quotes alone */
    bool refuses_nul;        /* a record with a NUL byte has a fault, where it goes into a batch */
    const atomic_bool *stop; /* when true, reading ends with ECANCELLED */
    atomic_ullong *read_bytes;   /* grows by what is read, as stored; NULL: not wanted */
    const sheaf__helper *helper; /* decompresses ahead; NULL: nobody does */
    bool splits_blocks;          /* nor of a BGZF file: it is read in ranges */
} sheaf__reader_options;

/* What was met so far. */
typedef struct sheaf__reader_counts {
    uint64_t records;   /* without the header */
    uint64_t rejected;  /* of them: set aside */
    uint64_t one_more;  /* of those: because of one field more than there are columns */
    uint64_t one_blank; /* of those: the field is empty or blank */
    sheaf_repairs repairs;
    uint64_t blank_lines;
    uint64_t boms;
    uint64_t lone_crs;
    uint64_t comment_lines;
    uint64_t preamble_lines; /* before the table */
    uint64_t header_end;     /* line in which the header ends, from 1; 0: it is not known */
    uint64_t stored_bytes;
    uint64_t text_bytes;
    sheaf__compression compression;
    sheaf__encoding encoding;
    sheaf_dialect dialect; /* known whole; and so is the number of columns without a header: */
    uint64_t n_columns;
} sheaf__reader_counts;

/*
 * From here on a record with a value that is not of its column's type is at fault (ETYPE), where
 * records go into a batch. NULL: none is. Not for the header.
 */
void sheaf__reader_check_types(sheaf__reader *reader, const sheaf__asked_columns *asked);

/*
 * From here on a record with a fault (ESHAPE, EQUOTE, EENCODING, ELIMIT, ETYPE) is put there,
 * counts as rejected, and reading goes on behind it: behind its line end, or if a quote in it is
 * never closed, behind the line of that quote. NULL: the first fault ends reading. Not for the
 * header.
 */
void sheaf__reader_set_aside(sheaf__reader *reader, sheaf__rejects *rejects);

/* A reader may be used for one file after the other. NULL when there is no memory. */
sheaf__reader *sheaf__reader_create(void);
void sheaf__reader_destroy(sheaf__reader *reader);

/*
 * Open a file.
 *
 * Returns    OK; ENOENT, EIO, ECHANGED, ECOMPRESSED, EENCODING (UTF-16), ECANCELLED, ERESOURCE,
 *            ENOMEM.
 */
sheaf_status sheaf__reader_open(sheaf__reader *reader, const sheaf_file *file,
                                const sheaf__reader_options *options, sheaf_error *err);

/*
 * As open, but a stream is put into a temporary file first, so that sheaf__reader_rewind works.
 */
sheaf_status sheaf__reader_open_spooled(sheaf__reader *reader, const sheaf_file *file,
                                        const sheaf__reader_options *options, sheaf_error *err);

/*
 * Where a reader stands between two calls, so that another one, perhaps in another process, can go
 * on there. Not for streams.
 */
typedef struct sheaf__reader_position {
    uint64_t offset_bytes; /* of the text */
    uint64_t line;
    uint64_t n_columns;
    sheaf__reader_counts counts;
    /*
     * In a BGZF file: where the block begins from which to read on, and the offset of its text. Of
     * a reader with a limit: the first block behind that, once it was met; UINT64_MAX before.
     */
    uint64_t block_bytes;
    uint64_t block_text;
} sheaf__reader_position;

sheaf__reader_position sheaf__reader_tell(const sheaf__reader *reader);

/*
 * Open a file at a position that tell() gave. A gzip file is inflated up to there. Of this function
 * and the next: the dialect is told whole.
 *
 * Returns    as open; ECHANGED when it is not the text that it was.
 */
sheaf_status sheaf__reader_open_at(sheaf__reader *reader, const sheaf_file *file,
                                   const sheaf__reader_options *options,
                                   const sheaf__reader_position *position, sheaf_error *err);

/* Whether parts of the open file can be read by open_range: it is plain text, or BGZF. */
bool sheaf__reader_has_ranges(const sheaf__reader *reader);

/*
 * Open such a file at a position where a record begins, or anywhere if that is to be guessed. In a
 * BGZF file, that is with offset_bytes SHEAF_UNKNOWN the first block from block_bytes on; offsets
 * of text then count from there. The file may be open at fd, which stays the caller's; -1: it is
 * opened. `end_bytes` is a limit as below.
 *
 * Returns    OK; ENOENT, EIO, ECHANGED, ERESOURCE, ENOMEM; EAGAIN: no block was found; of a BGZF
 *            file also ECOMPRESSED.
 */
sheaf_status sheaf__reader_open_range(sheaf__reader *reader, const sheaf_file *file,
                                      const sheaf__reader_options *options,
                                      const sheaf__reader_position *position, uint64_t end_bytes,
                                      int fd, sheaf_error *err);

/* A descriptor of the reader's file, for open_range: the caller's to close. -1: there is none. */
int sheaf__reader_share(const sheaf__reader *reader);

/*
 * Read no record, and no blank line, that begins at this offset of the file or later (in a BGZF
 * file: behind the first byte of the first block from there on, so that whoever reads that block
 * need not know the one before): next() then gives END, or ECHANGED if the file is not what it was.
 */
void sheaf__reader_limit(sheaf__reader *reader, uint64_t end_bytes);

/* There is no limit any more: go on to the end of the file. */
void sheaf__reader_unlimit(sheaf__reader *reader);

/*
 * The first record was guessed: if one goes on so many bytes behind the limit, the guess is taken
 * to be wrong, and next() fails with EAGAIN. (A quote that seems to open may close at the end of
 * the file.)
 */
void sheaf__reader_give_up_beyond(sheaf__reader *reader, uint64_t n_bytes);

/* In a BGZF file: where the block begins with which reading began. Else 0. */
uint64_t sheaf__reader_first_block(const sheaf__reader *reader);

/*
 * Of a reader that was opened at any byte, and limited: go to where a record seems to begin, behind
 * the first line end from here on (one that ends right here counts) after which some records have
 * the right number of fields. It is a guess: inside quotes there may be lines like that, too. If no
 * line ends before the limit, it goes there.
 *
 * Returns    OK; as open.
 */
sheaf_status sheaf__reader_guess_record(sheaf__reader *reader, sheaf__parser *parser,
                                        sheaf_error *err);

/* From here on, `read_bytes` grows by what is read, unless another one does already. */
void sheaf__reader_count_into(sheaf__reader *reader, atomic_ullong *read_bytes);

/* Back to the first byte, all counts at zero. Not for streams that were not spooled. */
sheaf_status sheaf__reader_rewind(sheaf__reader *reader, sheaf_error *err);

/*
 * Read the header into an empty batch: one row, as many columns as it has fields. Of a file without
 * one, all of them are null.
 *
 * Returns    OK; END for a file without any record (the batch stays empty); every fault.
 */
sheaf_status sheaf__reader_header(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                  sheaf_error *err);

/*
 * Read records into an empty batch until it holds about chunk_bytes of text (or as much of cells),
 * or a stream has nothing more to say for now. batch NULL: check and count the records of the whole
 * rest of the file. In both cases no further than until what was set aside takes twice as much.
 *
 * Returns    OK: there may be more; END: there is not. Either may come with rows.
 *            ESHAPE, EQUOTE, EENCODING, ELIMIT, ETYPE, ECOMPRESSED, ECHANGED, EIO, ECANCELLED,
 *            ENOMEM: a fault; the batch then holds the records before it.
 */
sheaf_status sheaf__reader_next(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                size_t chunk_bytes, sheaf_error *err);

/* Whether the last next() came back early because a stream has nothing more to say for now. */
bool sheaf__reader_is_waiting(const sheaf__reader *reader);

sheaf__reader_counts sheaf__reader_counts_get(const sheaf__reader *reader);

/* What was found out of an open file's dialect, and how sure that is. */
const sheaf__sniffed *sheaf__reader_sniffed(const sheaf__reader *reader);

/* How the lines end that it begins with (line_ends.h). Before any of them is read. */
const char *sheaf__reader_line_ends(const sheaf__reader *reader);

/* How many columns the header has; 0 before it was read. */
size_t sheaf__reader_columns(const sheaf__reader *reader);

void sheaf__reader_close(sheaf__reader *reader);

#endif
