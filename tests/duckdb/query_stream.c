/*
 * A stranger's program that hands sheaf's stream to DuckDB and asks it in SQL.
 *
 *     query_stream LIBDUCKDB SQL SRC...
 *
 * The stream becomes the table t: all of it is taken at once, because DuckDB 1.5 expects of a
 * stream that it leaves out the columns that a query does not ask for, and reads others if it does
 * not. Each row of the answer is a line, its values as DuckDB spells them, parted by '|'; NULL is
 * empty. DuckDB is a shared library and no more: of its header only the few declarations below are
 * needed (https://duckdb.org/docs/stable/clients/c/api).
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <sheaf/sheaf.h>

typedef struct duckdb_result {
    uint64_t deprecated[3];
    void *deprecated_columns;
    char *deprecated_error;
    void *internal;
} duckdb_result;

static struct duckdb {
    int (*open)(const char *path, void **database);
    int (*connect)(void *database, void **connection);
    int (*scan)(void *connection, const char *table, struct ArrowArrayStream *stream);
    int (*query)(void *connection, const char *sql, duckdb_result *result);
    uint64_t (*n_columns)(duckdb_result *result);
    uint64_t (*n_rows)(duckdb_result *result);
    char *(*text)(duckdb_result *result, uint64_t column, uint64_t row);
    const char *(*error)(duckdb_result *result);
    void (*free)(void *text);
    void (*destroy)(duckdb_result *result);
    void (*disconnect)(void **connection);
    void (*close)(void **database);
} duckdb;

static void *find(void *library, const char *name)
{
    void *symbol = dlsym(library, name);
    if (!symbol) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return symbol;
}

static void load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    *(void **)&duckdb.open = find(library, "duckdb_open");
    *(void **)&duckdb.connect = find(library, "duckdb_connect");
    *(void **)&duckdb.scan = find(library, "duckdb_arrow_scan");
    *(void **)&duckdb.query = find(library, "duckdb_query");
    *(void **)&duckdb.n_columns = find(library, "duckdb_column_count");
    *(void **)&duckdb.n_rows = find(library, "duckdb_row_count");
    *(void **)&duckdb.text = find(library, "duckdb_value_varchar");
    *(void **)&duckdb.error = find(library, "duckdb_result_error");
    *(void **)&duckdb.free = find(library, "duckdb_free");
    *(void **)&duckdb.destroy = find(library, "duckdb_destroy_result");
    *(void **)&duckdb.disconnect = find(library, "duckdb_disconnect");
    *(void **)&duckdb.close = find(library, "duckdb_close");
}

static void print(duckdb_result *result)
{
    for (uint64_t row = 0; row < duckdb.n_rows(result); row++) {
        for (uint64_t column = 0; column < duckdb.n_columns(result); column++) {
            char *text = duckdb.text(result, column, row);
            printf("%s%s", column > 0 ? "|" : "", text ? text : "");
            duckdb.free(text);
        }
        putchar('\n');
    }
}

static int ask(struct ArrowArrayStream *stream, const char *sql)
{
    void *database = NULL;
    void *connection = NULL;
    duckdb_result result = {0};
    int failure = duckdb.open(NULL, &database) || duckdb.connect(database, &connection) ||
                  duckdb.query(connection, "SET threads = 1", NULL) ||
                  duckdb.scan(connection, "arriving", stream) ||
                  duckdb.query(connection, "CREATE TABLE t AS FROM arriving", NULL);
    if (!failure) {
        failure = duckdb.query(connection, sql, &result);
        if (failure)
            fprintf(stderr, "%s\n", duckdb.error(&result));
        else
            print(&result);
        duckdb.destroy(&result);
    }
    duckdb.disconnect(&connection);
    duckdb.close(&database);
    return failure;
}

int main(int argc, char **argv)
{
    sheaf_files *files;
    sheaf_error err;
    struct ArrowArrayStream stream;
    sheaf_ingest_options options = {.size = sizeof options};
    if (argc < 4) {
        fputs("query_stream LIBDUCKDB SQL SRC...\n", stderr);
        return 1;
    }
    load(argv[1]);
    sheaf_status status = sheaf_files_discover((const char *const *)argv + 3, (size_t)argc - 3,
                                               NULL, &files, &err);
    if (status == SHEAF_OK)
        status = sheaf_stream_open(files, &options, &stream, &err);
    if (status < 0) {
        char text[2048];
        sheaf_error_format(&err, text, sizeof text);
        fputs(text, stderr);
        return 1;
    }
    int failure = ask(&stream, argv[2]);
    if (stream.release) /* unless DuckDB has done so */
        stream.release(&stream);
    sheaf_files_release(files);
    return failure;
}
