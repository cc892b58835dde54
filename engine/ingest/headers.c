/*
 * The columns of files in an ingest: may a header be one of the table's, what has the table, and
 * how a column is called when it has a fault. See load.h; the rules are the schema's.
 */
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/text.h"
#include "engine/ingest/leave.h"
#include "engine/ingest/resume.h"

/* From the layout, or the header that comes with the chunk. */
void sheaf__load_name_column(const sheaf__load *load, const sheaf__chunk *chunk, sheaf_error *fault)
{
    const sheaf__schema *schema = &load->schema;
    if (fault->field == 0)
        return;
    if (chunk->file->layout != SHEAF__NO_NAME) {
        const sheaf__layout *layout = &schema->layouts[chunk->file->layout];
        size_t i = fault->field - 1;
        if (i >= layout->n_columns)
            return;
        const sheaf__name *name = layout->names ? &layout->names[i]
                                                : &schema->columns.items[layout->column_of[i]];
        sheaf__text_escape_begin(name->bytes, name->n_bytes, fault->column, sizeof fault->column);
    } else if (chunk->header) {
        sheaf__schema_show_name(schema, chunk->header, fault->field - 1, fault->column,
                                sizeof fault->column);
    }
}

/* The path of the file whose columns those of all are to be. */
static void tell_first(const sheaf__load *load, char *text, size_t size)
{
    for (size_t i = 0; i < load->n_files; i++) {
        const char *path = load->states[i].found->path;
        if (load->states[i].layout == SHEAF__NO_NAME)
            continue;
        sheaf_text_escape(path, strlen(path), text, size);
        return;
    }
}

sheaf_status sheaf__load_check_header(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err)
{
    if (!chunk->header || chunk->file->header_read)
        return SHEAF_OK;
    sheaf_status status = sheaf__schema_check(&load->schema, chunk->header, err);
    if (status != SHEAF_ECOLUMNS)
        return status;
    char first[120] = "";
    tell_first(load, first, sizeof first);
    sheaf_error_hint(err,
                     "the first file is %s; --columns union takes those of all files, common "
                     "those that all have; --on-error skip-file leaves such files out",
                     first);
    return sheaf__chunk_refuse(chunk, err);
}

bool sheaf__load_has_no_table(const sheaf__load *load)
{
    bool any = load->left_out != NULL;
    for (size_t i = 0; !any && i < load->n_files; i++)
        any = load->states[i].faulty != NULL;
    return any && load->schema.headers.n_items == 0;
}

sheaf_status sheaf__load_settle(sheaf__load *load, sheaf_error *err)
{
    if (sheaf__load_has_no_table(load))
        return SHEAF_OK;
    sheaf_status status = sheaf__schema_settle(&load->schema, err);
    /* A file whose header could not be read may be what has the column: that is told. */
    for (size_t i = 0; i < load->n_files && status == SHEAF_EINVAL; i++) {
        const sheaf__chunk *faulty = load->states[i].faulty;
        if (faulty && faulty->fault && !sheaf__leaves_out(load, faulty)) {
            sheaf__error_copy(err, faulty->fault);
            return faulty->fault->status;
        }
    }
    return status == SHEAF_OK ? sheaf__resume_check_columns(load, err) : status;
}

sheaf_status sheaf__load_count_left_out(const sheaf__load *load, sheaf_error *err)
{
    const sheaf__schema *schema = &load->schema;
    sheaf_summary *sum = load->summary;
    if (schema->n_left_out == 0)
        return SHEAF_OK;
    bool *counted = calloc(schema->columns.n_items, sizeof *counted);
    if (!counted)
        return sheaf__error_memory(err, "the columns");
    for (size_t i = 0; i < load->n_files; i++) {
        const sheaf__load_file *file = &load->states[i];
        if (!file->left_out && file->layout != SHEAF__NO_NAME)
            sum->files_cut += sheaf__schema_leaves_out(schema, file->layout, counted);
    }
    for (size_t i = 0; i < schema->columns.n_items; i++)
        sum->columns_left_out += counted[i];
    free(counted);
    return SHEAF_OK;
}
