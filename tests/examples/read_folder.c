/*
 * A folder of CSV files, read by the engine and by hand.
 *
 *     read_folder [FOLDER]       data/trips by default
 *
 * By the engine: sheaf_ingest finds out about quotes, gzip, byte order marks and line ends, unites
 * the columns, and accounts for every record. "null:" reads and checks all and writes nothing;
 * "trips.db" would make a database. One worker or many: the same records, in the same order.
 *
 * By hand: the parts it is made of are public. Discovery lists the files, a map runs a function of
 * one's own on each, at once, and gives its results in the order of the list. Here the function
 * counts lines, and so shows what the engine is for: lines are not records.
 */
#include <stdio.h>

#include <sheaf/map.h>
#include <sheaf/sheaf.h>

/* ---- by the engine ---- */

static sheaf_status ingest(const sheaf_files *files, int workers, sheaf_error *err)
{
    sheaf_summary summary;
    sheaf_ingest *engine;
    sheaf_ingest_options options = {
        .size = sizeof options, .destination = "null:", .workers = workers};
    sheaf_status status = sheaf_ingest_create(&options, &engine, err);
    if (status < 0)
        return status;
    status = sheaf_ingest_run(engine, files, &summary, err);
    if (status == SHEAF_OK)
        printf("by the engine, %d at a time: %ju files (%ju gzip), %ju columns, %ju records\n",
               summary.workers, (uintmax_t)summary.files, (uintmax_t)summary.files_compressed,
               (uintmax_t)summary.columns, (uintmax_t)summary.records);
    sheaf_ingest_destroy(engine);
    return status;
}

/* ---- by hand ---- */

typedef struct cursor {
    const sheaf_files *files;
    size_t index;
} cursor;

static sheaf_status next_file(void *source, void **file, sheaf_error *err)
{
    (void)err;
    cursor *at = source;
    const sheaf_file *found = sheaf_files_at(at->files, at->index++);
    *file = (void *)found;
    return found ? SHEAF_OK : SHEAF_END;
}

/* The function of one's own: a file goes in, the number of its lines comes out. */
static sheaf_status count_lines(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    const sheaf_file *file = arg;
    FILE *stream = fopen(file->path, "r");
    if (!stream)
        return sheaf_error_set(err, SHEAF_EIO, "%s cannot be opened", file->path);
    size_t n_lines = 0;
    int before = '\n';
    for (int byte; (byte = getc(stream)) != EOF; before = byte)
        n_lines += before == '\n';
    fclose(stream);
    *result = (void *)n_lines;
    return SHEAF_OK;
}

static sheaf_status by_hand(const sheaf_files *files, sheaf_error *err)
{
    sheaf_map *map = NULL;
    sheaf_executor *executor = NULL;
    sheaf_executor_options pool = {.size = sizeof pool};
    cursor at = {.files = files};
    sheaf_map_options lines = {.size = sizeof lines,
                               .run = count_lines,
                               .next = next_file,
                               .source = &at,
                               .buffersize = 16}; /* a folder may hold thousands */
    sheaf_status status = sheaf_executor_create(&pool, &executor, err);
    if (status == SHEAF_OK)
        status = sheaf_map_open(executor, &lines, &map, err);
    void *n_lines;
    for (size_t i = 0; status == SHEAF_OK; i++) {
        status = sheaf_map_next(map, &n_lines, err);
        if (status == SHEAF_OK)
            printf("by hand: %s has %zu lines\n", sheaf_files_at(files, i)->path, (size_t)n_lines);
    }
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
    return status;
}

/* A source may be a file, a folder, a glob. The folder gives gzip files too, this glob does not. */
static sheaf_status read_all(const char *folder, sheaf_error *err)
{
    char plain[4096];
    snprintf(plain, sizeof plain, "%s/*.csv", folder);
    const char *sources[] = {folder, plain};
    sheaf_files *all = NULL;
    sheaf_files *plain_ones = NULL;
    sheaf_status status = sheaf_files_discover(&sources[0], 1, NULL, &all, err);
    if (status == SHEAF_OK)
        status = ingest(all, 1, err);
    if (status == SHEAF_OK)
        status = ingest(all, 2, err);
    if (status == SHEAF_OK)
        status = sheaf_files_discover(&sources[1], 1, NULL, &plain_ones, err);
    if (status == SHEAF_OK)
        status = by_hand(plain_ones, err);
    if (status >= 0)
        status = ingest(plain_ones, 2, err); /* and what they really hold */
    sheaf_files_release(all);
    sheaf_files_release(plain_ones);
    return status;
}

int main(int argc, char **argv)
{
    sheaf_error err;
    if (read_all(argc > 1 ? argv[1] : "data/trips", &err) < 0) {
        char text[2048];
        sheaf_error_format(&err, text, sizeof text);
        fputs(text, stderr); /* where, what, why, how to go on */
        return 1;
    }
    return 0;
}
