/*
 * Races in the engine: whole ingests of many small and some larger files, with random workers and
 * chunk sizes, some of them cancelled from another thread at a random moment.
 *
 *     stress_ingest [SECONDS]      3 by default
 *
 * An ingest that comes back OK has loaded exactly the records that were written; one that was
 * cancelled says so and leaves no file behind. One file in some rounds is at fault: the first fault
 * is always the same. One file has a value of another type in its middle, for which a load starts
 * over that has presumed its types.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <sheaf/sheaf.h>

enum { FILES = 30, ODD_FILE = 13 };

static bool failed;

#define CHECK(condition, ...)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s: ", __FILE__, __LINE__, #condition);              \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            failed = true;                                                                         \
        }                                                                                          \
    } while (0)

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* File i has 50 * (i % 7)^2 records; the widths of the headers differ. Returns all records. */
static uint64_t write_files(const char *directory)
{
    uint64_t records = 0;
    for (int i = 0; i < FILES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%02d.csv", directory, i);
        FILE *file = fopen(path, "w");
        fprintf(file, "id,name%s\n", i % 3 ? ",extra" : "");
        int n = 50 * (i % 7) * (i % 7);
        for (int k = 0; k < n; k++)
            fprintf(file, "%s%d,\"n, %d\"%s\n", i == ODD_FILE && k == n / 2 ? "x" : "", k, i,
                    i % 3 ? ",x" : "");
        fclose(file);
        records += (uint64_t)n;
    }
    return records;
}

static void write_bad_file(const char *directory, bool bad)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%02d.csv", directory, FILES / 2);
    FILE *file = fopen(path, "w");
    fputs("id,name\n1,a\n", file);
    if (bad)
        fputs("2\n", file);
    fclose(file);
}

typedef struct canceller {
    sheaf_ingest *ingest;
    long delay_ns;
} canceller;

static void *cancel_later(void *argument)
{
    canceller *self = argument;
    nanosleep(&(struct timespec){.tv_nsec = self->delay_ns}, NULL);
    sheaf_ingest_cancel(self->ingest);
    (void)sheaf_ingest_progress(self->ingest);
    return NULL;
}

static void one_ingest(const char *directory, const char *output, uint64_t records, bool bad,
                       uint32_t *random)
{
    static const char *const kinds[] = {"null:",         "out.csv", "out.jsonl",   "out.csv.gz",
                                        "out.jsonl.zst", "out.db",  "out.parquet", "out.arrow"};
    enum { KINDS = sizeof kinds / sizeof kinds[0], TYPED = 5 };
    char destination[300];
    size_t k = next_random(random) % KINDS;
    const char *kind = kinds[k];
    snprintf(destination, sizeof destination, "%s%s%s", kind[0] == 'n' ? "" : output,
             kind[0] == 'n' ? "" : "/", kind);
    sheaf_ingest_options options = {.size = sizeof options,
                                    .destination = destination,
                                    .workers = (int)(next_random(random) % 9) + 1,
                                    .chunk_bytes = next_random(random) % 5000 + 1,
                                    .memory_bytes = next_random(random) % 2, /* or the usual */
                                    .on_error = next_random(random) % 2 ? SHEAF_ON_ERROR_STOP
                                                                        : SHEAF_ON_ERROR_SKIP_FILE};
    bool skip = options.on_error == SHEAF_ON_ERROR_SKIP_FILE;
    sheaf_files *files;
    sheaf_ingest *ingest;
    sheaf_summary summary;
    sheaf_error err;
    CHECK(sheaf_files_discover(&directory, 1, NULL, &files, &err) == SHEAF_OK, "%s", err.message);
    CHECK(sheaf_ingest_create(&options, &ingest, &err) == SHEAF_OK, "%s", err.message);
    canceller later = {.ingest = ingest, .delay_ns = (long)(next_random(random) % 8000000)};
    bool cancels = next_random(random) % 2;
    pthread_t thread;
    if (cancels)
        pthread_create(&thread, NULL, cancel_later, &later);
    sheaf_status status = sheaf_ingest_run(ingest, files, &summary, &err);
    if (cancels)
        pthread_join(thread, NULL);
    if (status == SHEAF_OK) {
        CHECK(!bad || skip, "a fault was not seen");
        CHECK(summary.loaded == records - (bad ? 1 : 0), "%llu",
              (unsigned long long)summary.loaded);
        CHECK(summary.records == summary.loaded + summary.skipped, "the account");
        bool presumes = k >= TYPED && !skip && options.memory_bytes > 0;
        CHECK(summary.starts_over == presumes, "%s: %d", kind, (int)summary.starts_over);
    } else if (status == SHEAF_ESHAPE) {
        CHECK(bad && !skip && err.line == 3 && err.record == 2, "another fault: %s", err.message);
    } else {
        CHECK(cancels && status == SHEAF_ECANCELLED, "%s", err.message);
    }
    CHECK(status == SHEAF_OK || kind[0] == 'n' || access(destination, F_OK) != 0,
          "%s is left behind", destination);
    sheaf_ingest_destroy(ingest);
    sheaf_files_release(files);
    unlink(destination);
    CHECK(rmdir(output) == 0, "something is left behind in %s", output);
    mkdir(output, 0700);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    char directory[] = "/tmp/sheaf-stress-XXXXXX";
    char output[] = "/tmp/sheaf-stress-XXXXXX";
    if (!mkdtemp(directory) || !mkdtemp(output))
        return 1;
    uint64_t records = write_files(directory);
    int replaced = FILES / 2 % 7;
    records = records - (uint64_t)(50 * replaced * replaced) + 1;
    uint32_t random = 20261121;
    unsigned n = 0;
    struct timespec begun, now;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        bool bad = next_random(&random) % 3 == 0;
        write_bad_file(directory, bad);
        one_ingest(directory, output, records, bad, &random);
        n++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!failed && (double)(now.tv_sec - begun.tv_sec) < seconds);
    printf("%u ingests of %llu records\n", n, (unsigned long long)records);
    for (int i = 0; i < FILES; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%02d.csv", directory, i);
        unlink(path);
    }
    rmdir(directory);
    rmdir(output);
    return failed ? 1 : 0;
}
