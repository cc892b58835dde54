/*
 * Whether every file is still what was read, and what its content is: the last thing before the
 * commit, by all workers. See resume.h.
 */
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/ingest/verify.h"

enum { ITEMS_PER_TASK_MAX = 32, TASKS_PER_WORKER = 8, WINDOW_PER_WORKER = 4 };

typedef struct piece {
    sheaf__content_piece content;
    size_t file;
} piece;

typedef struct pieces {
    piece *items;
    size_t n;
    size_t next;
} pieces;

static size_t count_pieces(const sheaf_file *file)
{
    uint64_t n = (file->size_bytes + SHEAF__CONTENT_PIECE_BYTES - 1) / SHEAF__CONTENT_PIECE_BYTES;
    return n > 0 ? (size_t)n : 1; /* one that is empty has an identity, too */
}

bool sheaf__is_verified(const sheaf__load_file *file)
{
    return file->is_loaded && file->found->kind == SHEAF_FILE_REGULAR;
}

static sheaf_status make_pieces(const sheaf__load *load, pieces *made, sheaf_error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < load->n_files; i++)
        n += sheaf__is_verified(&load->states[i]) ? count_pieces(load->states[i].found) : 0;
    *made = (pieces){.items = calloc(n + 1, sizeof *made->items)};
    if (!made->items)
        return sheaf__error_memory(err, "a ledger");
    for (size_t i = 0; i < load->n_files; i++) {
        const sheaf_file *found = load->states[i].found;
        size_t n_own = sheaf__is_verified(&load->states[i]) ? count_pieces(found) : 0;
        for (size_t k = 0; k < n_own; k++) {
            uint64_t begin = (uint64_t)k * SHEAF__CONTENT_PIECE_BYTES;
            uint64_t left = found->size_bytes - begin;
            made->items[made->n++] = (piece){
                .content = {.path = found->path,
                            .found = found,
                            .begin_bytes = begin,
                            .n_bytes = left < SHEAF__CONTENT_PIECE_BYTES
                                           ? left
                                           : SHEAF__CONTENT_PIECE_BYTES},
                .file = i};
        }
    }
    return SHEAF_OK;
}

static sheaf_status next_piece(void *source, void **argument, sheaf_error *err)
{
    (void)err;
    pieces *all = source;
    if (all->next == all->n)
        return SHEAF_END;
    *argument = &all->items[all->next++];
    return SHEAF_OK;
}

static sheaf_status hash_piece(sheaf_worker *worker, void *argument, void **result,
                               sheaf_error *err)
{
    piece *self = argument;
    uint8_t *buffer = sheaf_arena_new(sheaf_worker_scratch(worker), uint8_t,
                                      SHEAF__CONTENT_BLOCK_BYTES);
    *result = NULL;
    return buffer ? sheaf__content_hash(&self->content, buffer, err)
                  : sheaf__error_memory(err, "a buffer");
}

static sheaf_status hash_all(sheaf__load *load, pieces *all, sheaf_error *err)
{
    sheaf_executor *executor;
    sheaf_map *map;
    void *result;
    size_t n_workers = (size_t)load->summary->workers;
    size_t per_task = all->n / (n_workers * TASKS_PER_WORKER) + 1;
    if (per_task > ITEMS_PER_TASK_MAX)
        per_task = ITEMS_PER_TASK_MAX;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = hash_piece,
                                 .next = next_piece,
                                 .source = all,
                                 .chunksize = per_task,
                                 .buffersize = n_workers * WINDOW_PER_WORKER * per_task};
    sheaf_status status = sheaf__ask_threads(load, &executor, err);
    if (status == SHEAF_OK)
        status = sheaf_map_open(executor, &options, &map, err);
    if (status < 0)
        return status;
    while ((status = sheaf_map_next(map, &result, err)) == SHEAF_OK) {
        if (atomic_load_explicit(&load->shared->stop, memory_order_relaxed)) {
            status = sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled: nothing was committed");
            break;
        }
    }
    sheaf_map_close(map);
    return status == SHEAF_END ? SHEAF_OK : status;
}

sheaf_status sheaf__verify_files(sheaf__load *load, sheaf_error *err)
{
    for (size_t i = 0; i < load->n_files; i++) {
        sheaf_status status = SHEAF_OK;
        if (load->states[i].is_loaded)
            status = sheaf__content_check(load->states[i].found, err);
        if (status < 0)
            return status;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__verify_content(sheaf__load *load, uint64_t *contents, sheaf_error *err)
{
    pieces all;
    sheaf_status status = make_pieces(load, &all, err);
    if (status == SHEAF_OK && all.n > 0)
        status = hash_all(load, &all, err);
    for (size_t i = 0; i < all.n && status == SHEAF_OK;) {
        size_t file = all.items[i].file;
        sheaf__digest sum = {0};
        for (; i < all.n && all.items[i].file == file; i++)
            sheaf__digest_append(&sum, &all.items[i].content.digest);
        contents[file] = sum.value;
    }
    free(all.items);
    return status;
}
