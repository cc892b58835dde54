/*
 * Reading a part of a file: see reader.h.
 *
 * Whether a byte is inside quotes depends on every quote before it, which whoever begins in the
 * middle has not seen. So a beginning is guessed, and whoever has read up to there verifies it.
 */
#include <fcntl.h>

#include "engine/core/error.h"
#include "readers/record/run.h"
#include "readers/state.h"

enum {
    GUESS_RECORDS = 4, /* in a row are no accident */
    GUESS_BYTES = 16 << 10,
    GUESS_LINES = 256 /* are tried: of blank lines, there may be thousands */
};

void sheaf__reader_forget_range(sheaf__reader *reader)
{
    reader->range_end = reader->give_up_bytes = UINT64_MAX;
    reader->give_up_beyond = UINT64_MAX;
    reader->careful_bytes = 0;
    reader->has_fault = false;
    reader->in_blocks = false;
    reader->first_block = reader->first_block_text = 0;
    reader->next_block = (sheaf__gzip_member){UINT64_MAX, UINT64_MAX};
}

static sheaf_status open_file(sheaf__reader *reader, const sheaf_file *file,
                              const sheaf__reader_options *options,
                              const sheaf__reader_position *position, int fd, sheaf_error *err)
{
    reader->options = *options;
    reader->counts = (sheaf__reader_counts){.dialect = options->dialect,
                                            .n_columns = options->n_columns};
    reader->n_columns = 0;
    reader->path = file->path;
    sheaf__reader_forget_range(reader);
    sheaf__reader_forget_failure(reader);
    reader->source = (sheaf__file_source){.fd = -1,
                                          .counted_bytes = position->counts.stored_bytes,
                                          .stop = options->stop,
                                          .read_bytes = options->read_bytes};
    sheaf__window_reset(&reader->window);
    sheaf_status status = sheaf__file_open_shared(&reader->source, file, fd, err);
    if (status == SHEAF_OK && sheaf__window_init(&reader->window) < 0)
        status = sheaf__error_memory(err, "a buffer");
    return status;
}

/* The window is empty: let it begin with a block's text. */
static sheaf_status begin_block(sheaf__reader *reader, uint64_t block_bytes, uint64_t block_text,
                                sheaf_error *err)
{
    sheaf__decompressor **gzip = &reader->decompressors[SHEAF__COMPRESSION_GZIP];
    if (!*gzip)
        *gzip = sheaf__decompress_gzip.create();
    if (!*gzip)
        return sheaf__error_memory(err, "decompressing a file");
    reader->source.offset_bytes = reader->first_block = block_bytes;
    reader->window.base_bytes = reader->first_block_text = block_text;
    reader->in_blocks = true;
    reader->counts.compression = SHEAF__COMPRESSION_GZIP;
    sheaf__decompressor_begin(*gzip, &reader->source, reader->window.bytes, 0);
    return SHEAF_OK;
}

/* The first block from a place on that is anywhere; its text counts from 0. */
static sheaf_status begin_first_block(sheaf__reader *reader, uint64_t from_bytes, sheaf_error *err)
{
    uint64_t found;
    _Static_assert((int)SHEAF__BGZF_SCRATCH <= (int)SHEAF__WINDOW_BYTES,
                   "the window is the scratch");
    sheaf_status status = sheaf__bgzf_find(&reader->source, from_bytes, reader->window.bytes,
                                           &found, err);
    if (status == SHEAF_OK && found == UINT64_MAX)
        status = sheaf_error_set(err, SHEAF_EAGAIN, "there is no block of compressed data here");
    return status == SHEAF_OK ? begin_block(reader, found, 0, err) : status;
}

sheaf_status sheaf__reader_open_range(sheaf__reader *reader, const sheaf_file *file,
                                      const sheaf__reader_options *options,
                                      const sheaf__reader_position *position, uint64_t end_bytes,
                                      int fd, sheaf_error *err)
{
    sheaf_status status = open_file(reader, file, options, position, fd, err);
    bool plain = position->counts.compression == SHEAF__COMPRESSION_NONE;
    bool anywhere = position->offset_bytes == SHEAF_UNKNOWN;
    if (status == SHEAF_OK && plain)
        reader->window.base_bytes = reader->source.offset_bytes = position->offset_bytes;
    else if (status == SHEAF_OK)
        status = anywhere ? begin_first_block(reader, position->block_bytes, err)
                          : begin_block(reader, position->block_bytes, position->block_text, err);
    if (status < 0)
        return status;
    sheaf__reader_limit(reader, end_bytes); /* before what is skipped: a block there may be it */
    if (!plain && !anywhere)
        status = sheaf__reader_skip_text(reader, position->offset_bytes, err);
    sheaf__reader_stand(reader, position);
    return status;
}

bool sheaf__reader_has_ranges(const sheaf__reader *reader)
{
    return reader->counts.encoding == SHEAF__ENCODING_UTF_8 &&
           (reader->counts.compression == SHEAF__COMPRESSION_NONE || reader->in_blocks);
}

uint64_t sheaf__reader_first_block(const sheaf__reader *reader)
{
    return reader->first_block;
}

int sheaf__reader_share(const sheaf__reader *reader)
{
    return fcntl(reader->source.fd, F_DUPFD_CLOEXEC, 3);
}

static void set_range_end(sheaf__reader *reader, uint64_t offset_bytes)
{
    reader->range_end = offset_bytes;
    if (reader->give_up_beyond < UINT64_MAX - offset_bytes)
        reader->give_up_bytes = offset_bytes + reader->give_up_beyond;
}

void sheaf__reader_limit(sheaf__reader *reader, uint64_t end_bytes)
{
    reader->source.count_end_bytes = end_bytes;
    if (reader->in_blocks)
        sheaf__gzip_watch_for(reader->decompressors[SHEAF__COMPRESSION_GZIP], end_bytes);
    else
        set_range_end(reader, end_bytes);
}

void sheaf__reader_unlimit(sheaf__reader *reader)
{
    sheaf__reader_limit(reader,
                        UINT64_MAX); /* forgets the block that was met behind the one before */
    reader->source.count_end_bytes = 0;
    reader->range_end = UINT64_MAX;
    reader->next_block = (sheaf__gzip_member){UINT64_MAX, UINT64_MAX};
}

void sheaf__reader_give_up_beyond(sheaf__reader *reader, uint64_t n_bytes)
{
    reader->give_up_beyond = n_bytes;
    set_range_end(reader, reader->range_end);
}

void sheaf__reader_meet_blocks(sheaf__reader *reader)
{
    sheaf__gzip_member met;
    if (!reader->in_blocks || reader->next_block.offset_bytes < UINT64_MAX ||
        !sheaf__gzip_has_met(reader->decompressors[SHEAF__COMPRESSION_GZIP], &met))
        return;
    met.text_bytes += reader->first_block_text;
    reader->next_block = met;
    set_range_end(reader, met.text_bytes + 1);
}

/* Whether records with the right number of fields begin here, as far as the window goes. */
static sheaf_status looks_like_records(const sheaf__reader *reader, sheaf__parser *parser,
                                       size_t begin, bool *it_does, sheaf_error *err)
{
    const sheaf__window *window = &reader->window;
    sheaf__run_rules rules = {.kernel = sheaf__scan_kernel_get(),
                              .dialect = &reader->options.dialect,
                              .n_columns = reader->n_columns,
                              .record_bytes_max = reader->options.record_bytes_max};
    sheaf__run_limit limit = {.n_bytes = SIZE_MAX, .records = GUESS_RECORDS};
    size_t left = window->end - begin;
    sheaf__run run = {0};
    sheaf__scan *index = sheaf__parser_index(parser);
    if (!index)
        return sheaf__error_memory(err, "the index of a scan");
    if (sheaf__run_take(&run, &rules, index, window->bytes + begin,
                        left < GUESS_BYTES ? left : GUESS_BYTES, NULL, limit) < 0)
        return sheaf__error_memory(err, "the index of a scan");
    *it_does = run.records == GUESS_RECORDS || (run.n_bytes == left && window->at_end);
    return SHEAF_OK;
}

static void go_to(sheaf__reader *reader, size_t at)
{
    reader->window.record = reader->window.line = reader->window.searched = at;
    reader->line = reader->record_line = 1;
}

/* The first line behind which records seem to be; else the first line; SIZE_MAX: none is here. */
static sheaf_status search(sheaf__reader *reader, sheaf__parser *parser, size_t *found,
                           sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    size_t line_end;
    *found = SIZE_MAX;
    for (int i = 0; i < GUESS_LINES && window->searched < window->record + GUESS_BYTES &&
                    sheaf__window_find_line(window, &line_end) && line_end > window->line;
         i++) {
        bool is_it = reader->options.by_libcsv;
        sheaf_status status = is_it ? SHEAF_OK
                                    : looks_like_records(reader, parser, line_end, &is_it, err);
        if (status < 0)
            return status;
        window->line = window->searched = line_end;
        if (is_it || *found == SIZE_MAX)
            *found = line_end;
        if (is_it)
            break;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__reader_guess_record(sheaf__reader *reader, sheaf__parser *parser,
                                        sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    sheaf_status status = SHEAF_OK;
    size_t found = SIZE_MAX;
    while (status == SHEAF_OK && window->end - window->record < 2 * GUESS_BYTES && !window->at_end)
        status = sheaf__reader_fill(reader, SIZE_MAX, err);
    if (status == SHEAF_OK)
        status = search(reader, parser, &found, err);
    while (status == SHEAF_OK && found == SIZE_MAX) {     /* in the middle of a long line */
        window->record = window->line = window->searched; /* nobody wants what is before */
        if (sheaf__reader_offset(reader) >= reader->range_end || window->at_end)
            break;
        status = sheaf__reader_fill(reader, SIZE_MAX, err);
        if (status == SHEAF_OK)
            status = search(reader, parser, &found, err);
    }
    if (status == SHEAF_OK)
        go_to(reader, found == SIZE_MAX ? window->searched : found);
    return status;
}
