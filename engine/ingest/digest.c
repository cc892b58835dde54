/*
 * The digest of the rows of a run, where it is asked for: see load.h and engine/table/digest.h.
 *
 * Each worker makes that of its chunk's rows while they are text, and the merge puts them together
 * in the order of the rows. A row is one of the table, whose columns must be known by then: so all
 * headers are read first, for destinations that keep nothing, too. Rows that are kept from a survey
 * (keep.c) were text before that: then it is guessed that the table has the columns of their file,
 * and if it has not the file is read again.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/executor/worker_heap.h"
#include "engine/ingest/load.h"

enum { CHUNK_BYTES = 128 << 10 };

/* Columns that were added are no part of it: a row's values are. */
static size_t n_table(const sheaf__schema *schema)
{
    return schema->table->n_items - schema->n_added;
}

/*
 * The columns of the file for those of the table: malloc's. NULL: there is no memory, or the file
 * has no layout.
 */
static uint32_t *project(const sheaf__load_file *file)
{
    const sheaf__schema *schema = &file->load->schema;
    if (file->layout == SHEAF__NO_NAME)
        return NULL;
    uint32_t *from = malloc((schema->table->n_items + 1) * sizeof *from);
    if (from)
        sheaf__schema_project(schema, file->layout, from);
    return from;
}

sheaf_status sheaf__digest_columns(const sheaf__load_file *file, uint32_t **from, size_t *n_columns,
                                   sheaf_error *err)
{
    *from = NULL;
    *n_columns = 0;
    if (!file->load->digests || file->load->pass == SHEAF__PASS_HEADERS ||
        file->layout == SHEAF__NO_NAME)
        return SHEAF_OK;
    *from = project(file);
    if (!*from)
        return sheaf__error_memory(err, "a digest");
    *n_columns = n_table(&file->load->schema);
    return SHEAF_OK;
}

/* Of a file that has another header by now, which the merge will find out, there may be less. */
static bool has_columns(const sheaf__batch *batch, const uint32_t *from, size_t n_columns)
{
    for (size_t i = 0; i < n_columns; i++)
        if (from[i] != SHEAF__NO_COLUMN && from[i] >= batch->n_columns)
            return false;
    return true;
}

sheaf_status sheaf__digest_batch(sheaf__chunk *chunk, const sheaf__batch *batch, sheaf_error *err)
{
    const sheaf__load_file *file = chunk->file;
    if (!file->load->digests || !batch || batch->n_rows == 0)
        return SHEAF_OK;
    if (file->load->pass == SHEAF__PASS_HEADERS) {
        sheaf__digest_rows(&chunk->digest, batch, NULL, batch->n_columns);
        return SHEAF_OK;
    }
    size_t n_columns = file->n_from;
    uint32_t *made = NULL;
    if (!file->from && sheaf__digest_columns(file, &made, &n_columns, err) < 0)
        return SHEAF_ENOMEM;
    const uint32_t *from = file->from ? file->from : made;
    if (from && has_columns(batch, from, n_columns))
        sheaf__digest_rows(&chunk->digest, batch, from, n_columns);
    free(made);
    return SHEAF_OK;
}

sheaf_status sheaf__digest_file(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                                size_t rejects_max, sheaf_error *err)
{
    sheaf__load *load = chunk->file->load;
    sheaf__batch *batch = sheaf__load_take_batch(load, sheaf__worker_heap(worker));
    sheaf_status status = batch ? SHEAF_OK : sheaf__error_memory(err, "a digest");
    while (status == SHEAF_OK && sheaf__rejects_bytes(&chunk->rejects) / 2 <= rejects_max) {
        sheaf__batch_clear(batch, SIZE_MAX);
        status = sheaf__reader_next(chunk->reader, parser, batch, CHUNK_BYTES, err);
        if (sheaf__digest_batch(chunk, batch, err) < 0)
            status = SHEAF_ENOMEM;
    }
    sheaf__load_give_batch(load, batch);
    return status;
}

/* Whether the table has all columns that files have, in their order. */
static bool has_all_columns(const sheaf__schema *schema)
{
    size_t n = schema->columns.n_items;
    bool all = n_table(schema) == n;
    for (size_t i = 0; all && schema->source_of && i < n; i++)
        all = schema->source_of[i] == i;
    return all;
}

bool sheaf__digest_holds(const sheaf__load_file *file)
{
    if (!file->load->digests)
        return true;
    if (file->kept_end) /* by ranges: all headers were known, but not which columns are chosen */
        return has_all_columns(&file->load->schema);
    size_t n = n_table(&file->load->schema);
    uint32_t *from = project(file);
    bool holds = from != NULL && file->load->schema.layouts[file->layout].n_columns == n;
    for (size_t i = 0; holds && i < n; i++)
        holds = from[i] == i;
    free(from);
    return holds;
}

sheaf_status sheaf__digest_conclude(const sheaf__load *load, sheaf_error *err)
{
    sheaf__digest all = {0};
    if (!load->digests)
        return SHEAF_OK;
    if (load->digest.n_lines != load->summary->loaded) {
        sheaf_error_set(err, SHEAF_EACCOUNT,
                        "%" PRIu64 " records were loaded, but the digest has %" PRIu64
                        ": nothing was committed",
                        load->summary->loaded, load->digest.n_lines);
        sheaf_error_hint(err, "this is a bug in sheaf: please report it with this message");
        return SHEAF_EACCOUNT;
    }
    if (sheaf__digest_names(&all, load->schema.table, n_table(&load->schema)) < 0)
        return sheaf__error_memory(err, "a digest");
    sheaf__digest_append(&all, &load->digest);
    load->summary->digest = all.value;
    return SHEAF_OK;
}
