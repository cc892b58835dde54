/*
 * The command line. One table says which options there are, to whom they belong, and what --help
 * tells: option_table.h.
 *
 * Options and sources may be mixed; "--" ends the options. Long options may be shortened
 * (getopt_long(3)).
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"
#include "engine/cli/option_table.h"

int usage(const char *what, const char *value, const char *hint)
{
    char shown[256] = "";
    if (value)
        sheaf_text_escape(value, strlen(value), shown, sizeof shown);
    fprintf(stderr, "error: %s%s%s%s\n  help: %s\n", what, value ? " '" : "", shown,
            value ? "'" : "", hint);
    return EXIT_USAGE;
}

/* The position of a word in a list "a|b|c", or -1. */
static int choice(const char *list, const char *word)
{
    int position = 0;
    size_t length = strlen(word);
    for (const char *at = list;; position++) {
        size_t n = strcspn(at, "|");
        if (n == length && strncmp(at, word, n) == 0)
            return position;
        if (!at[n])
            return -1;
        at += n + 1;
    }
}

bool parse_count(const char *text, long most, long *value)
{
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    return errno == 0 && end != text && !*end && *value >= 1 && *value <= most;
}

/* "64M": a number, and k, M or G for powers of 1024. */
static bool parse_size(const char *text, size_t *value)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno || end == text || text[0] == '-')
        return false;
    int shift = *end == 'k' || *end == 'K'   ? 10
                : *end == 'M' || *end == 'm' ? 20
                : *end == 'G' || *end == 'g' ? 30
                                             : 0;
    if (shift)
        end++;
    if (*end || number == 0 || number > (1ULL << 30) >> shift)
        return false;
    *value = (size_t)number << shift;
    return true;
}

/* "100" or "0.5%"; --on-error stop allows none. */
static bool parse_errors(const char *text, sheaf_ingest_options *ingest)
{
    char *end;
    errno = 0;
    if (text[0] < '0' || text[0] > '9')
        return false;
    if (strchr(text, '%')) {
        ingest->rejects_percent_max = strtod(text, &end);
        return errno == 0 && strcmp(end, "%") == 0 && ingest->rejects_percent_max > 0 &&
               ingest->rejects_percent_max <= 100;
    }
    ingest->rejects_max = strtoull(text, &end, 10);
    return errno == 0 && !*end && ingest->rejects_max > 0;
}

static int set_choice(const option_info *info, const char *value, int *position)
{
    char what[64];
    *position = choice(info->argument, value);
    if (*position >= 0)
        return -1;
    snprintf(what, sizeof what, "--%s does not know", info->name);
    return usage(what, value, info->argument);
}

static int set_dialect(arguments *args, const option_info *info, const char *value)
{
    char what[64];
    const char *hint = dialect_set(&args->ingest.dialect, info->name, value);
    if (!hint)
        return -1;
    snprintf(what, sizeof what, "--%s does not take", info->name);
    return usage(what, value, hint);
}

/* "NAME=TYPE"; the name may hold a '='. */
static int add_type(arguments *args, char *value)
{
    static const char help[] = "--type zip=text; bool int64 float64 date timestamp timestamp_utc "
                               "time text";
    char *equals = strrchr(value, '=');
    sheaf_type type;
    if (!equals || equals == value)
        return usage("--type takes NAME=TYPE, not", value, help);
    if (!sheaf_type_parse(equals + 1, &type) || type == SHEAF_TYPE_NULL)
        return usage("--type does not know the type", equals + 1, help);
    *equals = '\0';
    args->types[args->ingest.n_types++] = (sheaf_column_type){.column = value, .type = type};
    return -1;
}

/* "latin1", or "*.txt=latin1"; the pattern may hold a '='. */
static int add_encoding(arguments *args, char *value)
{
    char *equals = strrchr(value, '=');
    if (equals)
        *equals = '\0';
    args->encodings[args->ingest.n_encodings++] = (sheaf_file_encoding){
        .pattern = equals ? value : NULL, .encoding = equals ? equals + 1 : value};
    return -1;
}

/* --line, --record, --offset: one of them. */
static int set_place(arguments *args, const option_info *info, const char *value)
{
    char *end;
    errno = 0;
    args->show_at = strtoull(value, &end, 10);
    args->show_by = info->id == OPTION_LINE     ? SHEAF_RECORD_BY_LINE
                    : info->id == OPTION_RECORD ? SHEAF_RECORD_BY_NUMBER
                                                : SHEAF_RECORD_BY_OFFSET;
    bool is_number = value[0] >= '0' && value[0] <= '9' && !*end && !errno;
    if (!is_number || (info->id == OPTION_LINE && args->show_at == 0))
        return usage("this is no line, record or byte:", value, "sheaf show trips.csv --line 39");
    if (args->has_place)
        return usage("show takes one of --line, --record and --offset", NULL,
                     "sheaf show trips.csv --line 39");
    args->has_place = true;
    return -1;
}

/* A list of columns: whether it was understood. */
static int list(const option_info *info, bool is_good, const char *given, const char *help)
{
    char what[64];
    if (is_good)
        return -1;
    snprintf(what, sizeof what, "--%s takes %s, not", info->name, info->argument);
    return usage(what, given, help);
}

static int add_columns(arguments *args, const option_info *info, char *value)
{
    char given[256]; /* it is written over */
    snprintf(given, sizeof given, "%s", value);
    switch (info->id) {
    case OPTION_SELECT:
        return list(info, names_add(&args->select, value), given, "--select 'id,\"a, b\"'");
    case OPTION_DROP:
        return list(info, names_add(&args->drop, value), given, "--drop 'id,\"a, b\"'");
    case OPTION_INDEX:
        return list(info, indexes_add(&args->indexes, value), given, "--index 'id,\"a, b\"'");
    case OPTION_RENAME:
        return list(info, renames_add(&args->renames, value), given, "--rename fare_usd=fare");
    default:
        return list(info, added_add(&args->added, value), given,
                    "--add file,line,row, or --add file=source; each once");
    }
}

/* "pad,quotes" */
static int add_fixes(arguments *args, const char *value)
{
    static const struct {
        const char *name;
        unsigned fix;
    } fixes[] = {{"pad", SHEAF_FIX_PAD}, {"trim", SHEAF_FIX_TRIM}, {"quotes", SHEAF_FIX_QUOTES}};
    for (const char *at = value;; at++) {
        size_t n = strcspn(at, ",");
        unsigned found = 0;
        for (size_t i = 0; i < sizeof fixes / sizeof fixes[0]; i++)
            if (strlen(fixes[i].name) == n && strncmp(at, fixes[i].name, n) == 0)
                found = fixes[i].fix;
        if (!found)
            return usage("--fix does not know", value,
                         "pad, trim, quotes, with commas between them");
        args->ingest.fixes |= found;
        at += n;
        if (!*at)
            return -1;
    }
}

/* An option that takes one of some words. */
static int apply_choice(arguments *args, const option_info *info, const char *value)
{
    static const sheaf_executor_kind executors[] = {
        SHEAF_EXECUTOR_THREADS, SHEAF_EXECUTOR_PROCESSES, SHEAF_EXECUTOR_SEQUENTIAL};
    static const sheaf_on_error on_errors[] = {SHEAF_ON_ERROR_QUARANTINE, SHEAF_ON_ERROR_STOP,
                                               SHEAF_ON_ERROR_SKIP_FILE};
    static const sheaf_if_exists if_exists[] = {SHEAF_IF_EXISTS_FAIL, SHEAF_IF_EXISTS_APPEND,
                                                SHEAF_IF_EXISTS_REPLACE};
    static const sheaf_changed changed[] = {SHEAF_CHANGED_REFUSE, SHEAF_CHANGED_REPLACE,
                                            SHEAF_CHANGED_APPEND};
    int position;
    int failure = set_choice(info, value, &position);
    if (failure >= 0)
        return failure;
    switch (info->id) {
    case OPTION_IF_EXISTS:
        args->ingest.if_exists = if_exists[position];
        break;
    case OPTION_CHANGED:
        args->ingest.changed = changed[position];
        break;
    case OPTION_COMMIT:
        args->ingest.commit = position == 0 ? SHEAF_COMMIT_PER_LOAD : SHEAF_COMMIT_PER_FILE;
        break;
    case OPTION_FORMAT:
        args->ingest.format = value;
        break;
    case OPTION_COMPRESSION:
        args->ingest.compression = value;
        break;
    case OPTION_EXECUTOR:
        args->ingest.executor = executors[position];
        break;
    case OPTION_PARSER:
        args->ingest.parser = position == 0 ? SHEAF_PARSER_SCAN : SHEAF_PARSER_LIBCSV;
        break;
    case OPTION_ORDER:
        args->discover.order = (sheaf_order)position;
        break;
    case OPTION_COLUMNS:
        args->ingest.columns = (sheaf_columns)position;
        break;
    case OPTION_MATCH:
        args->ingest.match = (sheaf_match)position;
        break;
    case OPTION_ON_ERROR:
        args->ingest.on_error = on_errors[position];
        break;
    case OPTION_PROGRESS:
        args->progress = (progress_mode)position;
        break;
    default:
        return set_dialect(args, info, value);
    }
    return -1;
}

/* An option that takes nothing. */
static int apply_flag(arguments *args, const option_info *info)
{
    switch (info->id) {
    case '0':
        args->discover.list_is_nul_separated = true;
        break;
    case OPTION_NO_SNIFF:
        args->no_sniff = true;
        break;
    case OPTION_TEXT:
        args->ingest.typing = SHEAF_TYPING_TEXT;
        break;
    case OPTION_DIGEST:
        args->ingest.digest = true;
        break;
    case OPTION_RESUME:
        args->ingest.resume = true;
        break;
    case OPTION_LEDGER:
        args->ingest.ledger = true;
        break;
    case OPTION_JSON:
        args->json = true;
        break;
    case 'q':
        args->quiet = true;
        break;
    case 'v':
        args->verbose = true;
        break;
    case 'h':
        args->help_about = args->command;
        args->command = COMMAND_HELP;
        break;
    case OPTION_VERSION:
        args->command = COMMAND_VERSION;
        break;
    default:
        break;
    }
    return -1;
}

/* One that takes a number or a size. */
static int apply_amount(arguments *args, const option_info *info, const char *value)
{
    long number;
    switch (info->id) {
    case 'j':
        if (!parse_count(value, 1024, &number))
            return usage("--workers takes a number from 1 to 1024, not", value,
                         "leave it out to use every processor");
        args->ingest.workers = (int)number;
        return -1;
    case OPTION_CONNECTIONS:
        if (!parse_count(value, 64, &number))
            return usage("--connections takes a number from 1 to 64, not", value,
                         "leave it out for one");
        args->ingest.connections = (int)number;
        return -1;
    case OPTION_MAX_RECORD:
        if (!parse_size(value, &args->ingest.record_bytes_max))
            return usage("--max-record takes a size up to 1G, not", value, "--max-record 256M");
        return -1;
    case OPTION_MEMORY:
        if (!parse_size(value, &args->ingest.memory_bytes) || args->ingest.memory_bytes < 1 << 20)
            return usage("--memory takes a size from 1M to 1G, not", value, "--memory 256M");
        return -1;
    case OPTION_MAX_ERRORS:
        if (!parse_errors(value, &args->ingest))
            return usage("--max-errors takes a number, or a percentage, not", value,
                         "--max-errors 100, or --max-errors 0.5%");
        return -1;
    default:
        return set_place(args, info, value);
    }
}

static int apply_text(arguments *args, const option_info *info, char *value)
{
    switch (info->id) {
    case 'o':
        args->ingest.destination = value;
        return -1;
    case OPTION_TABLE:
        args->ingest.table = value;
        return *value ? -1 : usage("--table needs a name", NULL, "--table trips");
    case OPTION_ENCODING:
        return add_encoding(args, value);
    case OPTION_SELECT:
    case OPTION_DROP:
    case OPTION_RENAME:
    case OPTION_ADD:
    case OPTION_INDEX:
        return add_columns(args, info, value);
    case OPTION_TYPE:
        return add_type(args, value);
    case OPTION_NULL:
        args->nulls[args->ingest.n_nulls++] = value;
        return -1;
    case OPTION_QUARANTINE:
        args->ingest.quarantine = value;
        return *value ? -1 : usage("--quarantine needs a file", NULL, "--quarantine bad.jsonl");
    case OPTION_TRACE:
        args->trace = value;
        return *value && strcmp(value, "-") != 0
                   ? -1
                   : usage("--trace needs a file", NULL, "--trace trace.json");
    case OPTION_FIX:
        return add_fixes(args, value);
    default:
        return set_dialect(args, info, value);
    }
}

/* One of `bench` alone. */
static int apply_bench(arguments *args, const option_info *info, char *value)
{
    int position = 0;
    int failure = info->id == OPTION_CACHE ? set_choice(info, value, &position) : -1;
    return failure >= 0 ? failure : bench_set(args, info, value, position);
}

static int apply(arguments *args, const option_info *info, char *value)
{
    if (info->commands == FOR_BENCH)
        return apply_bench(args, info, value);
    switch (info->id) {
    case 'j':
    case OPTION_CONNECTIONS:
    case OPTION_MAX_RECORD:
    case OPTION_MEMORY:
    case OPTION_MAX_ERRORS:
    case OPTION_LINE:
    case OPTION_RECORD:
    case OPTION_OFFSET:
        return apply_amount(args, info, value);
    default:
        return !info->argument               ? apply_flag(args, info)
               : strchr(info->argument, '|') ? apply_choice(args, info, value)
                                             : apply_text(args, info, value);
    }
}

static command command_of(const char *name)
{
    for (size_t i = 0; i < n_commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return commands[i].command;
    return COMMAND_NONE;
}

/* The command's own, if there are several of one name. */
static const option_info *info_of(int id, command asked)
{
    const option_info *found = NULL;
    for (size_t i = 0; i < n_options; i++)
        if (options[i].id == id && (!found || options[i].commands & 1 << asked))
            found = &options[i];
    return found;
}

static int parse_options(arguments *args, int argc, char **argv)
{
    struct option table[OPTIONS_MAX + 1] = {0};
    char letters[2 * OPTIONS_MAX + 2] = ":";
    for (size_t i = 0; i < n_options; i++) {
        table[i].name = options[i].name;
        table[i].has_arg = options[i].argument ? required_argument : no_argument;
        table[i].val = options[i].id;
        if (options[i].id < OPTION_TABLE)
            snprintf(letters + strlen(letters), 3, "%c%s", options[i].id,
                     options[i].argument ? ":" : "");
    }
    command asked = args->command;
    opterr = 0;
    for (int id; (id = getopt_long(argc, argv, letters, table, NULL)) != -1;) {
        const char letter[] = {'-', (char)optopt, '\0'};
        bool is_letter = (id == '?' || id == ':') && optopt > 0 && optopt < OPTION_TABLE;
        const char *shown = is_letter ? letter : argv[optind - 1];
        if (id == ':')
            return usage("this option needs a value:", shown, "sheaf --help shows which");
        const option_info *info = id == '?' ? NULL : info_of(id, asked);
        if (!info)
            return usage("there is no option", shown,
                         "sheaf --help lists them; ./-x names a file called -x");
        if (asked != COMMAND_NONE && !(info->commands & 1 << asked)) {
            char name[64]; /* what getopt has just read may be the option's value */
            snprintf(name, sizeof name, "--%s", info->name);
            return usage("this command has no option", name, "sheaf COMMAND --help lists its own");
        }
        int failure = apply(args, info, optarg);
        if (failure >= 0)
            return failure;
    }
    return -1;
}

int arguments_parse(arguments *args, int argc, char **argv)
{
    *args = (arguments){.discover = {.size = sizeof args->discover},
                        .ingest = {.size = sizeof args->ingest}};
    if (argc < 2)
        return usage("no command was given", NULL,
                     "sheaf ingest SRC... -o DEST; sheaf --help tells more");
    if (argv[1][0] != '-') {
        args->command = command_of(argv[1]);
        if (args->command == COMMAND_NONE)
            return usage("there is no command", argv[1],
                         "sheaf ingest SRC... -o DEST; sheaf --help lists them");
        argc--;
        argv++;
    }
    args->types = calloc((size_t)argc, sizeof *args->types);
    args->nulls = calloc((size_t)argc, sizeof *args->nulls);
    args->encodings = calloc((size_t)argc, sizeof *args->encodings);
    args->ingest.types = args->types;
    args->ingest.encodings = args->encodings;
    args->ingest.nulls = args->nulls;
    if (!args->types || !args->nulls || !args->encodings || !lists_reserve(args, argc, argv) ||
        !bench_remember(args, argc, argv)) {
        fputs("error: no memory for the options\n  help: free memory\n", stderr);
        return EXIT_FAULT;
    }
    if (args->command == COMMAND_HELP) {
        args->help_about = argc > 1 ? command_of(argv[1]) : COMMAND_NONE;
        if (argc > 1 && args->help_about == COMMAND_NONE)
            return usage("there is no command", argv[1], "sheaf --help lists them");
        return -1;
    }
    int failure = parse_options(args, argc, argv);
    if (failure >= 0 || args->command == COMMAND_HELP || args->command == COMMAND_VERSION)
        return failure;
    if (args->command == COMMAND_NONE)
        return usage("no command was given", NULL,
                     "sheaf ingest SRC... -o DEST; sheaf --help tells more");
    args->ingest.select = args->select.items;
    args->ingest.n_select = args->select.n;
    args->ingest.drop = args->drop.items;
    args->ingest.n_drop = args->drop.n;
    args->ingest.renames = args->renames.items;
    args->ingest.n_renames = args->renames.n;
    args->ingest.added = args->added.items;
    args->ingest.n_added = args->added.n;
    args->ingest.indexes = args->indexes.items;
    args->ingest.n_indexes = args->indexes.n;
    args->sources = (const char *const *)(argv + optind);
    args->n_sources = (size_t)(argc - optind);
    if (args->n_sources == 0)
        return usage("there is nothing to read", NULL,
                     "name files, directories, 'globs', @lists, or - for stdin");
    if (args->command == COMMAND_RETRY)
        return args->n_sources == 1
                   ? -1
                   : usage("retry takes one quarantine", NULL,
                           "sheaf retry x.db; sheaf retry postgresql://... --table t; "
                           "sheaf retry x.csv.quarantine.jsonl -o more.csv");
    if (args->command == COMMAND_INGEST && !args->ingest.destination)
        return usage("ingest needs a destination", NULL, "-o trips.db");
    if (args->command == COMMAND_BENCH) {
        int impossible = bench_complete(args);
        if (impossible >= 0)
            return impossible;
    } else if (args->command != COMMAND_INGEST && args->command != COMMAND_SHOW)
        args->ingest.destination = args->command == COMMAND_CAT ? "-" : "null:";
    if (args->no_sniff)
        dialect_leave_nothing_open(&args->ingest.dialect);
    bool is_check = args->command == COMMAND_CHECK;
    if (args->command == COMMAND_COUNT || is_check) /* what they tell does not depend on types */
        args->ingest.typing = SHEAF_TYPING_TEXT;
    if (is_check)
        args->ingest.on_error = SHEAF_ON_ERROR_CONTINUE;
    return -1;
}

void arguments_free(arguments *args)
{
    free(args->types);
    free(args->nulls);
    free(args->encodings);
    free(args->bench.command);
    free(args->select.items);
    free(args->drop.items);
    free(args->renames.items);
    indexes_free(&args->indexes);
}
