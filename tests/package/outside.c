#define _XOPEN_SOURCE 700 /* mkdtemp */

/*
 * What a stranger writes on the first day: three files into one table, and squares by an ordered
 * map. Built against the installed tree in strict C11; prints what is wrong and exits 1.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/sheaf.h>

static void require(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "outside: not so: %s\n", what);
    exit(1);
}

static void require_ok(sheaf_status status, const sheaf_error *err)
{
    if (status >= 0)
        return;
    char text[4096];
    sheaf_error_format(err, text, sizeof text);
    fputs(text, stderr);
    exit(1);
}

/* ---- files into a table ---- */

static const struct {
    const char *name;
    const char *text;
} files_made[] = {
    {"a.csv", "id,name\n1,one\n2,\"two, too\"\n"},
    {"b.csv", "id,name,colour\n3,three,red\n"},
    {"c.csv", "name,id\r\n\"fo\"\"ur\n4\",4\r\n"},
};
enum { N_FILES = sizeof files_made / sizeof *files_made };

static void make_files(const char *directory)
{
    for (int i = 0; i < N_FILES; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", directory, files_made[i].name);
        FILE *file = fopen(path, "w");
        require(file && fputs(files_made[i].text, file) >= 0 && fclose(file) == 0,
                "the files can be written");
    }
}

static void remove_files(const char *directory)
{
    for (int i = 0; i < N_FILES; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", directory, files_made[i].name);
        remove(path);
    }
    rmdir(directory);
}

static void count_report(void *context, const sheaf_file_report *report)
{
    uint64_t *sum = context;
    require(report->records == report->loaded + report->rejected + report->skipped_records,
            "a file balances");
    *sum += report->loaded;
}

static void ingest(void)
{
    char directory[] = "outside-XXXXXX";
    require(mkdtemp(directory) != NULL, "a directory can be made");
    make_files(directory);

    sheaf_error err;
    sheaf_files *files;
    const char *sources[] = {directory};
    require_ok(sheaf_files_discover(sources, 1, NULL, &files, &err), &err);
    require(sheaf_files_count(files) == N_FILES, "every file is found");

    uint64_t reported = 0;
    sheaf_ingest_options options = {.size = sizeof options,
                                    .destination = "null:",
                                    .workers = 2,
                                    .on_file = count_report,
                                    .context = &reported};
    sheaf_ingest *job;
    sheaf_summary summary;
    require_ok(sheaf_ingest_create(&options, &job, &err), &err);
    require_ok(sheaf_ingest_run(job, files, &summary, &err), &err);
    require(summary.files == N_FILES && summary.columns == 3, "three files, three columns");
    require(summary.records == 4 && summary.loaded == 4 && reported == 4,
            "four records, all of them loaded");
    require(summary.rejected == 0 && summary.skipped == 0, "none lost");

    sheaf_ingest_destroy(job);
    sheaf_files_release(files);
    remove_files(directory);
}

/* ---- an ordered map ---- */

enum { N_SQUARES = 100 };

static sheaf_status next_number(void *source, void **arg, sheaf_error *err)
{
    (void)err;
    int *at = source;
    if (*at == N_SQUARES)
        return SHEAF_END;
    *arg = (void *)(intptr_t)(*at)++;
    return SHEAF_OK;
}

static sheaf_status square(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    intptr_t *number = sheaf_arena_new(sheaf_worker_scratch(worker), intptr_t, 1);
    if (!number)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no memory for a number");
    *number = (intptr_t)arg;
    *result = (void *)(*number * *number);
    return SHEAF_OK;
}

static void map_squares(void)
{
    sheaf_error err;
    sheaf_executor *executor;
    sheaf_executor_options pool = {.size = sizeof pool, .max_workers = 3};
    require_ok(sheaf_executor_create(&pool, &executor, &err), &err);

    int at = 0;
    sheaf_map *map;
    sheaf_map_options options = {
        .size = sizeof options, .run = square, .next = next_number, .source = &at, .buffersize = 8};
    require_ok(sheaf_map_open(executor, &options, &map, &err), &err);
    for (intptr_t i = 0; i < N_SQUARES; i++) {
        void *result;
        require_ok(sheaf_map_next(map, &result, &err), &err);
        require((intptr_t)result == i * i, "squares come in order");
    }
    void *nothing;
    require(sheaf_map_next(map, &nothing, &err) == SHEAF_END, "the map ends");
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
}

int main(void)
{
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", SHEAF_VERSION_MAJOR, SHEAF_VERSION_MINOR,
             SHEAF_VERSION_PATCH);
    require(strcmp(version, sheaf_version()) == 0, "library and headers are of one version");
    ingest();
    map_squares();
    puts("outside: all is well");
    return 0;
}
