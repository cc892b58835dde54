/* One file, looked at: see <sheaf/sniff.h>. */
#include <sheaf/sniff.h>

#include <stdlib.h>
#include <string.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/ingest/file_options.h"
#include "engine/table/schema.h"
#include "readers/convert/survey.h"
#include "readers/reader.h"

enum { LOOKED_AT_BYTES = 64 << 10, ARENA_BYTES = 4 << 10 };

/* What is made for one file, and what of it is kept. */
typedef struct look {
    sheaf__reader *reader;
    sheaf__parser *parser;
    sheaf__batch *batch;
    sheaf__rejects rejects;
    sheaf__schema schema;
    sheaf__kinds *kinds;
    sheaf__nulls nulls;
} look;

/* The caller sees the first member. */
typedef struct kept {
    sheaf_sniffed found;
    sheaf_arena *arena; /* of its texts */
} kept;

static bool copy_names(kept *to, const sheaf__schema *schema, const sheaf__kinds *kinds)
{
    size_t n = schema->columns.n_items;
    sheaf_column *columns = sheaf_arena_new(to->arena, sheaf_column, n);
    for (size_t i = 0; columns && i < n; i++) {
        const sheaf__name *name = &schema->columns.items[i];
        columns[i] = (sheaf_column){
            .name = sheaf__arena_copy(to->arena, name->bytes, name->n_bytes),
            .n_name = name->n_bytes,
            .type = sheaf__kinds_type(kinds[i]),
            .nullable = kinds[i] == 0 || (kinds[i] & SHEAF__KIND_NULL)};
        if (!columns[i].name)
            return false;
    }
    to->found.columns = columns;
    to->found.n_columns = n;
    return columns != NULL;
}

/* The first records: their types. The batch holds the header. */
static sheaf_status look_at_records(look *self, kept *to, sheaf_error *err)
{
    uint32_t layout;
    sheaf_status status = sheaf__schema_add(&self->schema, self->batch, &layout, err);
    if (status < 0)
        return status;
    self->kinds = calloc(self->batch->n_columns, sizeof *self->kinds);
    if (!self->kinds)
        return sheaf__error_memory(err, "the columns");
    sheaf__batch_clear(self->batch, SIZE_MAX);
    sheaf__reader_set_aside(self->reader, &self->rejects);
    status = sheaf__reader_next(self->reader, self->parser, self->batch, LOOKED_AT_BYTES, err);
    sheaf__survey(self->batch, NULL, self->kinds);
    sheaf__reader_counts counts = sheaf__reader_counts_get(self->reader);
    to->found.records = counts.records;
    to->found.rejected = counts.rejected;
    if (status == SHEAF_ENOMEM)
        return status;
    sheaf_error_clear(err); /* a fault of a record is none of what is looked at here */
    return copy_names(to, &self->schema, self->kinds) ? SHEAF_OK
                                                      : sheaf__error_memory(err, "the columns");
}

static void describe(const look *self, const sheaf__reader_options *options, kept *to)
{
    sheaf_sniffed *found = &to->found;
    sheaf__reader_counts counts = sheaf__reader_counts_get(self->reader);
    const sheaf__decompress_format *format = sheaf__compression_format(counts.compression);
    const sheaf__sniffed *sniffed = sheaf__reader_sniffed(self->reader);
    found->compression = format ? format->name : NULL;
    found->encoding = counts.encoding == SHEAF__ENCODING_OTHER
                          ? sheaf__arena_copy(to->arena, options->encoding_name,
                                              strlen(options->encoding_name))
                          : sheaf__encoding_name(counts.encoding);
    found->line_ends = sheaf__reader_line_ends(self->reader);
    found->bom = counts.boms > 0;
    found->dialect = counts.dialect;
    found->confidence = sniffed->confidence;
    found->next = sniffed->next;
}

static sheaf_status look_at(look *self, const sheaf_file *file,
                            const sheaf__reader_options *options, kept *to, sheaf_error *err)
{
    sheaf_status status = sheaf__reader_open(self->reader, file, options, err);
    if (status < 0)
        return status;
    describe(self, options, to);
    status = sheaf__reader_header(self->reader, self->parser, self->batch, err);
    if (status == SHEAF_OK)
        status = look_at_records(self, to, err);
    sheaf__reader_close(self->reader);
    return status == SHEAF_END ? SHEAF_OK : status;
}

static sheaf_status begin(look *self, const sheaf_ingest_options *options, sheaf_error *err)
{
    self->reader = sheaf__reader_create();
    self->parser = sheaf__parser_create();
    self->batch = sheaf__batch_create(NULL);
    sheaf_status status = sheaf__schema_init(&self->schema, NULL, err);
    if (status == SHEAF_OK && (!self->reader || !self->parser || !self->batch))
        status = sheaf__error_memory(err, "a reader");
    self->nulls = (sheaf__nulls){.tokens = options->nulls, .n = options->n_nulls};
    return status;
}

static void end(look *self)
{
    sheaf__reader_destroy(self->reader);
    sheaf__parser_destroy(self->parser);
    sheaf__batch_destroy(self->batch);
    sheaf__rejects_end(&self->rejects);
    sheaf__schema_end(&self->schema);
    free(self->kinds);
}

sheaf_status sheaf_sniff(const sheaf_file *file, const sheaf_ingest_options *given,
                         sheaf_sniffed **found, sheaf_error *err)
{
    static const sheaf_ingest_options none = {.size = sizeof none};
    sheaf_ingest_options options;
    sheaf_error unseen;
    *found = NULL;
    if (!err)
        err = &unseen;
    sheaf_error_clear(err);
    sheaf_status status = sheaf__options_read(&options, sizeof options, given ? given : &none,
                                              "sheaf_ingest_options", err);
    if (status == SHEAF_OK)
        status = sheaf__file_options_check(&options, err);
    if (status < 0)
        return status;
    look self = {0};
    kept *made = calloc(1, sizeof *made);
    if (made)
        made->arena = sheaf__arena_create(NULL, ARENA_BYTES);
    if (!made || !made->arena) {
        free(made);
        return sheaf__error_memory(err, "a file's description");
    }
    status = begin(&self, &options, err);
    if (status == SHEAF_OK) {
        sheaf__reader_options own = sheaf__file_options(&options, file->path, &options.dialect);
        own.nulls = self.nulls.n > 0 ? &self.nulls : NULL;
        status = look_at(&self, file, &own, made, err);
    }
    end(&self);
    if (status < 0 && !err->source[0])
        sheaf__error_source(err, file->path);
    if (status < 0)
        sheaf_sniffed_destroy(&made->found);
    else
        *found = &made->found;
    return status;
}

void sheaf_sniffed_destroy(sheaf_sniffed *found)
{
    kept *self = (kept *)found;
    if (!self)
        return;
    sheaf__arena_destroy(self->arena);
    free(self);
}
