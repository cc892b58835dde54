/* What `bench` is asked to compare. */
#include <stdlib.h>
#include <string.h>

#include "engine/cli/bench.h"
#include "engine/cli/option_table.h"

enum { REPEAT_MAX = 1000, WORKERS_MAX = 1024, REPEAT_DEFAULT = 5 };

/* ---- the command line, kept ---- */

static bool is_plain(const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./,:=@%+";
    return *word && strspn(word, plain) == strlen(word);
}

static void put_word(const char *word, FILE *out)
{
    if (is_plain(word)) {
        fputs(word, out);
        return;
    }
    fputc('\'', out);
    for (const char *at = word; *at; at++) {
        if (*at == '\'')
            fputs("'\\''", out);
        else
            fputc(*at, out);
    }
    fputc('\'', out);
}

bool bench_remember(arguments *args, int argc, char **argv)
{
    size_t size;
    if (args->command != COMMAND_BENCH)
        return true;
    FILE *out = open_memstream(&args->bench.command, &size);
    if (!out)
        return false;
    fputs("sheaf bench", out);
    for (int i = 1; i < argc; i++) {
        fputc(' ', out);
        put_word(argv[i], out);
    }
    return fclose(out) == 0;
}

/* ---- lists ---- */

/* The next word of a list with commas, cut out of it; NULL: there is no other. */
static char *next_word(char **rest)
{
    char *word = *rest;
    if (!word)
        return NULL;
    char *comma = strchr(word, ',');
    *rest = comma ? comma + 1 : NULL;
    if (comma)
        *comma = '\0';
    return word;
}

static int set_workers(bench_arguments *asked, char *value)
{
    long number;
    asked->n_workers = 0;
    for (char *word; (word = next_word(&value));) {
        if (!parse_count(word, WORKERS_MAX, &number))
            return usage("--workers takes numbers from 1 to 1024, not", word, "--workers 1,2,4");
        bool is_new = true;
        for (size_t i = 0; i < asked->n_workers; i++)
            is_new = is_new && asked->workers[i] != number;
        if (is_new && asked->n_workers == BENCH_LIST_MAX)
            return usage("--workers takes 16 numbers at most", NULL, "--workers 1,2,4");
        if (is_new)
            asked->workers[asked->n_workers++] = (int)number;
    }
    return -1;
}

/* Positions of the words among those known, each once. False: *word is none. */
static bool find_words(char *value, const char *const *known, size_t n_known, size_t *found,
                       size_t *n_found, const char **word)
{
    *n_found = 0;
    while ((*word = next_word(&value))) {
        size_t at = 0;
        while (at < n_known && strcmp(known[at], *word) != 0)
            at++;
        if (at == n_known)
            return false;
        bool is_new = true;
        for (size_t i = 0; i < *n_found; i++)
            is_new = is_new && found[i] != at;
        if (is_new)
            found[(*n_found)++] = at;
    }
    return true;
}

static int set_executors(bench_arguments *asked, char *value)
{
    static const char *const known[] = {"sequential", "threads", "processes"};
    static const sheaf_executor_kind kinds[] = {SHEAF_EXECUTOR_SEQUENTIAL, SHEAF_EXECUTOR_THREADS,
                                                SHEAF_EXECUTOR_PROCESSES};
    size_t found[3];
    const char *word;
    if (!find_words(value, known, 3, found, &asked->n_executors, &word))
        return usage("--executor does not know", word,
                     "sequential, threads, processes, with commas between them");
    for (size_t i = 0; i < asked->n_executors; i++)
        asked->executors[i] = kinds[found[i]];
    return -1;
}

static int set_parsers(bench_arguments *asked, char *value)
{
    static const char *const known[] = {"scan", "libcsv"};
    static const sheaf_parser parsers[] = {SHEAF_PARSER_SCAN, SHEAF_PARSER_LIBCSV};
    size_t found[2];
    const char *word;
    if (!find_words(value, known, 2, found, &asked->n_parsers, &word))
        return usage("--parser does not know", word, "scan, libcsv, with a comma between them");
    for (size_t i = 0; i < asked->n_parsers; i++)
        asked->parsers[i] = parsers[found[i]];
    return -1;
}

/* ---- one option ---- */

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    return n > strlen(end) && strcmp(text + n - strlen(end), end) == 0;
}

static int set_file(const char **path, const char *name, const char *value)
{
    char what[48];
    *path = value;
    if (*value)
        return -1;
    snprintf(what, sizeof what, "--%s needs a file", name);
    return usage(what, NULL, "sheaf bench trips.csv --html trips.html");
}

int bench_set(arguments *args, const struct option_info *info, char *value, int position)
{
    bench_arguments *asked = &args->bench;
    long number;
    switch (info->id) {
    case 'o':
        args->ingest.destination = value;
        return -1;
    case 'j':
        return set_workers(asked, value);
    case OPTION_EXECUTOR:
        return set_executors(asked, value);
    case OPTION_PARSER:
        return set_parsers(asked, value);
    case OPTION_CACHE:
        asked->cold = position == 1;
        return -1;
    case OPTION_REPEAT:
        if (!parse_count(value, REPEAT_MAX, &number))
            return usage("--repeat takes a number from 1 to 1000, not", value, "--repeat 5");
        asked->repeat = (size_t)number;
        return -1;
    case OPTION_CSV:
        return set_file(&asked->csv, info->name, value);
    case OPTION_HTML:
        return set_file(&asked->html, info->name, value);
    case OPTION_CHART:
        if (!ends_with(value, ".svg") && !ends_with(value, ".png"))
            return usage("--chart takes a file called *.svg or *.png, not", value,
                         "--chart trips.svg");
        return set_file(&asked->chart, info->name, value);
    default:
        return -1;
    }
}

/* ---- what was not said ---- */

/* 1, 2, 4, ... and as many as there are processors. */
static void complete_workers(bench_arguments *asked)
{
    int processors = bench_processors();
    for (int n = 1; n < processors && asked->n_workers + 1 < BENCH_LIST_MAX; n *= 2)
        asked->workers[asked->n_workers++] = n;
    asked->workers[asked->n_workers++] = processors;
}

static bool is_sequential(const bench_arguments *asked)
{
    for (size_t i = 0; i < asked->n_executors; i++)
        if (asked->executors[i] == SHEAF_EXECUTOR_SEQUENTIAL)
            return true;
    return false;
}

/* All is compared with the sequential executor: so it is always among them, and the first. */
static void complete_executors(bench_arguments *asked)
{
    sheaf_executor_kind kinds[BENCH_LIST_MAX] = {SHEAF_EXECUTOR_SEQUENTIAL};
    size_t n = 1;
    if (asked->n_executors == 0)
        kinds[n++] = SHEAF_EXECUTOR_THREADS;
    for (size_t i = 0; i < asked->n_executors; i++)
        if (asked->executors[i] != SHEAF_EXECUTOR_SEQUENTIAL)
            kinds[n++] = asked->executors[i];
    memcpy(asked->executors, kinds, n * sizeof kinds[0]);
    asked->n_executors = n;
}

int bench_complete(arguments *args)
{
    bench_arguments *asked = &args->bench;
    const char *destination = args->ingest.destination;
    if (destination && (strcmp(destination, "-") == 0 || strstr(destination, "://")))
        return usage("bench loads into temporary files, which cannot be made of", destination,
                     "-o x.db, -o x.csv, or nothing, to read and convert only");
    if (asked->n_workers > 0 && asked->n_executors == 1 && is_sequential(asked))
        return usage("--workers is nothing for --executor sequential, which has one", NULL,
                     "--executor sequential,threads --workers 1,2,4");
    if (!destination)
        args->ingest.destination = "null:";
    if (asked->n_workers == 0)
        complete_workers(asked);
    complete_executors(asked);
    if (asked->n_parsers == 0)
        asked->parsers[asked->n_parsers++] = SHEAF_PARSER_SCAN;
    if (asked->repeat == 0)
        asked->repeat = REPEAT_DEFAULT;
    return -1;
}
