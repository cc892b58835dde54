/*
 * The answer never depends on who reads: random faulty files give the same rows, the same
 * quarantine, the same summary and the same end of the run (from which the program's exit code
 * follows), byte by byte, whatever the number of workers, the size of chunks and the memory, and
 * whether threads or processes read.
 *
 *     stress_same [INPUTS [SEED]]      by default so many as take some seconds
 *
 * Each input is read by the caller's thread alone, and then in all other ways; its destination is,
 * in turn, a CSV file, a database, a JSONL file, none, and a stream. What differs is told, with the
 * seed that makes this input again: `stress_same 1 SEED`, which leaves its files where they are.
 */
#include <sys/stat.h>
#include <time.h>

#include "tests/support_faulty.h"
#include "tests/support_outcome.h"

/*
 * ThreadSanitizer takes as long to start as a run does, and of one thread it has nothing to say:
 * then several threads alone.
 */
#if defined(__SANITIZE_THREAD__)
enum { THREADS_ALONE = 1 };
#elif defined(__has_feature)
enum { THREADS_ALONE = __has_feature(thread_sanitizer) };
#else
enum { THREADS_ALONE = 0 };
#endif

enum {
    INPUTS = 60,
    SECONDS_MAX = 15,
    SEED = 20261122,
    CHUNKS_MAX = 300,
    SHOWN_BYTES = 800,
    DIFFERENCES_MAX = 20
};

typedef enum target { TO_CSV, TO_DATABASE, TO_JSONL, TO_NULL, TO_STREAM, TARGETS } target;

static const char *const target_names[TARGETS] = {"csv", "database", "jsonl", "null", "stream"};

typedef struct way {
    sheaf_executor_kind executor;
    int workers;
    size_t chunk_bytes;
    size_t memory_bytes;
} way;

static char in[64];
static char out[64];

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* ---- one run ---- */

static void name_destination(target to, bool named_quarantine, sheaf_ingest_options *options,
                             char destination[80], char quarantine[80])
{
    static const char *const names[TARGETS] = {"out.csv", "out.db", "out.jsonl", NULL, NULL};
    snprintf(destination, 80, "%s/%s", out, names[to] ? names[to] : "");
    snprintf(quarantine, 80, "%s/named.jsonl", out);
    options->destination = names[to] ? destination : to == TO_NULL ? "null:" : NULL;
    options->quarantine = named_quarantine ? quarantine : NULL;
}

static void run(const faulty_input *input, const sheaf_files *files, target to, const way *as,
                outcome *o)
{
    char destination[80];
    char quarantine[80];
    sheaf_error err = {0};
    sheaf_ingest *ingest = NULL;
    struct ArrowArrayStream stream;
    sheaf_ingest_options options = input->options;
    bool sets_aside = options.on_error == SHEAF_ON_ERROR_DEFAULT ||
                      options.on_error >= SHEAF_ON_ERROR_QUARANTINE;
    outcome_open(o);
    name_destination(to, sets_aside && input->n_bytes % 4 == 0, &options, destination, quarantine);
    options.executor = as->executor;
    options.workers = as->workers;
    options.chunk_bytes = as->chunk_bytes;
    options.memory_bytes = as->memory_bytes;
    options.on_file = outcome_on_file;
    options.on_reject = sets_aside ? outcome_on_reject : NULL;
    options.context = o;
    if (to == TO_STREAM) {
        o->status = sheaf_stream_open(files, &options, &stream, &err);
        outcome_error(o->parts[OUTCOME_END], &err);
        if (o->status == SHEAF_OK)
            outcome_take_stream(o, &stream);
        o->may_end_early = o->status < 0 && options.rejects_max > 0;
    } else {
        o->status = sheaf_ingest_create(&options, &ingest, &err);
        if (o->status == SHEAF_OK) {
            o->status = sheaf_ingest_run(ingest, files, &o->summary, &err);
            outcome_columns(o, ingest);
        }
        outcome_error(o->parts[OUTCOME_END], &err);
        outcome_summary(o);
        sheaf_ingest_destroy(ingest);
    }
    if (o->status < 0)
        outcome_count(o, "run", sheaf_status_name(o->status));
    outcome_take_files(o, out);
    outcome_close(o);
}

/* ---- what differs ---- */

/* The line in which they begin to differ, and those about it. */
static void show(const char *what, const char *text, size_t n_bytes, size_t from)
{
    static char escaped[4 * SHOWN_BYTES + 1];
    size_t n = n_bytes - from < SHOWN_BYTES ? n_bytes - from : SHOWN_BYTES;
    sheaf_text_escape(text + from, n, escaped, sizeof escaped);
    fprintf(stderr, "  %s: %s\n", what, escaped);
}

static void show_difference(const outcome *first, const outcome *other, outcome_part part,
                            const way *as, uint64_t seed, target to)
{
    static const char *const kinds[] = {"threads", "sequential", "processes"};
    const char *a = first->texts[part];
    const char *b = other->texts[part];
    size_t at = 0;
    while (at < first->n_bytes[part] && at < other->n_bytes[part] && a[at] == b[at])
        at++;
    size_t from = at;
    for (int lines = 0; from > 0 && at - from < SHOWN_BYTES / 2; from--)
        if (a[from - 1] == '\n' && ++lines == 3)
            break;
    fprintf(stderr,
            "seed %" PRIu64 " into %s, %s, %d workers, chunks of %zu, memory of %zu: %s differs at "
            "byte %zu of %zu and %zu (%s, %s)\n",
            seed, target_names[to], kinds[as->executor], as->workers, as->chunk_bytes,
            as->memory_bytes, outcome_part_names[part], at, first->n_bytes[part],
            other->n_bytes[part], sheaf_status_name(first->status),
            sheaf_status_name(other->status));
    show("one alone", a, first->n_bytes[part], from);
    show("here     ", b, other->n_bytes[part], from);
}

/* ---- one input, in all ways ---- */

typedef struct ways {
    way items[32];
    size_t n;
} ways;

static void add_ways(ways *to, sheaf_executor_kind kind, int workers, const way sizes[3])
{
    for (int i = 0; i < 3; i++) {
        way *as = &to->items[to->n++];
        *as = sizes[i];
        as->executor = kind;
        as->workers = workers;
    }
}

/*
 * Small chunks, middling ones and what the library chooses, with as little memory as there may be
 * now and then.
 */
static ways all_ways(const faulty_input *input, uint64_t *random)
{
    static const size_t middling[] = {8 << 10, 64 << 10, 64 << 10};
    static const int numbers[] = {1, 2, 8};
    size_t small = 60 + faulty_size(random, 12);
    if (small < input->n_bytes / CHUNKS_MAX)
        small = input->n_bytes / CHUNKS_MAX;
    way sizes[3] = {{.chunk_bytes = small}, {.chunk_bytes = FAULTY_PICK(random, middling)}};
    for (int i = 0; i < 3; i++)
        sizes[i].memory_bytes = faulty_once_in(random, 2) ? 1 : 0;
    ways all = {.items = {{.executor = SHEAF_EXECUTOR_SEQUENTIAL}}, .n = 1};
    if (!THREADS_ALONE)
        add_ways(&all, SHEAF_EXECUTOR_SEQUENTIAL, 1, sizes);
    for (int i = THREADS_ALONE; i < 3; i++) {
        add_ways(&all, SHEAF_EXECUTOR_THREADS, numbers[i], sizes);
        if (!THREADS_ALONE)
            add_ways(&all, SHEAF_EXECUTOR_PROCESSES, numbers[i], sizes);
    }
    return all;
}

typedef struct tally {
    uint64_t inputs;
    uint64_t targets[TARGETS];
    uint64_t bytes;
    uint64_t runs;
    uint64_t failed; /* inputs whose runs end with a failure */
    uint64_t loaded;
    uint64_t rejected;
    uint64_t files_skipped;
    uint64_t ranges;
    uint64_t ranges_reread;
    uint64_t differences;
    outcome_kinds inputs_with; /* how many have a fault of that kind */
    outcome_kinds faults;
} tally;

static void count(tally *sum, const outcome *o, target to, bool is_first)
{
    sum->runs++;
    sum->ranges += o->summary.ranges;
    sum->ranges_reread += o->summary.ranges_reread;
    if (!is_first)
        return;
    sum->inputs++;
    sum->targets[to]++;
    sum->failed += o->status < 0;
    for (size_t i = 0; i < o->faults.n; i++) {
        outcome_kinds_add(&sum->inputs_with, o->faults.items[i].name, 1);
        outcome_kinds_add(&sum->faults, o->faults.items[i].name, o->faults.items[i].n);
    }
    sum->loaded += o->summary.loaded;
    sum->rejected += o->summary.rejected;
    sum->files_skipped += o->summary.files_skipped;
}

static void empty_directory(void)
{
    outcome unseen;
    outcome_open(&unseen);
    outcome_take_files(&unseen, in);
    outcome_close(&unseen);
    outcome_free(&unseen);
}

/* `keeps`: if it differs, its files are left. */
static void one_input(uint64_t seed, bool keeps, tally *sum)
{
    static faulty_input input;
    const char *source = in;
    sheaf_files *files;
    sheaf_error err;
    outcome first;
    bool differs = false;
    target to = (target)(seed % TARGETS);
    faulty_make(&input, seed, in, to == TO_DATABASE || to == TO_NULL || to == TO_STREAM,
                to == TO_NULL);
    if (sheaf_files_discover(&source, 1, NULL, &files, &err) < 0) {
        fprintf(stderr, "seed %" PRIu64 ": %s\n", seed, err.message);
        abort();
    }
    ways all = all_ways(&input, &input.random);
    for (size_t i = 0; i < all.n && !differs; i++) {
        outcome other;
        outcome *o = i == 0 ? &first : &other;
        run(&input, files, to, &all.items[i], o);
        count(sum, o, to, i == 0);
        outcome_part part = i == 0 ? OUTCOME_PARTS : outcome_compare(&first, o);
        differs = part != OUTCOME_PARTS;
        if (differs)
            show_difference(&first, o, part, &all.items[i], seed, to);
        if (i > 0)
            outcome_free(o);
    }
    sum->bytes += input.n_bytes;
    sum->differences += differs;
    outcome_free(&first);
    sheaf_files_release(files);
    if (differs && keeps)
        fprintf(stderr, "its files are in %s\n", in);
    else
        empty_directory();
}

static int compare_kinds(const void *a, const void *b)
{
    const outcome_kind *left = a;
    const outcome_kind *right = b;
    return strcmp(left->name, right->name);
}

static void tell(tally *sum, uint64_t seed, double seconds)
{
    printf("%" PRIu64 " inputs from seed %" PRIu64 ", %.1f MB, in %" PRIu64
           " runs and %.0f s: %" PRIu64 " differ\n"
           "%" PRIu64 " runs fail; of the others: %" PRIu64 " records loaded, %" PRIu64
           " set aside, %" PRIu64 " files left out; %" PRIu64 " ranges, %" PRIu64 " read again\n",
           sum->inputs, seed, (double)sum->bytes / 1e6, sum->runs, seconds, sum->differences,
           sum->failed, sum->loaded, sum->rejected, sum->files_skipped, sum->ranges,
           sum->ranges_reread);
    for (int i = 0; i < TARGETS; i++)
        printf("%s %s %" PRIu64, i == 0 ? "into:" : ",", target_names[i], sum->targets[i]);
    printf("\nfaults, and inputs that have them:\n");
    qsort(sum->faults.items, sum->faults.n, sizeof *sum->faults.items, compare_kinds);
    qsort(sum->inputs_with.items, sum->inputs_with.n, sizeof *sum->inputs_with.items,
          compare_kinds);
    for (size_t i = 0; i < sum->faults.n; i++)
        printf("  %s: %" PRIu64 " in %" PRIu64 "\n", sum->faults.items[i].name,
               sum->faults.items[i].n, sum->inputs_with.items[i].n);
}

int main(int argc, char **argv)
{
    size_t n;
    const sheaf_function *functions = sheaf_ingest_functions(&n);
    int code = sheaf_worker_main(argc, argv, functions, n);
    if (code >= 0)
        return code;
    uint64_t inputs = argc > 1 ? strtoull(argv[1], NULL, 10) : INPUTS;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : SEED;
    double begun = now();
    tally sum = {0};
    /* In memory, if that can be: databases wait for the disk. */
    char home[] = "/dev/shm/sheaf-same-XXXXXX";
    char elsewhere[] = "/tmp/sheaf-same-XXXXXX";
    const char *directory = mkdtemp(home) ? home : mkdtemp(elsewhere);
    if (!directory)
        return 1;
    snprintf(in, sizeof in, "%s/in", directory);
    snprintf(out, sizeof out, "%s/out", directory);
    if (mkdir(in, 0700) != 0 || mkdir(out, 0700) != 0)
        return 1;
    while (sum.inputs < inputs && sum.differences < DIFFERENCES_MAX &&
           (argc > 1 || now() - begun < SECONDS_MAX))
        one_input(seed + sum.inputs, inputs == 1, &sum);
    tell(&sum, seed, now() - begun);
    rmdir(in);
    rmdir(out);
    rmdir(directory);
    return sum.differences > 0 ? 1 : 0;
}
