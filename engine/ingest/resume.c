/* Which files of a load its destination has already: see resume.h. */
#include "engine/ingest/resume.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/ingest/verify.h"

#define LAST_SECOND 253402300799 /* of the year 9999 */

/* ---- what is asked for ---- */

static sheaf_status refuse(const char *what, const char *hint, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EINVAL, "%s", what);
    sheaf_error_hint(err, "%s", hint);
    return SHEAF_EINVAL;
}

static bool is_database(sheaf__sink_kind kind)
{
    return kind == SHEAF__SINK_SQLITE || kind == SHEAF__SINK_POSTGRES;
}

static sheaf_status check_per_file(const sheaf_ingest_options *options, sheaf__sink_kind kind,
                                   sheaf_error *err)
{
    if (!is_database(kind))
        return refuse("only a database can commit one file after the other",
                      "-o x.db, or leave out --commit per-file", err);
    if (options->if_exists == SHEAF_IF_EXISTS_REPLACE)
        return refuse("what is replaced would be gone before all files are there",
                      "--commit per-file goes with --resume, and with a new table", err);
    if (options->quarantine || options->rejects_percent_max > 0)
        return refuse("a quarantine in a file, and a share of all records, are of a whole load",
                      "--commit per-file goes with the quarantine in the database, and with a "
                      "number: --max-errors 100",
                      err);
    return SHEAF_OK;
}

/* What is in columns has an end behind which nothing can be put. */
static bool is_closed(const sheaf__sink_target *target)
{
    return target->kind == SHEAF__SINK_FILE && target->format > SHEAF__JSONL;
}

/* The column that tells which file a row is from, if there is to be one, and its name is free. */
static const char *file_column(const sheaf_added_column *added, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (added[i].origin == SHEAF_ORIGIN_FILE)
            return added[i].name ? added[i].name : "file";
    return NULL;
}

sheaf_status sheaf__resume_check(const sheaf_ingest_options *options,
                                 const sheaf__sink_target *target, sheaf_error *err)
{
    sheaf__sink_kind kind = target->kind;
    bool appends = sheaf__resume_if_exists(options) == SHEAF_IF_EXISTS_APPEND;
    bool has_ledger = is_database(kind) || kind == SHEAF__SINK_FILE;
    if ((unsigned)options->if_exists > SHEAF_IF_EXISTS_APPEND ||
        (unsigned)options->changed > SHEAF_CHANGED_APPEND ||
        (unsigned)options->commit > SHEAF_COMMIT_PER_FILE)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "there is no such way to load into what is there");
    if (!has_ledger && (options->ledger || appends))
        return refuse("this destination keeps no ledger, and nothing that is there",
                      "--resume, --ledger and --if-exists append are for databases and files", err);
    if (options->resume && options->if_exists == SHEAF_IF_EXISTS_REPLACE)
        return refuse("a load cannot go on with rows that it replaces",
                      "--resume without --if-exists replace", err);
    if (options->changed != SHEAF_CHANGED_REFUSE && !appends)
        return refuse("which files were changed is known to a ledger alone",
                      "--changed goes with --resume, or --if-exists append", err);
    if (options->changed != SHEAF_CHANGED_REFUSE && is_closed(target))
        return refuse("nothing can be put behind what such a file holds",
                      "--if-exists replace --ledger loads all anew", err);
    if (options->changed == SHEAF_CHANGED_REPLACE && kind == SHEAF__SINK_FILE)
        return refuse("the rows of one file cannot be replaced in a file",
                      "--changed append loads it beside them, --if-exists replace all anew", err);
    if (options->changed == SHEAF_CHANGED_REPLACE && kind == SHEAF__SINK_POSTGRES &&
        !file_column(options->added, options->n_added))
        return refuse("the rows of one file are known in a table of PostgreSQL by a column that "
                      "tells of it",
                      "--add file, if the table was loaded with it, or --add file=NAME; "
                      "--changed append loads it beside them, --if-exists replace all anew",
                      err);
    return options->commit == SHEAF_COMMIT_PER_FILE ? check_per_file(options, kind, err) : SHEAF_OK;
}

sheaf_if_exists sheaf__resume_if_exists(const sheaf_ingest_options *options)
{
    return options->resume && options->if_exists == SHEAF_IF_EXISTS_FAIL ? SHEAF_IF_EXISTS_APPEND
                                                                         : options->if_exists;
}

/* ---- what the destination holds ---- */

/* Of a file a ledger is kept if that is asked for, or if one was kept before. */
static sheaf_status open_sidecar(sheaf__load *load, const sheaf_ingest *ingest, bool *keeps,
                                 sheaf_error *err)
{
    struct sheaf__resume *self = load->resume;
    bool appends = ingest->target.if_exists == SHEAF_IF_EXISTS_APPEND;
    sheaf_status status = sheaf__sidecar_init(&self->sidecar, ingest->target.path,
                                              ingest->target.stop, err);
    *keeps = appends || load->options->ledger;
    bool is_there = true;
    if (status == SHEAF_OK && !*keeps)
        status = sheaf__sidecar_look(&self->sidecar, &is_there, err);
    if (status < 0 || !is_there)
        return status;
    status = sheaf__sidecar_read(&self->sidecar, &self->held, err);
    *keeps |= status == SHEAF_OK;
    if (status >= 0 || appends || status == SHEAF_ENOMEM)
        return status;
    /* It is replaced, and what it was does not matter. */
    bool exists = self->held.exists;
    sheaf__ledger_end(&self->held);
    status = sheaf__ledger_init(&self->held, err);
    self->held.exists = exists;
    return status;
}

static sheaf_status find_held(sheaf__load *load, const sheaf_ingest *ingest, bool *keeps,
                              sheaf_error *err)
{
    struct sheaf__resume *self = load->resume;
    if (ingest->target.kind == SHEAF__SINK_FILE)
        return open_sidecar(load, ingest, keeps, err);
    *keeps = load->sink->ops->held;
    return *keeps ? load->sink->ops->held(load->sink, &self->held, err) : SHEAF_OK;
}

/* The path of a server may have a password. */
static sheaf_status refuse_unknown(const sheaf__load *load, const sheaf_ingest *ingest,
                                   sheaf_error *err)
{
    bool is_file = ingest->target.kind == SHEAF__SINK_FILE;
    bool is_server = ingest->target.kind == SHEAF__SINK_POSTGRES;
    sheaf_error_set(err, SHEAF_EEXIST,
                    "the destination has rows, but no ledger that tells of which files");
    sheaf__error_source(err, is_server ? load->sink->label : ingest->target.path);
    sheaf_error_hint(err, is_file ? "load it anew: --if-exists replace --ledger"
                                  : "--if-exists append puts all rows behind them and begins one, "
                                    "--if-exists replace loads anew");
    return SHEAF_EEXIST;
}

/* ---- which files are new ---- */

typedef enum verdict { IS_NEW, IS_SAME, IS_CHANGED } verdict;

/* Many files stand in one directory: the real path of the one before was found, and is known. */
static const char *real_path_beside(struct sheaf__resume *self, const char *path)
{
    struct stat st;
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n_directory = slash ? (size_t)(slash - path) : 0;
    if (!self->directory || !slash || strncmp(path, self->directory, n_directory) != 0 ||
        self->directory[n_directory] || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return NULL;
    int n = snprintf(real, sizeof real, "%s%s", self->real_directory, slash);
    return n > 0 && (size_t)n < sizeof real ? sheaf__arena_copy(self->held.arena, real, (size_t)n)
                                            : NULL;
}

/* A file that is not a link: its directory's real path is its own, without its name. */
static void note_directory(struct sheaf__resume *self, const char *path, const char *real)
{
    struct stat st;
    const char *slash = strrchr(path, '/');
    const char *real_slash = strrchr(real, '/');
    self->directory = NULL;
    if (!slash || lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return;
    self->directory = sheaf__arena_copy(self->held.arena, path, (size_t)(slash - path));
    self->real_directory = sheaf__arena_copy(self->held.arena, real, (size_t)(real_slash - real));
    if (!self->real_directory)
        self->directory = NULL;
}

/*
 * What a file is called in the ledger. Never another name because something failed: by that the
 * next run would not know the file again, and load it twice. OK, ENOMEM, and what realpath() fails
 * with.
 */
static sheaf_status real_path(struct sheaf__resume *self, const sheaf_file *found,
                              const char **path, sheaf_error *err)
{
    bool is_regular = found->kind == SHEAF_FILE_REGULAR;
    *path = is_regular ? real_path_beside(self, found->path) : NULL;
    if (*path)
        return SHEAF_OK;
    char *real = is_regular ? realpath(found->path, NULL) : NULL;
    if (is_regular && !real && errno != ENOENT) /* one that is gone is not loaded, either */
        return sheaf__error_system(err, errno, "cannot find out what the file is really called",
                                   found->path);
    const char *told = real ? real : found->path;
    *path = sheaf__arena_copy(self->held.arena, told, strlen(told));
    if (real && *path)
        note_directory(self, found->path, real);
    free(real);
    return *path ? SHEAF_OK : sheaf__error_memory(err, "a ledger");
}

/* Its time may be another one: the next load need not look at its content again. */
static sheaf_status touch(sheaf__load *load, const sheaf__ledger_file *entry,
                          const sheaf_file *found, sheaf_error *err)
{
    struct sheaf__resume *self = load->resume;
    sheaf__ledger_file *own = &self->held.files[entry - self->held.files];
    if (!sheaf__content_is_settled(found->mtime_ns))
        return SHEAF_OK;
    own->mtime_ns = found->mtime_ns;
    own->is_settled = true;
    return load->sink->ops->touch ? load->sink->ops->touch(load->sink, entry, found->mtime_ns, err)
                                  : SHEAF_OK;
}

static sheaf_status judge(sheaf__load *load, const sheaf_file *found, const char *path,
                          const sheaf__ledger_file **entry, verdict *is, sheaf_error *err)
{
    uint64_t content;
    *is = IS_NEW;
    *entry = NULL;
    if (found->kind != SHEAF_FILE_REGULAR)
        return SHEAF_OK; /* nobody knows what a stream will say */
    *entry = sheaf__ledger_find(&load->resume->held, path);
    if (!*entry)
        return SHEAF_OK;
    *is = IS_CHANGED;
    if (!(*entry)->has_content || (*entry)->size_bytes != found->size_bytes)
        return SHEAF_OK;
    *is = IS_SAME;
    if ((*entry)->is_settled && (*entry)->mtime_ns == found->mtime_ns)
        return SHEAF_OK;
    sheaf_status status = sheaf__content_of(found->path, found, found->size_bytes, &content, err);
    if (status == SHEAF_OK && content != (*entry)->content)
        *is = IS_CHANGED;
    else if (status == SHEAF_OK)
        status = touch(load, *entry, found, err);
    return status;
}

static sheaf_status refuse_changed(const sheaf__load *load, const sheaf_file *first, size_t n,
                                   sheaf_error *err)
{
    const sheaf__sink *sink = load->sink;
    bool can_replace = sink->ops->forget && (!sink->forgets_by_column || sink->file_column);
    if (n == 1)
        sheaf_error_set(err, SHEAF_ECHANGED, "the file was changed since it was loaded");
    else
        sheaf_error_set(err, SHEAF_ECHANGED,
                        "%zu files were changed since they were loaded, the first of them this one",
                        n);
    sheaf__error_source(err, first->path);
    if (load->resume->is_closed)
        sheaf_error_hint(err, "--if-exists replace --ledger loads all anew");
    else
        sheaf_error_hint(err, "--changed append loads all of it beside the rows that it had%s",
                         can_replace ? ", --changed replace in their place" : "");
    return SHEAF_ECHANGED;
}

/* Files are new, but of this destination it can be known only whether any is. */
static sheaf_status refuse_new(const sheaf__load *load, const sheaf_ingest *ingest,
                               sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EEXIST,
                    "%zu %s not there yet, and nothing can be put behind what such a file holds",
                    load->n_files, load->n_files == 1 ? "file is" : "files are");
    sheaf__error_source(err, ingest->target.path);
    sheaf_error_hint(err, "--if-exists replace --ledger loads all anew");
    return SHEAF_EEXIST;
}

sheaf_status sheaf__resume_forget(sheaf__load *load, const char *path, sheaf_error *err)
{
    struct sheaf__resume *self = load->resume;
    const sheaf__ledger_file *entry = sheaf__ledger_find(&self->held, path);
    bool done = true;
    sheaf_status status = SHEAF_OK;
    for (; entry && status == SHEAF_OK; entry = sheaf__ledger_previous(&self->held, entry)) {
        bool *is_forgotten = &self->is_forgotten[entry - self->held.files];
        if (*is_forgotten)
            return SHEAF_OK;
        status = load->sink->ops->forget(load->sink, entry, &done, err);
        if (status < 0 || !done)
            break;
        *is_forgotten = true;
        load->summary->files_replaced++;
        load->summary->rows_replaced += entry->loaded;
    }
    if (status < 0 || done)
        return status;
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "it cannot be said which rows are the file's: the table is not what its ledger "
                    "tells of");
    sheaf__error_source(err, entry->file);
    sheaf_error_hint(err, "rows were added or deleted by others; --changed append loads it beside "
                          "them, --if-exists replace loads all anew");
    return SHEAF_ECHANGED;
}

/* Files of the ledger that are no more: what they gave stays. */
static void count_gone(sheaf__load *load)
{
    const sheaf__ledger *held = &load->resume->held;
    struct stat st;
    for (size_t i = 0; i < held->paths.n_items; i++) {
        const sheaf__ledger_file *file = &held->files[held->newest[i]];
        load->summary->files_gone += file->size_bytes != SHEAF_UNKNOWN &&
                                     stat(file->path, &st) != 0 &&
                                     (errno == ENOENT || errno == ENOTDIR);
    }
}

/* The files that are new stay, in their order. */
static sheaf_status choose_files(sheaf__load *load, sheaf_error *err)
{
    struct sheaf__resume *self = load->resume;
    const sheaf_file *first_changed = NULL;
    bool replaces = load->options->changed == SHEAF_CHANGED_REPLACE;
    size_t n_changed = 0;
    size_t n = 0;
    for (size_t i = 0; i < load->n_files; i++) {
        const sheaf_file *found = load->states[i].found;
        const sheaf__ledger_file *entry;
        verdict is = IS_NEW;
        const char *path;
        sheaf_status status = real_path(self, found, &path, err);
        if (status == SHEAF_OK)
            status = judge(load, found, path, &entry, &is, err);
        if (status == SHEAF_OK && is == IS_CHANGED && replaces && !self->per_file)
            status = sheaf__resume_forget(load, path, err);
        if (status < 0)
            return status;
        if (is == IS_SAME) {
            load->summary->files_unchanged++;
            continue;
        }
        n_changed += is == IS_CHANGED;
        if (is == IS_CHANGED && !first_changed)
            first_changed = found;
        load->states[n] = load->states[i];
        self->files[n++] = (sheaf__resume_file){.entry = {.path = path},
                                                .replaces = is == IS_CHANGED && replaces};
    }
    load->n_files = n;
    if (n_changed > 0 && load->options->changed == SHEAF_CHANGED_REFUSE)
        return refuse_changed(load, first_changed, n_changed, err);
    return SHEAF_OK;
}

/* ---- columns ---- */

/* Types of the table's columns are asked for, of whoever did not ask for others. */
static sheaf_status ask_types(sheaf__load *load, sheaf_error *err)
{
    const sheaf__ledger *held = &load->resume->held;
    sheaf__asked_types *asked = &load->typing.asked;
    sheaf_arena *arena = load->resume->held.arena;
    sheaf__asked_type *items = sheaf_arena_new(arena, sheaf__asked_type,
                                               held->n_columns + asked->n);
    size_t n = 0;
    if (!items)
        return sheaf__error_memory(err, "the types");
    for (size_t i = 0; i < held->n_columns; i++)
        if (held->columns[i].type != SHEAF_TYPE_NULL)
            items[n++] = (sheaf__asked_type){
                .column = held->columns[i].name, .type = held->columns[i].type, .by_table = true};
    for (size_t i = 0; i < asked->n; i++)
        items[n++] = asked->items[i];
    *asked = (sheaf__asked_types){.items = items, .n = n};
    load->surveys |= n > 0;
    return SHEAF_OK;
}

/* A file's columns are there from the beginning; those that are added come behind all others. */
static sheaf_status seed_columns(sheaf__load *load, sheaf_error *err)
{
    const sheaf__ledger *held = &load->resume->held;
    size_t n_added = load->typing.rules.n_added;
    size_t n = held->n_columns > n_added ? held->n_columns - n_added : 0;
    for (size_t i = 0; i < n; i++)
        if (sheaf__schema_seed(&load->schema, held->columns[i].name, held->columns[i].n_name) < 0)
            return sheaf__error_memory(err, "the columns");
    return SHEAF_OK;
}

static bool is_selected(const sheaf__load *load, const char *column)
{
    const sheaf__name_list *select = &load->typing.rules.select;
    size_t i = 0;
    while (i < select->n && strcmp(select->items[i], column) != 0)
        i++;
    return i < select->n;
}

/*
 * A column that is selected and that the table has need not be in the files that are new: of them
 * it is null. Not where their own columns decide which there are.
 */
static sheaf_status seed_selected(sheaf__load *load, sheaf_error *err)
{
    const sheaf__ledger *held = &load->resume->held;
    if (load->typing.rules.columns != SHEAF_COLUMNS_UNION)
        return SHEAF_OK;
    for (size_t i = 0; i < held->n_columns; i++)
        if (is_selected(load, held->columns[i].name) &&
            sheaf__schema_seed(&load->schema, held->columns[i].name, held->columns[i].n_name) < 0)
            return sheaf__error_memory(err, "the columns");
    return SHEAF_OK;
}

/* Added columns come last, under names that are free. */
static void name_file_column(sheaf__load *load)
{
    const sheaf__schema *schema = &load->schema;
    for (size_t i = 0; i < schema->n_added; i++)
        if (schema->rules->added[i].origin == SHEAF_ORIGIN_FILE)
            load->sink->file_column =
                schema->table->items[schema->table->n_items - schema->n_added + i].bytes;
}

sheaf_status sheaf__resume_check_columns(sheaf__load *load, sheaf_error *err)
{
    const sheaf__names *table = load->schema.table;
    if (load->sink)
        name_file_column(load);
    if (!load->resume || !load->appends || !load->resume->sidecar.destination)
        return SHEAF_OK;
    const sheaf__ledger *held = &load->resume->held;
    size_t n = held->n_columns < table->n_items ? held->n_columns : table->n_items;
    size_t i = 0;
    while (i < n && held->columns[i].n_name == table->items[i].n_bytes &&
           memcmp(held->columns[i].name, table->items[i].bytes, table->items[i].n_bytes) == 0)
        i++;
    if (i == held->n_columns && i == table->n_items)
        return SHEAF_OK;
    char shown[120] = "";
    if (i < table->n_items)
        sheaf_text_escape(table->items[i].bytes, table->items[i].n_bytes, shown, sizeof shown);
    sheaf_error_set(err, SHEAF_ECOLUMNS,
                    i < table->n_items
                        ? "the destination has %zu columns, and not '%s' as column %zu of them"
                        : "the destination has %zu columns, more than these files%s (%zu)",
                    held->n_columns, shown, i + (i < table->n_items));
    sheaf_error_hint(err, "--drop leaves a column out, --rename calls it as the destination does; "
                          "--if-exists replace loads all anew");
    return SHEAF_ECOLUMNS;
}

/* ---- all of it ---- */

static sheaf_status plan(sheaf__load *load, const sheaf_ingest *ingest, sheaf_error *err)
{
    struct sheaf__resume *self = load->resume;
    bool appends = ingest->target.if_exists == SHEAF_IF_EXISTS_APPEND;
    bool is_file = ingest->target.kind == SHEAF__SINK_FILE;
    bool must_know = load->options->resume || is_file;
    sheaf_status status = SHEAF_OK;
    if (appends && self->held.exists && !self->held.is_known && must_know)
        return refuse_unknown(load, ingest, err);
    load->appends = appends && self->held.exists;
    self->is_closed = is_closed(&ingest->target);
    load->sink->file_column = file_column(load->options->added, load->options->n_added);
    if (!load->appends) { /* all files are new, whatever was there */
        for (size_t i = 0; i < load->n_files && status == SHEAF_OK; i++)
            status = real_path(self, load->states[i].found, &self->files[i].entry.path, err);
        return status;
    }
    status = choose_files(load, err);
    if (status < 0)
        return status;
    count_gone(load);
    load->summary->workers = 1; /* if there is nothing to read */
    if (load->n_files == 0)
        return SHEAF_END;
    if (self->is_closed)
        return refuse_new(load, ingest, err);
    if (is_file)
        return seed_columns(load, err);
    status = seed_selected(load, err);
    return status == SHEAF_OK ? ask_types(load, err) : status;
}

/* Now, or what is to stand there instead, for who wants the same bytes again. OK, EINVAL. */
static sheaf_status note_time(struct sheaf__resume *self, sheaf_error *err)
{
    struct tm utc;
    const char *told = getenv("SOURCE_DATE_EPOCH");
    long long seconds = told ? strtoll(told, NULL, 10) : (long long)time(NULL);
    if (told && (!*told || told[strspn(told, "0123456789")] || seconds > LAST_SECOND))
        return refuse("SOURCE_DATE_EPOCH is no number of seconds since 1970",
                      "unset it, or: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)", err);
    time_t at = (time_t)seconds;
    strftime(self->loaded_at, sizeof self->loaded_at, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &utc));
    return SHEAF_OK;
}

sheaf_status sheaf__resume_plan(sheaf__load *load, const sheaf_ingest *ingest, sheaf_error *err)
{
    bool keeps = false;
    if (!load->commits)
        return SHEAF_OK;
    load->resume = calloc(1, sizeof *load->resume);
    if (!load->resume)
        return sheaf__error_memory(err, "a ledger");
    struct sheaf__resume *self = load->resume;
    self->per_file = load->options->commit == SHEAF_COMMIT_PER_FILE;
    self->files = calloc(load->n_files + 1, sizeof *self->files);
    sheaf_status status = sheaf__ledger_init(&self->held, err);
    if (!self->files)
        status = sheaf__error_memory(err, "a ledger");
    if (status == SHEAF_OK)
        status = find_held(load, ingest, &keeps, err);
    if (status == SHEAF_OK && keeps)
        status = note_time(self, err);
    if (status == SHEAF_OK && keeps) {
        self->is_forgotten = calloc(self->held.n_files + 1, sizeof *self->is_forgotten);
        status = self->is_forgotten ? plan(load, ingest, err)
                                    : sheaf__error_memory(err, "a ledger");
    } else if (!keeps) {
        sheaf__resume_end(load);
    }
    return status;
}

void sheaf__resume_end(sheaf__load *load)
{
    struct sheaf__resume *self = load->resume;
    if (!self)
        return;
    sheaf__ledger_end(&self->held);
    sheaf__sidecar_end(&self->sidecar);
    free(self->is_forgotten);
    free(self->files);
    free(self);
    load->resume = NULL;
}
