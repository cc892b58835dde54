/*
 * Many files as a stream of typed record batches, for any consumer that speaks Arrow's C stream
 * interface: DuckDB, Polars, pyarrow, nanoarrow, R's arrow, or a loop of one's own.
 *
 *     struct ArrowArrayStream stream;
 *     sheaf_ingest_options options = {.size = sizeof options};
 *     if (sheaf_stream_open(files, &options, &stream, &err) < 0) ...
 *     stream.get_schema(&stream, &schema);
 *     while (stream.get_next(&stream, &batch) == 0 && batch.release) {
 *         ...
 *         batch.release(&batch);
 *     }
 *     schema.release(&schema);
 *     stream.release(&stream);
 *
 * What is read, how columns are united and which types they get is told in <sheaf/ingest.h> and
 * <sheaf/type.h>. A type is Arrow's of the same name: null "n", bool "b", int64 "l", float64 "g",
 * date "tdD", timestamp "tsu:", timestamp_utc "tsu:UTC", time "ttu", text "u". In names a NUL byte
 * becomes U+2400.
 */
#ifndef SHEAF_STREAM_H
#define SHEAF_STREAM_H

#include <sheaf/arrow.h>
#include <sheaf/discover.h>
#include <sheaf/ingest.h>
#include <sheaf/status.h>

SHEAF_BEGIN_DECLS

/*
 * Find out the types, by reading every file to its end (unless options->typing is TEXT and none is
 * asked for), and make a stream of all rows ready: a struct for each batch, in the order of the
 * files, of about options->chunk_bytes of text (0: 256 KiB).
 *
 * Rows that fit in half of options->memory_bytes are kept meanwhile, the others are read again. So
 * a program that will keep the whole table anyway gives twice as much as that takes, or SIZE_MAX,
 * and its files are read once.
 *
 * Records with faults are set aside if there is a place for them: options->on_reject, or the file
 * options->quarantine, which appears when get_next() tells the end, so never if the stream is
 * released before. Without one the first fault ends the stream (SHEAF_ON_ERROR_DEFAULT); a stream
 * that is to set them aside and has none is not opened (SHEAF_ON_ERROR_QUARANTINE). If there are
 * more than options->rejects_max, or at the end than rejects_percent_max, that is a failure.
 *
 * get_next() gives an array whose release is NULL behind the last row, once every record is
 * accounted for. A failure is an errno: ENOMEM, ECANCELED, EIO for everything else;
 * get_last_error() tells it as sheaf_error_format() does. After one the stream takes only release.
 *
 * Returns    OK; EINVAL (options, or a destination, format or table, which a stream has not; a
 *            column asked for that no file has; a quarantine that is a source, or no file); the
 *            first fault in file order, or ENOENT, EIO, ECANCELLED, ENOMEM, EWORKER, EBROKEN as
 *            sheaf_ingest_run() gives them.
 * Ownership  *stream is the caller's, to end with its release; so is every schema and array that it
 *            gives: they may outlive it, and children be moved out of them. files must outlive the
 *            stream; options are copied.
 * Threads    one at a time on a stream; arrays are released by whatever thread. options->on_file
 *            and on_reject are called by the one that calls get_next().
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_stream_open(const sheaf_files *files,
                                                          const sheaf_ingest_options *options,
                                                          struct ArrowArrayStream *stream,
                                                          sheaf_error *err);

SHEAF_END_DECLS

#endif
