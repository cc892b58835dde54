/*
 * The text of a file, from its first byte into a reader's window: what kind of text it is, how far
 * it is read at once, and where reading goes on when another reader takes over. See reader.h.
 *
 * A source that fails does so only when the text before the failure was used: until then the window
 * says that nothing more comes, and the failure is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "readers/dialect/check.h"
#include "readers/dialect/encoding.h"
#include "readers/state.h"

enum { READ_BEYOND = 4 << 10, PIECE_BYTES = 16 << 10 };

static sheaf_status keep_failure(sheaf__reader *reader, const sheaf_error *err, sheaf_status status)
{
    reader->read_failure = malloc(sizeof *reader->read_failure);
    if (!reader->read_failure)
        return SHEAF_ENOMEM;
    *reader->read_failure = *err;
    reader->read_failure->status = status;
    return SHEAF_OK;
}

/* How much is to be read at once: not much more than to the range's end, where a record is cut. */
static size_t beyond_range(const sheaf__reader *reader)
{
    uint64_t at = sheaf__reader_offset(reader) + (reader->window.end - reader->window.record);
    uint64_t left = reader->range_end > at ? reader->range_end - at : 0;
    uint64_t beyond = reader->range_end < at ? at - reader->range_end : 0; /* of a long record */
    uint64_t more = beyond > READ_BEYOND ? beyond : READ_BEYOND;
    return left < SIZE_MAX - more ? (size_t)(left + more) : SIZE_MAX;
}

/* Who has parts of a file read by others needs no help with it. */
static const sheaf__helper *helper_of(const sheaf__reader *reader)
{
    return reader->in_blocks && reader->options.splits_blocks ? NULL : reader->options.helper;
}

/* More of the file, decompressed. */
static sheaf_status read_stored(sheaf__reader *reader, uint8_t *into, size_t room, size_t *n,
                                sheaf_error *err)
{
    sheaf__decompressor *decompressor = reader->decompressors[reader->counts.compression];
    return decompressor ? sheaf__ahead_read(&reader->ahead, decompressor, helper_of(reader), into,
                                            room, n, err)
                        : sheaf__file_read(&reader->source, into, room, n, err);
}

static bool decodes(const sheaf__reader *reader)
{
    return reader->counts.encoding > SHEAF__ENCODING_UTF_8;
}

/* And decoded. */
static sheaf_status read_text(sheaf__reader *reader, uint8_t *into, size_t room, size_t *n,
                              sheaf_error *err)
{
    sheaf__decoder *decoder = reader->decoder;
    sheaf_status status = SHEAF_OK;
    if (!decodes(reader))
        return read_stored(reader, into, room, n, err);
    *n = sheaf__decoder_take(decoder, into, room);
    while (status == SHEAF_OK && *n == 0 && !sheaf__decoder_is_over(decoder)) {
        size_t n_room;
        size_t n_read = 0;
        uint8_t *to = sheaf__decoder_room(decoder, &n_room);
        if (n_room > 0)
            status = read_stored(reader, to, n_room, &n_read, err);
        if (status == SHEAF_OK)
            sheaf__decoder_feed(decoder, n_read);
        if (status == SHEAF_OK)
            *n = sheaf__decoder_take(decoder, into, room);
    }
    return status;
}

/*
 * Read more text into the window, at most max_bytes; at the source's end, or its failure, say that
 * nothing more comes.
 */
sheaf_status sheaf__reader_fill(sheaf__reader *reader, size_t max_bytes, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    if (sheaf__reader_is_stopped(reader))
        return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
    if (sheaf__window_make_room(window) < 0)
        return sheaf__error_memory(err, "a record");
    uint8_t *into = window->bytes + window->end;
    size_t room = window->capacity - window->end;
    if (room > max_bytes)
        room = max_bytes;
    if (room > SHEAF__WINDOW_BYTES) /* of a window that a giant record has made large */
        room = SHEAF__WINDOW_BYTES;
    if (room > beyond_range(reader))
        room = beyond_range(reader);
    size_t n = 0;
    sheaf_error failure;
    sheaf_error_clear(&failure);
    sheaf_status status = read_text(reader, into, room, &n, &failure);
    if (status == SHEAF_OK && n == 0)
        status = sheaf__file_verify(&reader->source, &failure);
    if (status == SHEAF_ECANCELLED || status == SHEAF_ENOMEM || status == SHEAF_ERESOURCE) {
        sheaf__error_copy(err, &failure);
        return status;
    }
    if (status < 0 && keep_failure(reader, &failure, status) < 0)
        return sheaf__error_memory(err, "an error");
    window->at_end = status < 0 || n == 0;
    window->end += status < 0 ? 0 : n;
    reader->counts.text_bytes += status < 0 ? 0 : n;
    sheaf__reader_meet_blocks(reader);
    return SHEAF_OK;
}

/* The first bytes are in the window: hand them to what decompresses the file. */
static sheaf_status begin_decompressing(sheaf__reader *reader, sheaf__compression compression,
                                        sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    sheaf__decompressor **decompressor = &reader->decompressors[compression];
    if (!*decompressor)
        *decompressor = sheaf__compression_format(compression)->create();
    if (!*decompressor)
        return sheaf__error_memory(err, "decompressing a file");
    sheaf__decompressor_begin(*decompressor, &reader->source, window->bytes, window->end);
    reader->counts.compression = compression;
    reader->in_blocks = compression == SHEAF__COMPRESSION_GZIP &&
                        sheaf__bgzf_block_bytes(window->bytes, window->end) > 0;
    reader->counts.text_bytes = 0;
    window->end = 0;
    window->at_end = false;
    return SHEAF_OK;
}

/* At least `need` bytes in the window, or its end; never more than a decompressor takes back. */
static sheaf_status fill_at_least(sheaf__reader *reader, size_t need, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && reader->window.end < need && !reader->window.at_end)
        status = sheaf__reader_fill(reader, SHEAF__DECOMPRESS_HEAD_MAX - reader->window.end, err);
    return status;
}

/* Be it put into a file or not: what is found out of it must not depend on that. */
static bool is_stream(const sheaf__file_source *source)
{
    return !source->can_seek || source->spooled;
}

/* The head of the text is in the window: what encoding is it, and how long is its mark? */
static sheaf_status find_encoding(sheaf__reader *reader, size_t *n_mark, sheaf_error *err)
{
    const sheaf__window *window = &reader->window;
    sheaf__encoding *encoding = &reader->counts.encoding;
    bool plain = reader->counts.compression == SHEAF__COMPRESSION_NONE;
    sheaf__encoding marked = sheaf__encoding_by_mark(window->bytes, window->end, n_mark);
    *encoding = reader->options.encoding;
    if (*encoding != SHEAF__ENCODING_AUTO && *encoding != marked)
        *n_mark = 0;
    if (*encoding != SHEAF__ENCODING_AUTO)
        return SHEAF_OK;
    *encoding = marked == SHEAF__ENCODING_AUTO ? SHEAF__ENCODING_UTF_8 : marked;
    if (!reader->may_sample) /* how much of it is here is chance */
        return SHEAF_OK;
    bool is_file = plain && !is_stream(&reader->source);
    bool at_end = window->at_end ||
                  (is_file && window->end == (uint64_t)reader->source.opened.st_size);
    return sheaf__encoding_guess(window->bytes, window->end, at_end,
                                 is_file ? &reader->source : NULL, encoding, n_mark, err);
}

/* Text that is not UTF-8 goes through a decoder from its first byte on. */
static sheaf_status begin_decoding(sheaf__reader *reader, size_t n_mark, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    if (!reader->decoder)
        reader->decoder = sheaf__decoder_create();
    if (!reader->decoder)
        return sheaf__error_memory(err, "decoding a file");
    sheaf_status status = sheaf__decoder_begin(reader->decoder, reader->counts.encoding,
                                               reader->options.encoding_name,
                                               window->bytes + n_mark, window->end - n_mark, err);
    if (status == SHEAF_OK && window->at_end)
        sheaf__decoder_feed(reader->decoder, 0);
    window->end = 0;
    window->at_end = false;
    reader->counts.text_bytes = 0;
    return status;
}

/* A mark may come out of a decoder that was not told of one. */
static sheaf_status drop_mark(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    size_t n_mark = 0;
    sheaf_status status = fill_at_least(reader, SHEAF__MARK_BYTES_MAX, err);
    if (status == SHEAF_OK &&
        sheaf__encoding_by_mark(window->bytes, window->end, &n_mark) == SHEAF__ENCODING_UTF_8) {
        window->record = window->line = window->searched = n_mark;
        reader->counts.boms++;
    }
    return status;
}

static sheaf_status begin_encoding(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    size_t n_mark;
    sheaf_status status = SHEAF_OK;
    if (reader->may_sample && reader->options.encoding == SHEAF__ENCODING_AUTO)
        status = fill_at_least(reader, SHEAF__SAMPLE_BYTES, err);
    if (status == SHEAF_OK)
        status = find_encoding(reader, &n_mark, err);
    if (status < 0)
        return status;
    reader->counts.boms += n_mark > 0;
    if (decodes(reader)) {
        status = begin_decoding(reader, n_mark, err);
        return status == SHEAF_OK && n_mark == 0 ? drop_mark(reader, err) : status;
    }
    window->record = window->line = window->searched = n_mark;
    return SHEAF_OK;
}

/* ---- its dialect ---- */

/* Parts of a large file from its middle and its end; of others, the head has to do. */
static sheaf_status add_pieces(const sheaf__reader *reader, sheaf__sniff_text *text,
                               uint8_t *buffer, sheaf_error *err)
{
    const sheaf__file_source *source = &reader->source;
    uint64_t size = (uint64_t)source->opened.st_size;
    bool is_plain = reader->counts.compression == SHEAF__COMPRESSION_NONE && !decodes(reader);
    sheaf_status status = SHEAF_OK;
    if (!is_plain || is_stream(source) || size <= SHEAF__SAMPLE_BYTES + 2 * PIECE_BYTES)
        return SHEAF_OK;
    uint64_t from[] = {size / 2, size - PIECE_BYTES};
    for (int i = 0; i < 2 && status == SHEAF_OK; i++) {
        sheaf__sniff_piece *piece = &text->pieces[text->n_pieces++];
        piece->bytes = buffer + (size_t)i * PIECE_BYTES;
        piece->at_end = i == 1;
        status = sheaf__file_peek(source, from[i], buffer + (size_t)i * PIECE_BYTES, PIECE_BYTES,
                                  &piece->n_bytes, err);
    }
    return status;
}

static sheaf_status sniff(sheaf__reader *reader, sheaf_error *err)
{
    const sheaf__window *window = &reader->window;
    const sheaf__reader_options *options = &reader->options;
    size_t n_here = reader->may_sample ? window->end - window->record : 0;
    size_t n_head = n_here < SHEAF__SAMPLE_BYTES ? n_here : SHEAF__SAMPLE_BYTES;
    sheaf__sniff_text text = {.n_pieces = 1,
                              .pieces = {{.bytes = window->bytes + window->record,
                                          .n_bytes = n_head,
                                          .at_end = window->at_end && !reader->read_failure &&
                                                    n_head == window->end - window->record}}};
    uint8_t *buffer = malloc(2 * PIECE_BYTES);
    sheaf_status status = buffer ? add_pieces(reader, &text, buffer, err)
                                 : sheaf__error_memory(err, "a sample");
    if (status == SHEAF_OK)
        status = sheaf__sniff(&text, &options->dialect, options->delimiter_hint, &reader->sniffed,
                              err);
    free(buffer);
    return status;
}

static sheaf_status begin_dialect(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__reader_options *options = &reader->options;
    sheaf_status status = SHEAF_OK;
    reader->sniffed = (sheaf__sniffed){
        .dialect = options->dialect, .n_columns = options->n_columns, .confidence = 1};
    if (!sheaf__dialect_is_whole(&options->dialect)) {
        sheaf__window *window = &reader->window;
        while (status == SHEAF_OK && reader->may_sample && !window->at_end &&
               window->end - window->record < SHEAF__SAMPLE_BYTES)
            status = sheaf__reader_fill(reader, SIZE_MAX, err);
        if (status == SHEAF_OK)
            status = sniff(reader, err);
        if (status == SHEAF_OK)
            options->dialect = reader->sniffed.dialect;
        if (status == SHEAF_OK && options->n_columns == 0)
            options->n_columns = reader->sniffed.n_columns;
    }
    reader->counts.dialect = options->dialect;
    reader->counts.n_columns = options->n_columns;
    return status;
}

/* From the first byte of the source: what kind of text is this? */
static sheaf_status begin_text(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__window_reset(&reader->window);
    reader->counts = (sheaf__reader_counts){0};
    reader->n_columns = 0;
    sheaf__reader_forget_range(reader);
    sheaf__reader_forget_failure(reader);
    reader->line = reader->record_line = 1;
    if (sheaf__window_init(&reader->window) < 0)
        return sheaf__error_memory(err, "a buffer");
    sheaf_status status = fill_at_least(reader, SHEAF__MAGIC_BYTES_MAX, err);
    sheaf__compression compression = sheaf__compression_of(reader->path, reader->window.bytes,
                                                           reader->window.end);
    if (status == SHEAF_OK && compression != SHEAF__COMPRESSION_NONE && !reader->read_failure) {
        status = begin_decompressing(reader, compression, err);
        if (status == SHEAF_OK)
            status = fill_at_least(reader, 3, err);
    }
    if (status == SHEAF_OK)
        status = begin_encoding(reader, err);
    return status == SHEAF_OK ? begin_dialect(reader, err) : status;
}

static sheaf_status open_source(sheaf__reader *reader, const sheaf_file *file,
                                const sheaf__reader_options *options, uint64_t counted_bytes,
                                bool spool, sheaf_error *err)
{
    reader->options = *options;
    reader->counts = (sheaf__reader_counts){0}; /* also of a file that cannot be opened */
    reader->n_columns = 0;
    reader->path = file->path;
    sheaf__reader_forget_range(reader);
    reader->source = (sheaf__file_source){.fd = -1,
                                          .counted_bytes = counted_bytes,
                                          .stop = options->stop,
                                          .read_bytes = options->read_bytes};
    sheaf_status status = sheaf__file_open(&reader->source, file, err);
    if (status == SHEAF_OK && spool && !reader->source.can_seek)
        status = sheaf__file_spool(&reader->source, err);
    /* A stream whose delimiter is told is not waited for. */
    reader->may_sample = !is_stream(&reader->source) || options->dialect.delimiter == 0;
    if (status == SHEAF_OK)
        status = begin_text(reader, err);
    return status;
}

sheaf_status sheaf__reader_open(sheaf__reader *reader, const sheaf_file *file,
                                const sheaf__reader_options *options, sheaf_error *err)
{
    return open_source(reader, file, options, 0, false, err);
}

sheaf_status sheaf__reader_open_spooled(sheaf__reader *reader, const sheaf_file *file,
                                        const sheaf__reader_options *options, sheaf_error *err)
{
    return open_source(reader, file, options, 0, true, err);
}

void sheaf__reader_count_into(sheaf__reader *reader, atomic_ullong *read_bytes)
{
    if (!reader->source.read_bytes) /* or a helper may be looking at it now */
        reader->source.read_bytes = read_bytes;
}

sheaf_status sheaf__reader_rewind(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__ahead_stop(&reader->ahead);
    sheaf__file_rewind(&reader->source);
    return begin_text(reader, err);
}

/* ---- going on elsewhere ---- */

sheaf__reader_position sheaf__reader_tell(const sheaf__reader *reader)
{
    return (sheaf__reader_position){.offset_bytes = sheaf__reader_offset(reader),
                                    .line = reader->line,
                                    .n_columns = reader->n_columns,
                                    .counts = sheaf__reader_counts_get(reader),
                                    .block_bytes = reader->next_block.offset_bytes,
                                    .block_text = reader->next_block.text_bytes};
}

/* Give up the text before an offset, which stands in the window from its first byte on. */
sheaf_status sheaf__reader_skip_text(sheaf__reader *reader, uint64_t offset_bytes, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    for (;;) {
        uint64_t left = offset_bytes - window->base_bytes;
        if (window->end >= left) {
            window->record = window->line = window->searched = (size_t)left;
            return SHEAF_OK;
        }
        window->record = window->line = window->searched = window->end;
        if (window->at_end && reader->read_failure)
            return sheaf__reader_failure(reader, err);
        if (window->at_end)
            return sheaf_error_set(err, SHEAF_ECHANGED, "the file is shorter than it was");
        sheaf_status status = sheaf__reader_fill(reader, SIZE_MAX, err);
        if (status < 0)
            return status;
    }
}

void sheaf__reader_stand(sheaf__reader *reader, const sheaf__reader_position *position)
{
    reader->counts = position->counts;
    reader->counts.text_bytes = reader->window.base_bytes + reader->window.end;
    reader->line = reader->record_line = position->line;
    reader->n_columns = position->n_columns;
}

sheaf_status sheaf__reader_open_at(sheaf__reader *reader, const sheaf_file *file,
                                   const sheaf__reader_options *options,
                                   const sheaf__reader_position *position, sheaf_error *err)
{
    sheaf_status status = open_source(reader, file, options, position->counts.stored_bytes, false,
                                      err);
    if (status == SHEAF_OK && reader->counts.compression == SHEAF__COMPRESSION_NONE &&
        !decodes(reader)) {
        sheaf__window_reset(&reader->window);
        reader->window.base_bytes = reader->source.offset_bytes = position->offset_bytes;
        status = sheaf__window_init(&reader->window) < 0 ? sheaf__error_memory(err, "a buffer")
                                                         : SHEAF_OK;
    } else if (status == SHEAF_OK) {
        status = sheaf__reader_skip_text(reader, position->offset_bytes, err);
    }
    if (status < 0)
        return status;
    sheaf__reader_stand(reader, position);
    return SHEAF_OK;
}
