/*
 * `sheaf bench`: what is measured, in which order, and what must be equal.
 *
 * A configuration is an executor, a number of workers and a parser. Each is first run once with a
 * digest, which is not timed: all digests and counts must be the same, and the page cache is warm
 * after it. Then come the rounds: every configuration once, and the files' bytes by read alone by
 * as many threads, so that what disturbs the machine disturbs all of them (A B A B, not A A B B).
 * A timed run has no digest, because that takes time and is not needed to read; it must count the
 * same records, fields and bytes as its run with a digest did, of files that nobody has touched
 * since.
 *
 * What is measured is the reading of everything: every field of every record is found, checked to
 * be text and converted, as by `sheaf ingest SRC -o null:`; with -o DEST whole ingests, into
 * destinations in a folder that is removed.
 */
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cli/bench.h"

/* ---- the plan ---- */

static bench_case *add_read(bench *self, int n_threads)
{
    for (size_t i = 0; i < self->n_cases; i++)
        if (self->cases[i].is_read && self->cases[i].workers == n_threads)
            return &self->cases[i];
    bench_case *made = &self->cases[self->n_cases++];
    *made = (bench_case){.is_read = true, .workers = n_threads};
    snprintf(made->name, sizeof made->name, "read alone %d", n_threads);
    return made;
}

static bench_case *add_case(bench *self, sheaf_executor_kind executor, int workers,
                            sheaf_parser parser)
{
    bench_case *made = &self->cases[self->n_cases++];
    const char *by = self->args->bench.n_parsers == 1 ? ""
                     : parser == SHEAF_PARSER_LIBCSV  ? ", libcsv"
                                                      : ", scan";
    *made = (bench_case){.executor = executor, .workers = workers, .parser = parser};
    if (executor == SHEAF_EXECUTOR_SEQUENTIAL)
        snprintf(made->name, sizeof made->name, "sequential%s", by);
    else
        snprintf(made->name, sizeof made->name, "%s %d%s",
                 executor == SHEAF_EXECUTOR_THREADS ? "threads" : "processes", workers, by);
    made->limit = add_read(self, workers); /* is there already */
    return made;
}

static void plan_parser(bench *self, sheaf_parser parser)
{
    const bench_arguments *asked = &self->args->bench;
    bench_case *baseline = add_case(self, SHEAF_EXECUTOR_SEQUENTIAL, 1, parser);
    baseline->baseline = baseline;
    for (size_t i = 1; i < asked->n_executors; i++) /* the first is sequential */
        for (size_t k = 0; k < asked->n_workers; k++)
            add_case(self, asked->executors[i], asked->workers[k], parser)->baseline = baseline;
}

static bool plan(bench *self)
{
    const bench_arguments *asked = &self->args->bench;
    size_t n_most = 1 + asked->n_workers +
                    asked->n_parsers * asked->n_executors * (1 + asked->n_workers);
    self->cases = calloc(n_most, sizeof *self->cases);
    if (!self->cases)
        return false;
    add_read(self, 1);
    for (size_t i = 0; i < asked->n_workers && asked->n_executors > 1; i++)
        add_read(self, asked->workers[i]);
    for (size_t i = 0; i < asked->n_parsers; i++)
        plan_parser(self, asked->parsers[i]);
    for (size_t i = 0; i < self->n_cases; i++) {
        self->cases[i].samples = calloc(asked->repeat, sizeof *self->cases[i].samples);
        if (!self->cases[i].samples)
            return false;
    }
    return true;
}

/* ---- what must be equal ---- */

static void put_shown(const char *path)
{
    char shown[1024];
    sheaf_text_escape(path, strlen(path), shown, sizeof shown);
    fputs(shown, stderr);
}

/* Files that can be read again and again. */
static bool are_regular(const sheaf_files *files)
{
    for (size_t i = 0; i < sheaf_files_count(files); i++) {
        const sheaf_file *file = sheaf_files_at(files, i);
        if (file->kind == SHEAF_FILE_REGULAR)
            continue;
        fputs("error: bench reads files several times, which cannot be done with ", stderr);
        put_shown(file->kind == SHEAF_FILE_STDIN ? "standard input" : file->path);
        fputs("\n  help: write it to a file first\n", stderr);
        return false;
    }
    return true;
}

static bool are_unchanged(const sheaf_files *files)
{
    for (size_t i = 0; i < sheaf_files_count(files); i++) {
        const sheaf_file *file = sheaf_files_at(files, i);
        struct stat now;
        bool exists = stat(file->path, &now) == 0;
        if (exists && (uint64_t)now.st_size == file->size_bytes &&
            (uint64_t)now.st_ino == file->inode &&
            now.st_mtim.tv_sec * 1000000000LL + now.st_mtim.tv_nsec == file->mtime_ns)
            continue;
        fputs("error: ", stderr);
        put_shown(file->path);
        fprintf(stderr, " %s while it was measured\n  help: bench a copy that nobody writes to\n",
                exists ? "changed" : "went away");
        return false;
    }
    return true;
}

static void put_difference(const char *what, uint64_t is, uint64_t other, const char **before)
{
    if (is == other)
        return;
    fprintf(stderr, "%s%s %" PRIu64 " instead of %" PRIu64, *before, what, is, other);
    *before = ", ";
}

/* False, and told: two runs that should have read the same have not. */
static bool are_equal(const bench_case *one, const bench_counts *is, const char *other_name,
                      const bench_counts *other)
{
    const char *before = "";
    if (memcmp(is, other, sizeof *is) == 0)
        return true;
    fprintf(stderr, "error: %s has not read the same as %s: ", one->name, other_name);
    if (is->digest != other->digest) {
        fprintf(stderr, "digest %016" PRIx64 " instead of %016" PRIx64, is->digest, other->digest);
        before = ", ";
    }
    put_difference("records", is->records, other->records, &before);
    put_difference("loaded", is->loaded, other->loaded, &before);
    put_difference("rejected", is->rejected, other->rejected, &before);
    put_difference("skipped", is->skipped, other->skipped, &before);
    put_difference("files skipped", is->files_skipped, other->files_skipped, &before);
    put_difference("columns", is->columns, other->columns, &before);
    put_difference("fields", is->fields, other->fields, &before);
    put_difference("bytes", is->read_bytes, other->read_bytes, &before);
    put_difference("bytes of text", is->text_bytes, other->text_bytes, &before);
    fputs("\n  help: that is a bug in sheaf; please report it, with the files if you can\n",
          stderr);
    return false;
}

/* ---- running ---- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    return where->level > 0 ? remove(path) : 0;
}

static void empty_folder(const bench *self)
{
    if (self->folder[0])
        nftw(self->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Where destinations go: beside the one that was named, on the same file system. */
static bool make_folder(bench *self)
{
    const char *destination = self->args->ingest.destination;
    char path[4096];
    char name[256];
    if (strcmp(destination, "null:") == 0) {
        snprintf(self->destination, sizeof self->destination, "null:");
        return true;
    }
    snprintf(path, sizeof path, "%s", destination);
    snprintf(name, sizeof name, "%s", basename(path));
    snprintf(path, sizeof path, "%s", destination);
    int n = snprintf(self->folder, sizeof self->folder, "%s/.sheaf-bench-XXXXXX", dirname(path));
    if (n >= (int)sizeof self->folder || !mkdtemp(self->folder)) {
        int error = n >= (int)sizeof self->folder ? ENAMETOOLONG : errno;
        fputs("error: no folder for destinations can be made beside ", stderr);
        put_shown(destination);
        fprintf(stderr, ": %s\n", strerror(error));
        self->folder[0] = '\0';
        return false;
    }
    snprintf(self->destination, sizeof self->destination, "%s/%s", self->folder, name);
    return true;
}

/* On a terminal: what runs now. */
static void show_state(const bench *self, const bench_case *one, size_t round)
{
    if (self->args->quiet || !isatty(STDERR_FILENO))
        return;
    if (!one)
        fputs("\r\x1b[K", stderr);
    else if (round == 0)
        fprintf(stderr, "\r\x1b[Kdigest: %s", one->name);
    else
        fprintf(stderr, "\r\x1b[Kround %zu of %zu: %s", round, self->args->bench.repeat, one->name);
    fflush(stderr);
}

/* Of the destination that was named, not of the one that stands for it. */
static void tell(const bench *self, sheaf_error *err)
{
    size_t n = strlen(self->folder);
    if (n > 0 && strncmp(err->source, self->folder, n) == 0)
        sheaf_text_escape(self->args->ingest.destination, strlen(self->args->ingest.destination),
                          err->source, sizeof err->source);
    report_error(err);
}

/* Run a case: EXIT_CLEAN, or the exit code of the bench, which was told why. Round 0: a digest. */
static int run_case(bench *self, const bench_case *one, size_t round, bench_outcome *outcome)
{
    show_state(self, one, round);
    if (self->args->bench.cold && round > 0) {
        double resident = bench_drop_cache(self->files);
        self->resident = resident > self->resident ? resident : self->resident;
    }
    bool came_back = !bench_interrupted() && bench_run(self, one, round == 0, outcome);
    empty_folder(self);
    show_state(self, NULL, round);
    if (bench_interrupted()) {
        fputs("interrupted: nothing was kept\n", stderr);
        return EXIT_INTERRUPTED;
    }
    if (!came_back)
        return EXIT_FAULT;
    if (!are_unchanged(self->files))
        return EXIT_FAULT;
    if (outcome->status >= 0)
        return EXIT_CLEAN;
    tell(self, &outcome->err);
    return outcome->status == SHEAF_EINVAL     ? EXIT_USAGE
           : outcome->status == SHEAF_EACCOUNT ? EXIT_ACCOUNT
                                               : EXIT_FAULT;
}

/* Each configuration once with a digest; all of them have read the same. */
static int compare_digests(bench *self)
{
    bench_outcome outcome;
    const bench_case *first = NULL;
    for (size_t i = 0; i < self->n_cases; i++) {
        bench_case *one = &self->cases[i];
        if (one->is_read)
            continue;
        int code = run_case(self, one, 0, &outcome);
        if (code != EXIT_CLEAN)
            return code;
        one->counts = outcome.counts;
        if (!first)
            first = one;
        if (!are_equal(one, &one->counts, first->name, &first->counts))
            return EXIT_ACCOUNT;
    }
    return EXIT_CLEAN;
}

static int measure(bench *self, bench_case *one, size_t round)
{
    bench_outcome outcome;
    int code = run_case(self, one, round, &outcome);
    if (code != EXIT_CLEAN)
        return code;
    if (one->is_read)
        one->counts.read_bytes = self->size_bytes;
    outcome.counts.digest = one->counts.digest; /* a timed run makes none */
    if (!are_equal(one, &outcome.counts, one->is_read ? "the sizes of the files" : "before",
                   &one->counts))
        return EXIT_ACCOUNT;
    one->samples[one->n_samples++] = outcome.sample;
    return EXIT_CLEAN;
}

static int run_rounds(bench *self)
{
    for (size_t round = 1; round <= self->args->bench.repeat; round++) {
        for (size_t i = 0; i < self->n_cases; i++) {
            int code = measure(self, &self->cases[i], round);
            if (code != EXIT_CLEAN)
                return code;
        }
    }
    return EXIT_CLEAN;
}

/* ---- the command ---- */

typedef struct outputs {
    bench_file csv;
    bench_file chart;
    bench_file html;
} outputs;

static bool open_outputs(const bench_arguments *asked, outputs *files)
{
    *files = (outputs){0};
    return (!asked->chart || bench_has_gnuplot()) && bench_file_open(&files->csv, asked->csv) &&
           bench_file_open(&files->chart, asked->chart) &&
           bench_file_open(&files->html, asked->html);
}

static bool write_outputs(const bench *self, outputs *files)
{
    const char *chart = files->chart.path;
    if (files->csv.stream)
        bench_print_csv(self, files->csv.stream);
    if (files->html.stream)
        bench_print_html(self, files->html.stream);
    bool good = bench_file_finish(&files->csv);
    good = bench_file_finish(&files->html) && good;
    if (!chart)
        return good;
    bool is_png = strcmp(chart + strlen(chart) - 4, ".png") == 0;
    return bench_draw(self, is_png, files->chart.stream) && bench_file_finish(&files->chart) &&
           good;
}

static int run(bench *self, outputs *files)
{
    int code = compare_digests(self);
    if (code == EXIT_CLEAN)
        code = run_rounds(self);
    if (code != EXIT_CLEAN)
        return code;
    bench_figures(self);
    if (self->args->json)
        bench_print_json(self, stdout);
    else if (!self->args->quiet)
        bench_report(self, stdout);
    if (!write_outputs(self, files))
        return EXIT_FAULT;
    const bench_counts *counts = bench_counts_of(self);
    return counts->rejected > 0 || counts->files_skipped > 0 ? EXIT_PARTLY : EXIT_CLEAN;
}

int bench_main(const arguments *args, const sheaf_files *files)
{
    bench self = {.args = args, .files = files};
    outputs made = {0};
    int code = EXIT_FAULT;
    if (!are_regular(files) || !bench_files_are_apart(files, &args->bench))
        return EXIT_USAGE;
    for (size_t i = 0; i < sheaf_files_count(files); i++)
        self.size_bytes += sheaf_files_at(files, i)->size_bytes;
    bench_machine_get(&self.machine);
    bench_handle_signals();
    if (!plan(&self))
        fputs("error: no memory for the plan\n", stderr);
    else if (open_outputs(&args->bench, &made) && make_folder(&self))
        code = run(&self, &made);
    if (self.folder[0]) {
        empty_folder(&self);
        rmdir(self.folder);
    }
    bench_file_drop(&made.csv);
    bench_file_drop(&made.chart);
    bench_file_drop(&made.html);
    for (size_t i = 0; i < self.n_cases; i++)
        free(self.cases[i].samples);
    free(self.cases);
    return code;
}
