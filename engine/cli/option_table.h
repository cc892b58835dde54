/* Which options and commands there are: for who parses them, and for --help. */
#ifndef SHEAF_CLI_OPTION_TABLE_H
#define SHEAF_CLI_OPTION_TABLE_H

#include "engine/cli/cli.h"

enum {
    FOR_INGEST = 1 << COMMAND_INGEST,
    FOR_CAT = 1 << COMMAND_CAT,
    FOR_COUNT = 1 << COMMAND_COUNT,
    FOR_SCHEMA = 1 << COMMAND_SCHEMA,
    FOR_SNIFF = 1 << COMMAND_SNIFF,
    FOR_CHECK = 1 << COMMAND_CHECK,
    FOR_LOADS = FOR_INGEST | FOR_CAT | FOR_COUNT | FOR_SCHEMA | FOR_CHECK,
    FOR_SHOW = 1 << COMMAND_SHOW,
    FOR_RETRY = 1 << COMMAND_RETRY,
    FOR_BENCH = 1 << COMMAND_BENCH,
    FOR_OUTPUT = FOR_INGEST | FOR_RETRY,
    FOR_ALL = FOR_LOADS | FOR_SNIFF | FOR_BENCH,
    FOR_FILES = FOR_ALL | FOR_SHOW,
    FOR_TABLES = FOR_INGEST | FOR_CAT | FOR_SCHEMA | FOR_BENCH
};

/* Options without a letter, numbered behind all letters. */
enum {
    OPTION_TABLE = 256,
    OPTION_IF_EXISTS,
    OPTION_RESUME,
    OPTION_CHANGED,
    OPTION_COMMIT,
    OPTION_LEDGER,
    OPTION_FORMAT,
    OPTION_COMPRESSION,
    OPTION_INDEX,
    OPTION_CONNECTIONS,
    OPTION_ORDER,
    OPTION_DELIM,
    OPTION_QUOTE,
    OPTION_ESCAPE,
    OPTION_COMMENT,
    OPTION_PADDING,
    OPTION_SKIP,
    OPTION_HEADER,
    OPTION_NO_SNIFF,
    OPTION_ENCODING,
    OPTION_COLUMNS,
    OPTION_MATCH,
    OPTION_SELECT,
    OPTION_DROP,
    OPTION_RENAME,
    OPTION_ADD,
    OPTION_TYPE,
    OPTION_TEXT,
    OPTION_NULL,
    OPTION_ON_ERROR,
    OPTION_FIX,
    OPTION_MAX_ERRORS,
    OPTION_QUARANTINE,
    OPTION_MAX_RECORD,
    OPTION_MEMORY,
    OPTION_EXECUTOR,
    OPTION_PARSER,
    OPTION_PROGRESS,
    OPTION_TRACE,
    OPTION_DIGEST,
    OPTION_LINE,
    OPTION_RECORD,
    OPTION_OFFSET,
    OPTION_JSON,
    OPTION_CACHE,
    OPTION_REPEAT,
    OPTION_CSV,
    OPTION_CHART,
    OPTION_HTML,
    OPTION_VERSION
};

typedef struct option_info {
    int id; /* the letter, or one of the above */
    const char *name;
    const char *argument; /* NULL: it takes none */
    int commands;
    const char *help;
} option_info;

typedef struct command_info {
    command command;
    const char *name;
    const char *synopsis;
    const char *help;
} command_info;

extern const option_info options[];
extern const size_t n_options;
enum { OPTIONS_MAX = 80 };

extern const command_info commands[];
extern const size_t n_commands;

#endif
