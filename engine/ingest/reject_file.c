/* What a file's records are read with, for a quarantine: see load.h and sinks/reject_file.h. */
#include "engine/sinks/quarantine/reject_file.h"
#include "engine/ingest/rejects.h"

#include "engine/core/error.h"
#include "engine/ingest/load.h"

static sheaf__text text_of(const sheaf__name *name)
{
    return (sheaf__text){.bytes = name->bytes, .n_bytes = name->n_bytes};
}

/*
 * Where each of the file's columns goes. Of a destination that keeps nothing the table may not be
 * settled yet: then its columns are all that there are.
 */
static bool place_columns(const sheaf__schema *schema, const sheaf__layout *layout,
                          sheaf__reject_file *file)
{
    size_t n = layout->n_columns;
    sheaf__text *columns = sheaf_arena_new(schema->arena, sheaf__text, n);
    uint32_t *places = sheaf_arena_new(schema->arena, uint32_t, n);
    if (!columns || !places)
        return false;
    for (size_t i = 0; i < n; i++) {
        uint32_t united = layout->column_of[i];
        places[i] = schema->place_of ? schema->place_of[united] : united;
        columns[i] = places[i] == SHEAF__NO_NAME ? (sheaf__text){0}
                                                 : text_of(&schema->table->items[places[i]]);
    }
    file->columns = columns;
    file->places = places;
    file->n_columns = n;
    return true;
}

static void place_added(const sheaf__schema *schema, const sheaf__rules *rules,
                        sheaf__reject_file *file)
{
    for (size_t i = 0; i < schema->n_added; i++) {
        uint32_t place = (uint32_t)(schema->table->n_items - schema->n_added + i);
        file->origins[i] = rules->added[i].origin;
        file->added[i] = text_of(&schema->table->items[place]);
        file->added_places[i] = place;
    }
    file->n_added = schema->n_added;
}

sheaf_status sheaf__load_reject_file(sheaf__load *load, const sheaf__chunk *chunk,
                                     const sheaf__reject_file **file, sheaf_error *err)
{
    const sheaf__reject_file *last = load->reject_file;
    const sheaf__load_file *from = chunk->file;
    *file = last;
    if (last && load->reject_file_of == from)
        return SHEAF_OK;
    sheaf__reject_file *made = sheaf_arena_new(load->schema.arena, sheaf__reject_file, 1);
    if (!made)
        return sheaf__error_memory(err, "a quarantine");
    *made = (sheaf__reject_file){
        .path = from->found->path,
        .dialect = chunk->counts.dialect,
        .record_bytes_max = sheaf__load_options_for(from, false).record_bytes_max,
        .nulls = load->typing.nulls.tokens,
        .n_nulls = load->typing.nulls.n};
    if (last && load->reject_file_of->layout == from->layout) { /* as most files have */
        made->columns = last->columns;
        made->places = last->places;
        made->n_columns = last->n_columns;
    } else if (!place_columns(&load->schema, &load->schema.layouts[from->layout], made)) {
        return sheaf__error_memory(err, "a quarantine");
    }
    place_added(&load->schema, &load->typing.rules, made);
    load->reject_file_of = from;
    load->reject_file = *file = made;
    return SHEAF_OK;
}
