/* Which source files a destination holds: see ledger.h. */
#include "engine/ledger/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"

enum { ARENA_CHUNK_BYTES = 64 << 10 };

sheaf__ledger_file sheaf__ledger_file_init(void)
{
    return (sheaf__ledger_file){.size_bytes = SHEAF_UNKNOWN, .previous = SHEAF__NO_LEDGER_FILE};
}

sheaf_status sheaf__ledger_init(sheaf__ledger *ledger, sheaf_error *err)
{
    *ledger = (sheaf__ledger){.arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES)};
    sheaf__names_init(&ledger->paths, ledger->arena);
    return ledger->arena ? SHEAF_OK : sheaf__error_memory(err, "a ledger");
}

void sheaf__ledger_end(sheaf__ledger *ledger)
{
    sheaf__names_end(&ledger->paths);
    free(ledger->columns);
    free(ledger->files);
    free(ledger->newest);
    sheaf__arena_destroy(ledger->arena);
    *ledger = (sheaf__ledger){0};
}

/* Room for one more item behind n. */
static bool reserve(void **items, size_t *capacity, size_t n, size_t item_bytes)
{
    if (n < *capacity)
        return true;
    size_t wanted = *capacity > 0 ? *capacity * 2 : 64;
    void *more = reallocarray(*items, wanted, item_bytes);
    if (!more)
        return false;
    *items = more;
    *capacity = wanted;
    return true;
}

/* False: out of memory. */
static bool copy_texts(sheaf__ledger *ledger, sheaf__ledger_file *file)
{
    const char **const texts[] = {&file->file,     &file->path,      &file->left_out,
                                  &file->encoding, &file->loaded_at, &file->loaded_by};
    bool is_good = true;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && is_good; i++)
        if (*texts[i]) {
            *texts[i] = sheaf__arena_copy(ledger->arena, *texts[i], strlen(*texts[i]));
            is_good = *texts[i];
        }
    return is_good;
}

/* It is the last of its path. False: out of memory. */
static bool name(sheaf__ledger *ledger, sheaf__ledger_file *file)
{
    bool added = false;
    uint32_t path = sheaf__names_add(&ledger->paths, file->path, strlen(file->path), &added);
    if (path == SHEAF__NO_NAME ||
        !reserve((void **)&ledger->newest, &ledger->newest_capacity, path, sizeof *ledger->newest))
        return false;
    file->previous = added ? SHEAF__NO_LEDGER_FILE : ledger->newest[path];
    ledger->newest[path] = (uint32_t)ledger->n_files;
    return true;
}

sheaf_status sheaf__ledger_add(sheaf__ledger *ledger, const sheaf__ledger_file *file,
                               sheaf_error *err)
{
    sheaf__ledger_file made = *file;
    bool is_there = !file->left_out || file->loaded > 0;
    made.previous = SHEAF__NO_LEDGER_FILE;
    if (!copy_texts(ledger, &made) ||
        !reserve((void **)&ledger->files, &ledger->files_capacity, ledger->n_files,
                 sizeof *ledger->files) ||
        (is_there && !name(ledger, &made)))
        return sheaf__error_memory(err, "a ledger");
    ledger->files[ledger->n_files++] = made;
    return SHEAF_OK;
}

sheaf_status sheaf__ledger_add_column(sheaf__ledger *ledger, const sheaf__ledger_column *column,
                                      sheaf_error *err)
{
    sheaf__ledger_column made = *column;
    made.name = sheaf__arena_copy(ledger->arena, column->name, column->n_name);
    if (!made.name || !reserve((void **)&ledger->columns, &ledger->columns_capacity,
                               ledger->n_columns, sizeof *ledger->columns))
        return sheaf__error_memory(err, "a ledger");
    ledger->columns[ledger->n_columns++] = made;
    return SHEAF_OK;
}

const sheaf__ledger_file *sheaf__ledger_find(const sheaf__ledger *ledger, const char *path)
{
    uint32_t index = sheaf__names_find(&ledger->paths, path, strlen(path));
    return index == SHEAF__NO_NAME ? NULL : &ledger->files[ledger->newest[index]];
}

const sheaf__ledger_file *sheaf__ledger_previous(const sheaf__ledger *ledger,
                                                 const sheaf__ledger_file *file)
{
    return file->previous == SHEAF__NO_LEDGER_FILE ? NULL : &ledger->files[file->previous];
}

uint64_t sheaf__ledger_rows(const sheaf__ledger *ledger)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < ledger->n_files; i++)
        rows += ledger->files[i].loaded;
    return rows;
}

void sheaf__ledger_content_write(uint64_t content, char text[SHEAF__CONTENT_TEXT_BYTES])
{
    snprintf(text, SHEAF__CONTENT_TEXT_BYTES, "%016" PRIx64, content);
}

bool sheaf__ledger_content_read(const char *text, uint64_t *content)
{
    char *end;
    *content = strtoull(text, &end, 16);
    return strlen(text) == SHEAF__CONTENT_TEXT_BYTES - 1 && !*end && text[0] != '-';
}
