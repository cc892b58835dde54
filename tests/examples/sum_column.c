/*
 * The sum of a column over a folder of CSV files, from typed batches.
 *
 *     sum_column [FOLDER] [COLUMN]       data/trips distance_km by default
 *
 * The stream is Arrow's: what is done here by a loop, DuckDB, Polars or pyarrow do with the same
 * stream. Types are known before the first batch, because all files were looked at: so whether the
 * column is of integers or of floats is asked once.
 */
#include <stdio.h>
#include <string.h>

#include <sheaf/sheaf.h>

typedef struct total {
    int64_t rows;
    int64_t nulls;
    double sum;
} total;

/* Bit i of the validity is 1 if there is a value; no validity at all means that all are there. */
static bool is_null(const struct ArrowArray *column, int64_t i)
{
    const uint8_t *valid = column->buffers[0];
    return valid && !(valid[i / 8] >> i % 8 & 1);
}

static void add(total *t, const struct ArrowArray *column, const char *format)
{
    const double *reals = column->buffers[1];
    const int64_t *integers = column->buffers[1];
    for (int64_t i = 0; i < column->length; i++) {
        t->rows++;
        if (is_null(column, i))
            t->nulls++;
        else
            t->sum += strcmp(format, "g") == 0 ? reals[i] : (double)integers[i];
    }
}

/* The column of this name, or -1. */
static int64_t find(const struct ArrowSchema *schema, const char *name)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (strcmp(schema->children[i]->name, name) == 0)
            return i;
    return -1;
}

static int sum(struct ArrowArrayStream *stream, const char *name)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    total t = {0};
    int failure = stream->get_schema(stream, &schema);
    if (failure)
        return failure;
    int64_t index = find(&schema, name);
    const char *format = index < 0 ? "" : schema.children[index]->format;
    if (strcmp(format, "g") != 0 && strcmp(format, "l") != 0) {
        fprintf(stderr, "there is no column of numbers called %s\n", name);
        schema.release(&schema);
        return 1;
    }
    while ((failure = stream->get_next(stream, &batch)) == 0 && batch.release) {
        add(&t, batch.children[index], format);
        batch.release(&batch);
    }
    if (failure)
        fputs(stream->get_last_error(stream), stderr);
    else
        printf("%s: %jd rows, %jd without a value, sum %.2f\n", name, (intmax_t)t.rows,
               (intmax_t)t.nulls, t.sum);
    schema.release(&schema);
    return failure;
}

int main(int argc, char **argv)
{
    const char *folder = argc > 1 ? argv[1] : "data/trips";
    sheaf_files *files;
    sheaf_error err;
    struct ArrowArrayStream stream;
    sheaf_ingest_options options = {.size = sizeof options};
    sheaf_status status = sheaf_files_discover(&folder, 1, NULL, &files, &err);
    if (status == SHEAF_OK) {
        status = sheaf_stream_open(files, &options, &stream, &err);
        int failure = status == SHEAF_OK ? sum(&stream, argc > 2 ? argv[2] : "distance_km") : 1;
        if (status == SHEAF_OK)
            stream.release(&stream);
        sheaf_files_release(files);
        if (status == SHEAF_OK)
            return failure != 0;
    }
    char text[2048];
    sheaf_error_format(&err, text, sizeof text);
    fputs(text, stderr);
    return 1;
}
