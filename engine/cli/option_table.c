/* The tables, and --help, which is at most 80 columns wide. */
#include "engine/cli/option_table.h"

#include <string.h>

const option_info options[] = {
    {'o', "output", "DEST", FOR_OUTPUT, "x.db .parquet .arrow .csv[.gz] postgresql:// - null:"},
    {OPTION_TABLE, "table", "NAME", FOR_OUTPUT, "in a database (default: the file's name)"},
    {OPTION_IF_EXISTS, "if-exists", "fail|append|replace", FOR_INGEST,
     "when DEST is there already (fail)"},
    {OPTION_RESUME, "resume", NULL, FOR_INGEST, "append files that DEST's ledger does not have"},
    {OPTION_CHANGED, "changed", "refuse|replace|append", FOR_INGEST,
     "files changed since they were loaded (refuse)"},
    {OPTION_COMMIT, "commit", "per-load|per-file", FOR_INGEST, "what is all or nothing (per-load)"},
    {OPTION_INDEX, "index", "COL[,COL...]", FOR_INGEST,
     "an SQLite table gets, behind its rows; once for each"},
    {OPTION_CONNECTIONS, "connections", "N", FOR_INGEST,
     "to PostgreSQL, that write at once (1)"},
    {OPTION_LEDGER, "ledger", NULL, FOR_INGEST, "keep one beside a file, too: DEST.ledger.jsonl"},
    {OPTION_FORMAT, "format", "csv|tsv|jsonl|arrow", FOR_OUTPUT | FOR_CAT,
     "of what goes to stdout (csv)"},
    {OPTION_COMPRESSION, "compression", "zstd|snappy|none", FOR_INGEST,
     "of a Parquet file's pages (zstd)"},
    {'j', "workers", "N", FOR_ALL & ~FOR_BENCH, "how many read at once (one for each processor)"},
    {OPTION_EXECUTOR, "executor", "threads|processes|sequential", FOR_LOADS,
     "what the workers are (threads)"},
    {OPTION_ORDER, "order", "given|path|natural|mtime", FOR_ALL,
     "of the files, and so of the rows (given)"},
    {'0', "null-separated", NULL, FOR_ALL, "paths in an @list end with NUL, as from find -print0"},
    {OPTION_DELIM, "delim", "C", FOR_FILES, "separates fields: a character, tab (found out)"},
    {OPTION_QUOTE, "quote", "C", FOR_FILES, "around fields, or none (found out)"},
    {OPTION_ESCAPE, "escape", "C", FOR_FILES, "makes what follows text, or doubled (found out)"},
    {OPTION_COMMENT, "comment", "C", FOR_FILES,
     "begins lines that are no records, or none (found out)"},
    {OPTION_PADDING, "padding", "yes|no", FOR_FILES,
     "blanks around fields are no part of them (found out)"},
    {OPTION_SKIP, "skip", "N", FOR_FILES, "lines before the table (found out)"},
    {OPTION_HEADER, "header", "yes|no", FOR_FILES, "the first record has the names (found out)"},
    {OPTION_NO_SNIFF, "no-sniff", NULL, FOR_FILES, "what is not said is as RFC 4180 has it"},
    {OPTION_ENCODING, "encoding", "[PATTERN=]NAME", FOR_FILES,
     "of files, or of those called so (found out)"},
    {OPTION_COLUMNS, "columns", "union|common|first|strict", FOR_TABLES,
     "of the table: those of all files, ... (union)"},
    {OPTION_MATCH, "match", "exact|nocase|loose", FOR_TABLES,
     "of names; loose: nor blanks, punctuation (exact)"},
    {OPTION_SELECT, "select", "NAME[,NAME...]", FOR_TABLES, "these columns alone, in this order"},
    {OPTION_DROP, "drop", "NAME[,NAME...]", FOR_TABLES, "not these columns"},
    {OPTION_RENAME, "rename", "OLD=NEW", FOR_TABLES, "a column is called anew"},
    {OPTION_ADD, "add", "WHAT[=NAME][,...]", FOR_TABLES,
     "file, line, row: where each row comes from"},
    {OPTION_TYPE, "type", "NAME=TYPE", FOR_OUTPUT | FOR_SCHEMA | FOR_CHECK | FOR_BENCH,
     "of a column, whatever its values look like"},
    {OPTION_TEXT, "text", NULL, FOR_OUTPUT | FOR_SCHEMA | FOR_BENCH,
     "all columns are text, but for --type"},
    {OPTION_NULL, "null", "TOKEN", (FOR_ALL & ~FOR_COUNT) | FOR_RETRY,
     "fields with this text are null, too"},
    {OPTION_MAX_RECORD, "max-record", "BYTES", FOR_FILES | FOR_RETRY,
     "the largest record that is read (64M)"},
    {OPTION_MEMORY, "memory", "BYTES", FOR_LOADS | FOR_BENCH,
     "for rows that are read and not yet written (64M)"},
    {OPTION_ON_ERROR, "on-error", "quarantine|stop|skip-file", (FOR_LOADS | FOR_BENCH) & ~FOR_CHECK,
     "what a fault in a record does (quarantine)"},
    {OPTION_QUARANTINE, "quarantine", "FILE", FOR_INGEST | FOR_CAT | FOR_COUNT,
     "where records with faults go, as JSON lines"},
    {OPTION_FIX, "fix", "pad,trim,quotes", FOR_LOADS | FOR_RETRY | FOR_BENCH,
     "repair short or long records, open quotes"},
    {OPTION_MAX_ERRORS, "max-errors", "N|P%", FOR_LOADS | FOR_RETRY,
     "with more of them, nothing is committed"},
    {OPTION_PARSER, "parser", "scan|libcsv", FOR_LOADS | FOR_SHOW,
     "who finds the records, the same (scan)"},
    {OPTION_PROGRESS, "progress", "auto|plain|json|off", FOR_LOADS,
     "on stderr (auto: a bar on a terminal)"},
    {OPTION_TRACE, "trace", "FILE", (FOR_ALL & ~FOR_BENCH) | FOR_RETRY,
     "what each worker did when, for ui.perfetto.dev"},
    {OPTION_DIGEST, "digest", NULL, FOR_INGEST | FOR_CAT | FOR_COUNT | FOR_CHECK,
     "of the rows in their order, told at the end"},
    {OPTION_JSON, "json", NULL, (FOR_FILES & ~FOR_CAT) | FOR_RETRY,
     "the summary, or what is asked for, as JSON"},
    {OPTION_LINE, "line", "N", FOR_SHOW, "the record of this line, from 1"},
    {OPTION_RECORD, "record", "N", FOR_SHOW, "the record of this number, from 1; 0: the header"},
    {OPTION_OFFSET, "offset", "N", FOR_SHOW, "the record of this byte of the text, from 0"},
    {'o', "output", "DEST", FOR_BENCH, "load whole, into a temporary one of this kind (null:)"},
    {'j', "workers", "N[,N...]", FOR_BENCH, "how many read at once (1, 2, 4, ... processors)"},
    {OPTION_EXECUTOR, "executor", "KIND[,KIND...]", FOR_BENCH,
     "sequential, threads, processes (the first two)"},
    {OPTION_PARSER, "parser", "scan[,libcsv]", FOR_BENCH, "who finds the records (scan)"},
    {OPTION_CACHE, "cache", "warm|cold", FOR_BENCH, "where the files are before each run (warm)"},
    {OPTION_REPEAT, "repeat", "N", FOR_BENCH, "repetitions of each, in turns (5)"},
    {OPTION_CSV, "csv", "FILE", FOR_BENCH, "a row for each repetition"},
    {OPTION_CHART, "chart", "FILE.svg|png", FOR_BENCH, "a picture, drawn by gnuplot"},
    {OPTION_HTML, "html", "FILE", FOR_BENCH, "a page with picture, table and machine"},
    {'q', "quiet", NULL, FOR_ALL | FOR_RETRY, "errors only"},
    {'v', "verbose", NULL, FOR_ALL | FOR_RETRY, "tell of every file that is skipped"},
    {'h', "help", NULL, FOR_FILES | FOR_RETRY, "this text"},
    {OPTION_VERSION, "version", NULL, FOR_FILES | FOR_RETRY, "version and build"},
};

const size_t n_options = sizeof options / sizeof options[0];
_Static_assert(sizeof options / sizeof options[0] <= OPTIONS_MAX, "room for all of them");

const command_info commands[] = {
    {COMMAND_INGEST, "ingest", "sheaf ingest SRC... -o DEST",
     "gather files into one table, all or nothing"},
    {COMMAND_CAT, "cat", "sheaf cat SRC...", "the rows of all files, under one header"},
    {COMMAND_COUNT, "count", "sheaf count SRC...", "the records of each file, and of all"},
    {COMMAND_SCHEMA, "schema", "sheaf schema SRC...",
     "the columns of the united table, and their types"},
    {COMMAND_SNIFF, "sniff", "sheaf sniff SRC...",
     "the dialect, encoding and columns of each file"},
    {COMMAND_CHECK, "check", "sheaf check SRC...",
     "read everything, load nothing, tell every fault"},
    {COMMAND_SHOW, "show", "sheaf show FILE:LINE...",
     "one record as it stands there, and its fields"},
    {COMMAND_RETRY, "retry", "sheaf retry QUARANTINE [-o DEST]",
     "load what was mended in a quarantine"},
    {COMMAND_BENCH, "bench", "sheaf bench SRC...", "sequential against parallel reading, measured"},
    {COMMAND_HELP, "help", "sheaf help [COMMAND]", "about one command"},
};

const size_t n_commands = sizeof commands / sizeof commands[0];

/* ---- help ---- */

enum { LEFT_WIDTH = 24 };

static void print_option(FILE *out, const option_info *info)
{
    char left[64];
    char letter[8] = "    ";
    if (info->id < OPTION_TABLE)
        snprintf(letter, sizeof letter, "-%c, ", info->id);
    snprintf(left, sizeof left, "%s--%s %s", letter, info->name,
             info->argument ? info->argument : "");
    if (strlen(left) > LEFT_WIDTH)
        fprintf(out, "  %s\n  %*s %s\n", left, LEFT_WIDTH, "", info->help);
    else
        fprintf(out, "  %-*s %s\n", LEFT_WIDTH, left, info->help);
}

static void print_options(FILE *out, int mask)
{
    for (size_t i = 0; i < n_options; i++)
        if (options[i].commands & mask)
            print_option(out, &options[i]);
}

static const char sources_text[] =
    "SRC   a file | a directory: *.csv *.tsv *.txt, their .gz and .zst below it\n"
    "      'a/glob/**/*.csv' | - for stdin | @list: a file of paths, @- from stdin\n";

static const char quarantine_text[] =
    "QUARANTINE   x.db: its table x_quarantine, the records go back into the table x\n"
    "             postgresql://HOST/DATABASE --table x: the same there\n"
    "             x.csv.quarantine.jsonl, JSON lines: into DEST, which is new\n";

static const char exit_text[] =
    "exit  0 clean | 1 usage | 2 fault or I/O error, nothing committed\n"
    "      3 loaded, some records or files left out | 4 accounting failed (a bug)\n"
    "      130 interrupted, nothing committed\n";

static void print_command_help(FILE *out, const command_info *info)
{
    fprintf(out, "%s [OPTION...]\n%s\n\n%s\n", info->synopsis, info->help,
            info->command == COMMAND_RETRY ? quarantine_text : sources_text);
    print_options(out, 1 << info->command);
    fprintf(out, "\n%s", exit_text);
}

void help_print(FILE *out, command about)
{
    for (size_t i = 0; i < n_commands; i++) {
        if (commands[i].command == about && about != COMMAND_HELP) {
            print_command_help(out, &commands[i]);
            return;
        }
    }
    fputs("sheaf gathers many CSV files into one table: in parallel, in order,\n"
          "with every row accounted for.\n\n",
          out);
    for (size_t i = 0; i < n_commands; i++)
        fprintf(out, "%-28s %s\n", commands[i].synopsis, commands[i].help);
    fprintf(out, "\n%s\n", sources_text);
    print_options(out, (FOR_ALL & ~FOR_BENCH) | FOR_SHOW);
    fprintf(out, "\n%s\nman sheaf tells more.\n", exit_text);
}
