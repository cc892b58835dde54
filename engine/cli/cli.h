/*
 * The program, sheaf: the parts it is made of. It is a user of the library like any other: it
 * includes <sheaf/...> and nothing else of the project.
 *
 *     main.c       commands, exit codes
 *     signals.c    what ends a run
 *     options.c    the command line, from one table (option_table.c) that --help shows too
 *     dialect.c    what it says of a dialect
 *     lists.c      names of columns in it
 *     report.c     the summary, counts, errors: for people and as JSON
 *     faults.c     records that were set aside
 *     sniff.c      what is found out of each file
 *     check.c      every fault, as it is found
 *     show.c       one record and its parse
 *     retry.c      what was mended in a quarantine
 *     bench.c      how fast the files are read, in several ways: bench.h
 *     progress.c   the bar on a terminal
 *     trace.c      the file that says what was done when
 */
#ifndef SHEAF_CLI_CLI_H
#define SHEAF_CLI_CLI_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>

#include <sheaf/sheaf.h>

enum {
    EXIT_CLEAN = 0,
    EXIT_USAGE = 1,
    EXIT_FAULT = 2,   /* a fault or an I/O error: nothing was committed */
    EXIT_PARTLY = 3,  /* loaded, but records were set aside, or files left out */
    EXIT_ACCOUNT = 4, /* the accounting failed */
    EXIT_INTERRUPTED = 130
};

typedef enum command {
    COMMAND_NONE,
    COMMAND_INGEST,
    COMMAND_CAT,
    COMMAND_COUNT,
    COMMAND_SCHEMA,
    COMMAND_SNIFF,
    COMMAND_CHECK,
    COMMAND_SHOW,
    COMMAND_RETRY,
    COMMAND_BENCH,
    COMMAND_HELP,
    COMMAND_VERSION
} command;

typedef enum progress_mode {
    PROGRESS_AUTO,
    PROGRESS_PLAIN,
    PROGRESS_JSON,
    PROGRESS_OFF
} progress_mode;

/* Names of columns, as they were given. The texts are those of the command line. */
typedef struct names {
    const char **items;
    size_t n;
} names;

typedef struct renames {
    sheaf_rename *items;
    size_t n;
} renames;

typedef struct added {
    sheaf_added_column items[SHEAF_ORIGINS];
    size_t n;
} added;

typedef struct indexes {
    sheaf_index *items; /* one for each --index */
    size_t n;
    names columns; /* of all of them */
} indexes;

enum { BENCH_LIST_MAX = 16 };

/* What `bench` compares, and what it makes of it. */
typedef struct bench_arguments {
    int workers[BENCH_LIST_MAX];
    size_t n_workers; /* 0: nobody said */
    sheaf_executor_kind executors[BENCH_LIST_MAX];
    size_t n_executors;
    sheaf_parser parsers[BENCH_LIST_MAX];
    size_t n_parsers;
    bool cold;
    size_t repeat;
    const char *csv; /* files, or NULL */
    const char *chart;
    const char *html;
    char *command; /* the whole command line, as a shell takes it */
} bench_arguments;

typedef struct arguments {
    command command;
    command help_about; /* COMMAND_HELP: about one command, or COMMAND_NONE */
    const char *const *sources;
    size_t n_sources;
    sheaf_discover_options discover;
    sheaf_ingest_options ingest;
    sheaf_column_type *types;       /* for ingest.types: one for each --type */
    const char **nulls;             /* for ingest.nulls: one for each --null */
    sheaf_file_encoding *encodings; /* for ingest.encodings: one for each --encoding */
    sheaf_record_by show_by;        /* of `show`, if it has a place: */
    uint64_t show_at;
    bool has_place; /* else each source has its own */
    names select;   /* for ingest, like the next four */
    names drop;
    renames renames;
    added added;
    indexes indexes;
    bench_arguments bench;
    progress_mode progress;
    const char *trace; /* a file, or NULL */
    bool no_sniff;
    bool json;
    bool quiet;
    bool verbose;
} arguments;

/* ---- main.c ---- */

/* ---- options.c ---- */

/*
 * Understand the command line. On a usage error: EXIT_USAGE after telling on stderr, without memory
 * EXIT_FAULT; else -1.
 */
int arguments_parse(arguments *args, int argc, char **argv);
void arguments_free(arguments *args);

/* --help, or the help of one command. */
void help_print(FILE *out, command about);

/* Tell of a usage error: what, perhaps a value, and how it is done. EXIT_USAGE. */
int usage(const char *what, const char *value, const char *hint);
/* A number from 1 to `most`. */
bool parse_count(const char *text, long most, long *value);

/* ---- bench_options.c ---- */

struct option_info;

/* Keep the command line as it was given: parsing writes into it. False: no memory. */
bool bench_remember(arguments *args, int argc, char **argv);
/* An option that is bench's own: as arguments_parse(). `position` in a list of choices. */
int bench_set(arguments *args, const struct option_info *info, char *value, int position);
/* What was not said, and whether what was said is possible. */
int bench_complete(arguments *args);

/* ---- bench.c ---- */

/* `sheaf bench`: the exit code. */
int bench_main(const arguments *args, const sheaf_files *files);

/* ---- dialect.c ---- */

/* What an option says of a dialect. NULL, or what it would have understood. */
const char *dialect_set(sheaf_dialect *dialect, const char *option, const char *value);

/* What nobody said is as RFC 4180 has it. */
void dialect_leave_nothing_open(sheaf_dialect *dialect);

/* ---- lists.c: each false when the text is not understood ---- */

/* Room for all the names that a command line may list. False: there is no memory. */
bool lists_reserve(arguments *args, int argc, char **argv);

bool names_add(names *list, char *text);     /* NAME[,NAME...] */
bool renames_add(renames *list, char *text); /* OLD=NEW */
bool added_add(added *list, char *text);     /* WHAT[=NAME][,...]: none twice */
bool indexes_add(indexes *list, char *text); /* NAME[,NAME...]: one index */
void indexes_free(indexes *list);

/* ---- text.c ---- */

/* Bytes from outside, escaped for a terminal, or as the inside of a JSON string. */
void text_put(FILE *out, const char *bytes, size_t n_bytes);
void text_put_json(FILE *out, const char *bytes, size_t n_bytes);
/* How many columns of a terminal they take, escaped. */
int text_width(const char *bytes, size_t n_bytes);

/* ---- report.c ---- */

/* Records that were set aside for one reason. */
typedef struct kind_of_fault {
    char code[16];
    uint64_t n;
    uint64_t n_files;
    uint64_t n_told;
    uint64_t n_waiting; /* of the file that is being read: not among the n yet */
    const sheaf_file *last_file;
} kind_of_fault;

enum { FAULTS_MAX = 16 };

/* Of the file that is being read: to be told if it is not left out. */
typedef struct faults_held {
    const sheaf_file *file;
    struct held_fault *items;
    size_t n;
    size_t capacity;
} faults_held;

typedef struct reporter {
    const arguments *args;
    sheaf_files *files;
    sheaf_trace *trace; /* or NULL */
    uint64_t n_skipped_shown;
    uint64_t n_skipped;
    kind_of_fault faults[FAULTS_MAX]; /* of records that were set aside */
    size_t n_faults;
    faults_held held;
    bool is_bare_below;                    /* a file without records has lines that were skipped */
    kind_of_fault file_faults[FAULTS_MAX]; /* of `check`: of whole files */
    size_t n_file_faults;
    sheaf_ingest *ingest;       /* of `check`, while it runs */
    int output_errno;           /* of `check`: with which stdout failed, which ends the run */
    sheaf_file_report *reports; /* of `count`: one for each file, without pointers into the run */
    size_t n_reports;
} reporter;

typedef struct count_text {
    char text[32];
} count_text;

count_text count_of(uint64_t count); /* "6,079,667" */
const char *plural(uint64_t n, const char *one, const char *many);

/* "name":"bytes" */
void print_json_text(FILE *out, const char *name, const char *bytes);

void report_error(const sheaf_error *err);
void report_on_file(void *context, const sheaf_file_report *report); /* for sheaf_ingest_options */
void report_summary(const reporter *self, const sheaf_summary *summary, FILE *out);
void report_digest(const reporter *self, const sheaf_summary *summary, FILE *out); /* if asked */
/* Columns that --columns has left out, for who sees no summary. */
void report_left_out(const reporter *self, const sheaf_summary *summary);
void report_schema(const reporter *self, const sheaf_summary *summary, const sheaf_column *columns,
                   size_t n, FILE *out);
void report_counts(const reporter *self, const sheaf_summary *summary, FILE *out);

/* `"name":"bytes"` */
void json_put(FILE *out, const char *name, const char *bytes, size_t n_bytes);

/* ---- faults.c ---- */

/* One more fault of a kind; counted among the last if there are too many kinds. */
kind_of_fault *count_fault(kind_of_fault *kinds, size_t *n_kinds, const char *code,
                           const sheaf_file *file);

void report_on_reject(void *context, const sheaf_reject *reject); /* for sheaf_ingest_options */

/* The file of which these are is done: were they set aside, or is it left out, and they with it? */
void faults_settle(reporter *self, bool are_set_aside);

/* The run failed before that: they are told of, but kept nowhere. */
void faults_abandon(reporter *self);

/* How many were not told of: "and 412 more like this (short), in 3 files". */
void report_folded(const reporter *self);

/* ---- sniff.c ---- */

/* `sheaf sniff`: the exit code. */
int sniff_run(const arguments *args, const sheaf_files *files, sheaf_trace *trace);

void report_check(const reporter *self, const sheaf_summary *summary, FILE *out);

/* ---- check.c ---- */

void check_on_file(void *context, const sheaf_file_report *report); /* for sheaf_ingest_options */
void check_on_reject(void *context, const sheaf_reject *reject);    /* the same */

/* ---- show.c ---- */

int show(const arguments *args); /* the exit code */

/* ---- retry.c ---- */

int retry(const arguments *args); /* the exit code */

/* ---- trace.c ---- */

/* The trace that is asked for, or NULL. False, after telling why: there is no file for it. */
bool trace_open(const arguments *args, const sheaf_files *files, sheaf_trace **trace, int *code);
/* Write it. What could not be is told, and changes nothing of what the command has done. */
void trace_close(sheaf_trace *trace);

/* ---- progress.c ---- */

/* Show how far `ingest` is, from a thread of its own, until progress_stop(). */
void progress_start(sheaf_ingest *ingest, const arguments *args);
void progress_stop(void);

/* Around anything else that is printed on stderr meanwhile. */
void progress_hide(void);
void progress_show(void);

/* 6,079,667 */
const char *format_count(uint64_t count, char *text, size_t size);

/* "371 MB": three digits, decimal units. */
const char *format_bytes(uint64_t bytes, char *text, size_t size);

/* ---- signals ---- */

/*
 * Of SIGINT, SIGTERM and SIGHUP the first cancels the run (NULL: who runs asks whether one came),
 * until it is let go; a second one kills.
 */
void signals_cancel(sheaf_ingest *ingest);
void signals_let_go(void);
bool signals_came(void);

/* Have the first handled otherwise; hold them back until `before` is put back; let them kill. */
void signals_handle(void (*on_signal)(int number));
void signals_block(sigset_t *before);
void signals_leave(void);

#endif
