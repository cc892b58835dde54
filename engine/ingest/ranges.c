/*
 * A large file in ranges, each read by whatever worker is free: see load.h.
 *
 * A record belongs to the range in which it begins; in a BGZF file, in whose blocks it begins, and
 * blocks belong to the range in which they do. The first range is a small one, because all others
 * wait for it; towards the end each is the share of one worker in what is left, so that all are
 * done at about the same time (guided self-scheduling: Polychronopoulos and Kuck, 1987). What a
 * range's worker has guessed is verified here, one after the other: its first record must begin
 * where the last record before it ended. A range that began elsewhere is read again from there; so
 * is one with a fault, because only then are its line and its record known.
 */
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/ingest/load.h"

static bool has_blocks(const sheaf__reader_position *at)
{
    return at->counts.compression != SHEAF__COMPRESSION_NONE;
}

static bool is_in_blocks(const sheaf__rows_cursor *cursor)
{
    return has_blocks(&cursor->at);
}

void sheaf__ranges_begin(sheaf__rows_cursor *cursor)
{
    cursor->n_asked = cursor->n_taken = 0;
    cursor->asked_to = cursor->taken_to = sheaf__load_small_range_bytes(cursor->load,
                                                                        cursor->file->found);
}

/* Where the range ends that begins there. */
static uint64_t end_of(const sheaf__rows_cursor *cursor, uint64_t begin)
{
    const sheaf__load *load = cursor->load;
    const sheaf_file *file = cursor->file->found;
    uint64_t left = file->size_bytes - begin;
    uint64_t n_bytes = left / (uint64_t)load->summary->workers;
    uint64_t least = sheaf__load_small_range_bytes(load, file);
    uint64_t most = sheaf__load_range_bytes(load, file);
    n_bytes = n_bytes < least ? least : n_bytes > most ? most : n_bytes;
    return n_bytes < left ? begin + n_bytes : file->size_bytes;
}

/* Text is read from a byte before it: if a line ends there, one begins with the range. */
sheaf__range sheaf__range_at(sheaf__load_file *file, const sheaf__reader_position *at,
                             uint64_t begin, uint64_t end)
{
    return (sheaf__range){
        .file = file,
        .from = {.offset_bytes = has_blocks(at) ? SHEAF_UNKNOWN : begin - 1,
                 .line = 1,
                 .n_columns = at->n_columns,
                 .counts = {.stored_bytes = begin, .compression = at->counts.compression},
                 .block_bytes = begin},
        .end_bytes = end == file->found->size_bytes ? UINT64_MAX : end,
        .guess = true};
}

sheaf_status sheaf__ranges_ask(sheaf__rows_cursor *cursor, sheaf_error *err)
{
    sheaf__load *load = cursor->load;
    sheaf_status status = SHEAF_OK;
    uint64_t size_bytes = cursor->chunk->fault ? 0 : cursor->file->found->size_bytes;
    while (status == SHEAF_OK && cursor->asked_to < size_bytes && cursor->n_ahead < load->window &&
           (cursor->n_ahead == 0 || sheaf__budget_has_room(load))) {
        uint64_t end = end_of(cursor, cursor->asked_to);
        sheaf__range range = sheaf__range_at(cursor->file, &cursor->at, cursor->asked_to, end);
        status = sheaf__ask_range(load, &range, &cursor->ahead[cursor->n_asked % load->window],
                                  err);
        if (status == SHEAF_OK) {
            cursor->asked_to = end;
            cursor->n_asked++;
            cursor->n_ahead++;
        }
    }
    return status;
}

static sheaf_status await(sheaf__rows_cursor *cursor, uint64_t first_byte, sheaf_future *future,
                          sheaf__chunk **chunk, sheaf_error *err)
{
    void *result = NULL;
    sheaf_status status = sheaf__ask_wait(cursor->load, cursor->file, first_byte, future, &result,
                                          err);
    return sheaf__ask_answer(cursor->load, SHEAF__ASK_RANGE, cursor->file, status, result, chunk,
                             err);
}

/* Read a range from where it really begins. */
static sheaf_status read_again(sheaf__rows_cursor *cursor, uint64_t end_bytes, sheaf__chunk **chunk,
                               sheaf_error *err)
{
    sheaf_future *future;
    sheaf__range range = {.file = cursor->file, .from = cursor->at, .end_bytes = end_bytes};
    sheaf_status status = sheaf__ask_range(cursor->load, &range, &future, err);
    if (status == SHEAF_OK)
        status = await(cursor, range.from.offset_bytes, future, chunk, err);
    if (status == SHEAF_OK && (*chunk)->counts.records < cursor->at.counts.records)
        (*chunk)->counts = cursor->at.counts; /* nothing of it was read */
    else if (status == SHEAF_OK)
        cursor->at = (*chunk)->end;
    if (status == SHEAF_OK && !(*chunk)->split)
        sheaf__ranges_drop(cursor); /* it goes on behind the range's end */
    return status;
}

/*
 * Whether anything of a range is left: a record that began before may take all of it. And in a BGZF
 * file, a block.
 */
static bool is_left(const sheaf__rows_cursor *cursor, const sheaf__range *range)
{
    uint64_t at = is_in_blocks(cursor) ? cursor->at.block_bytes : cursor->at.offset_bytes;
    return at < range->end_bytes;
}

/* Offsets of text count from the first block that was found: now it is known where that is. */
static void place(const sheaf__rows_cursor *cursor, sheaf__chunk *chunk)
{
    if (!is_in_blocks(cursor) || chunk->begin.block_bytes != cursor->at.block_bytes)
        return;
    chunk->begin.offset_bytes += cursor->at.block_text;
    chunk->end.offset_bytes += cursor->at.block_text;
    chunk->end.block_text += cursor->at.block_text;
}

/* Whether a range was read from where the records before it ended. */
static bool is_right(const sheaf__rows_cursor *cursor, const sheaf__chunk *chunk)
{
    bool same_block = !is_in_blocks(cursor) || chunk->begin.block_bytes == cursor->at.block_bytes;
    return !chunk->fault && same_block && chunk->begin.offset_bytes == cursor->at.offset_bytes;
}

/* What was counted in a range belongs to what was counted before it. */
static void add_counts(sheaf__rows_cursor *cursor, sheaf__chunk *chunk)
{
    sheaf__reader_counts *sum = &cursor->at.counts;
    chunk->shift = cursor->at;
    chunk->shift.line -= chunk->begin.line;
    chunk->shift.offset_bytes = is_in_blocks(cursor) ? cursor->at.block_text : 0;
    sum->rejected += chunk->counts.rejected;
    sum->one_more += chunk->counts.one_more;
    sum->one_blank += chunk->counts.one_blank;
    sum->records += chunk->counts.records;
    sum->repairs.records += chunk->counts.repairs.records;
    sum->repairs.padded += chunk->counts.repairs.padded;
    sum->repairs.trimmed += chunk->counts.repairs.trimmed;
    sum->repairs.unquoted += chunk->counts.repairs.unquoted;
    sum->blank_lines += chunk->counts.blank_lines;
    sum->lone_crs += chunk->counts.lone_crs;
    sum->comment_lines += chunk->counts.comment_lines;
    sum->text_bytes = chunk->end.offset_bytes;
    sum->stored_bytes = is_in_blocks(cursor) ? chunk->counts.stored_bytes : chunk->end.offset_bytes;
    chunk->counts = *sum;
    cursor->at.line += chunk->end.line - chunk->begin.line;
    cursor->at.offset_bytes = chunk->end.offset_bytes;
    cursor->at.block_bytes = chunk->end.block_bytes;
    cursor->at.block_text = chunk->end.block_text;
}

sheaf_status sheaf__ranges_take(sheaf__rows_cursor *cursor, sheaf__chunk **next, sheaf_error *err)
{
    sheaf__load *load = cursor->load;
    sheaf_status status = SHEAF_OK;
    *next = NULL;
    while (status == SHEAF_OK && !*next && cursor->n_ahead > 0) {
        uint64_t end = end_of(cursor, cursor->taken_to);
        sheaf__range range = sheaf__range_at(cursor->file, &cursor->at, cursor->taken_to, end);
        sheaf__chunk *chunk;
        sheaf_future *future = cursor->ahead[cursor->n_taken % load->window];
        cursor->taken_to = end;
        cursor->n_taken++;
        cursor->n_ahead--;
        load->summary->ranges += load->pass == SHEAF__PASS_ROWS;
        status = await(cursor, range.from.counts.stored_bytes, future, &chunk, err);
        if (status < 0)
            return status;
        if (chunk->lost) { /* with its process: that is the file's fault, whatever its rows were */
            chunk->counts = cursor->at.counts;
            *next = chunk;
            return SHEAF_OK;
        }
        bool left = is_left(cursor, &range);
        bool declined = chunk->declined || chunk->dense;
        place(cursor, chunk);
        if (left && !declined && is_right(cursor, chunk)) {
            add_counts(cursor, chunk);
            *next = chunk;
            return SHEAF_OK;
        }
        sheaf__chunk_release(chunk);
        if (left)
            status = read_again(cursor, range.end_bytes, next, err);
        else
            status = sheaf__ranges_ask(cursor, err);
        load->summary->ranges_reread += left && !declined && load->pass == SHEAF__PASS_ROWS;
    }
    return status;
}

void sheaf__ranges_drop(sheaf__rows_cursor *cursor)
{
    for (; cursor->n_ahead > 0; cursor->n_ahead--, cursor->n_taken++) {
        sheaf_future *future = cursor->ahead[cursor->n_taken % cursor->load->window];
        sheaf__chunk *chunk = NULL;
        sheaf_error ignored;
        (void)sheaf_future_cancel(future);
        (void)await(cursor, SHEAF_UNKNOWN, future, &chunk, &ignored);
        sheaf__chunk_release(chunk);
    }
    cursor->taken_to = cursor->asked_to;
}
