/*
 * The whole way of the data but for the last step: files found, read by workers, merged in order,
 * every value converted, and nothing kept ("null:").
 *
 *     bench_ingest [FILE...], and the options of every bench (report.h)
 *
 * 2 workers unless said: for the lines that do not say how many. Without files it makes some of the
 * mixed set (sets.h): one of 64 MB, and 1,000 of 50 KB. With files, they are what all lines read. A
 * run is what the program does between its start and its end. All ways must find as many records.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/sheaf.h>

#include "bench/folder.h"
#include "bench/report.h"
#include "bench/sets.h"

static const bench_section sections[] = {{"one file", "record", "ns"},
                                         {"many small files", "record", "ns"},
                                         {"the files", "record", "ns"}};

typedef struct ingest_set {
    const bench_section *section;
    sheaf_files *files;
    const char *id;
    uint64_t records; /* that every way must find */
} ingest_set;

typedef struct ingest_way {
    const char *id, *what;
    sheaf_executor_kind executor;
    int workers; /* 0: as said */
    sheaf_typing typing;
    sheaf_parser parser;
    bool digest;
} ingest_way;

static const ingest_way ways[] = {
    {"sequential", "the sequential executor", SHEAF_EXECUTOR_SEQUENTIAL, 1, 0, 0, false},
    {"one", "one thread", SHEAF_EXECUTOR_THREADS, 1, 0, 0, false},
    {"threads", "threads", SHEAF_EXECUTOR_THREADS, 0, 0, 0, false},
    {"processes", "processes", SHEAF_EXECUTOR_PROCESSES, 0, 0, 0, false},
    {"text", "threads, nothing converted", SHEAF_EXECUTOR_THREADS, 0, SHEAF_TYPING_TEXT, 0, false},
    {"digest", "threads, with a digest", SHEAF_EXECUTOR_THREADS, 0, 0, 0, true},
    {"libcsv", "threads, by libcsv", SHEAF_EXECUTOR_THREADS, 0, 0, SHEAF_PARSER_LIBCSV, false},
};

enum { WAYS = sizeof ways / sizeof *ways };

typedef struct ingest_case {
    ingest_set *set;
    const ingest_way *way;
} ingest_case;

static void must(sheaf_status status, const sheaf_error *err, const char *what)
{
    if (status < 0)
        bench_fail("%s: %s %s", what, err->source, err->message);
}

static void run(bench_run *run)
{
    const ingest_case *c = run->input;
    const ingest_way *way = c->way;
    const sheaf_ingest_options options = {.size = sizeof options,
                                          .destination = "null:",
                                          .workers = way->workers ? way->workers : run->workers,
                                          .executor = way->executor,
                                          .typing = way->typing,
                                          .parser = way->parser,
                                          .digest = way->digest};
    sheaf_ingest *ingest;
    sheaf_summary summary;
    sheaf_error err;
    bench_begin(run);
    must(sheaf_ingest_create(&options, &ingest, &err), &err, way->id);
    must(sheaf_ingest_run(ingest, c->set->files, &summary, &err), &err, way->id);
    sheaf_ingest_destroy(ingest);
    bench_end(run);
    if (c->set->records == 0)
        c->set->records = summary.records;
    if (summary.records != c->set->records || summary.loaded != summary.records)
        bench_fail("%s: %llu of %llu records", way->id, (unsigned long long)summary.loaded,
                   (unsigned long long)c->set->records);
    run->n = summary.records;
    run->n_bytes = summary.text_bytes;
}

static void add_cases(bench_suite *suite, ingest_set *set)
{
    for (size_t i = 0; i < WAYS; i++) {
        ingest_case *input = malloc(sizeof *input);
        if (!input)
            bench_fail("no memory for a case");
        *input = (ingest_case){.set = set, .way = &ways[i]};
        bench_case *one = bench_add(suite, set->section, "sheaf", run, input);
        one->is_base = i == 0;
        snprintf(one->id, sizeof one->id, "%s_%s", set->id, ways[i].id);
        snprintf(one->what, sizeof one->what, "%s", ways[i].what);
    }
}

/* ---- files ---- */

static void find(ingest_set *set, const char *const *sources, size_t n_sources)
{
    sheaf_error err;
    must(sheaf_files_discover(sources, n_sources, NULL, &set->files, &err), &err, "discovery");
}

static void write_files(const char *pattern, int n_files, size_t n_bytes)
{
    char path[64];
    for (int i = 0; i < n_files; i++) {
        bench_text text = bench_text_make("mixed", (uint64_t)i + 1, n_bytes);
        snprintf(path, sizeof path, pattern, i);
        bench_text_write(&text, path);
        bench_text_free(&text);
    }
}

static void make_sets(ingest_set *sets, bool quick)
{
    static const char *const large = "large0.csv", *const small = "small*.csv";
    bench_enter_folder();
    write_files("large%d.csv", 1, quick ? 100000 : 64000000);
    write_files("small%04d.csv", quick ? 10 : 1000, quick ? 2000 : 50000);
    sets[0] = (ingest_set){.section = &sections[0], .id = "one"};
    sets[1] = (ingest_set){.section = &sections[1], .id = "small"};
    find(&sets[0], &large, 1);
    find(&sets[1], &small, 1);
}

int main(int argc, char **argv)
{
    size_t n_functions;
    const sheaf_function *functions = sheaf_ingest_functions(&n_functions);
    int code = sheaf_worker_main(argc, argv, functions, n_functions);
    if (code >= 0)
        return code;

    ingest_set sets[2] = {{.section = &sections[2], .id = "given"}};
    int n_sources = 0;
    bench_suite suite = {.name = "ingest", .workers = 2, .repeat = 7};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-')
            argv[n_sources++] = argv[i];
        else if (!bench_option(&suite, argv, &i))
            bench_fail("%s? [FILE...] " BENCH_OPTIONS, argv[i]);
    }
    if (n_sources > 0)
        find(&sets[0], (const char *const *)argv, (size_t)n_sources);
    else
        make_sets(sets, suite.quick);
    for (size_t i = 0; i < 2 && sets[i].files; i++)
        add_cases(&suite, &sets[i]);
    bench_suite_run(&suite);
    for (size_t i = 0; i < suite.n_cases; i++)
        free(suite.cases[i].input);
    bench_suite_end(&suite);
    sheaf_files_release(sets[0].files);
    sheaf_files_release(sets[1].files);
    return 0;
}
