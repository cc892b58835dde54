/*
 * Records that were set aside, from a chunk to where they belong: the quarantine, whoever wants to
 * be told, and the account. See load.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/path.h"
#include "engine/ingest/presume.h"
#include "engine/ingest/rejects.h"
#include "engine/ingest/resume.h"
#include "readers/repair.h"

static const char beside[] = ".quarantine.jsonl";

/* ---- options ---- */

static bool have_place(const sheaf_ingest_options *options, bool is_stream)
{
    return !is_stream || options->on_reject || options->quarantine;
}

bool sheaf__rejects_are_kept(const sheaf_ingest_options *options, bool is_stream)
{
    return options->on_error >= SHEAF_ON_ERROR_QUARANTINE ||
           (options->on_error == SHEAF_ON_ERROR_DEFAULT && have_place(options, is_stream));
}

sheaf_status sheaf__rejects_check(const sheaf_ingest_options *options, bool is_stream,
                                  sheaf_error *err)
{
    if (sheaf__rejects_are_kept(options, is_stream)) {
        if (have_place(options, is_stream))
            return SHEAF_OK;
        sheaf_error_set(err, SHEAF_EINVAL, "a stream has no place for records with faults");
        sheaf_error_hint(err, "name a file for them (quarantine), or take them (on_reject)");
    } else if (options->quarantine) {
        sheaf_error_set(err, SHEAF_EINVAL, "no record is set aside: there is no quarantine");
        sheaf_error_hint(err, "--quarantine goes with --on-error quarantine, the default");
    } else if (options->rejects_max > 0 || options->rejects_percent_max > 0) {
        sheaf_error_set(err, SHEAF_EINVAL, "no record is set aside: there is nothing to limit");
        sheaf_error_hint(err, "--max-errors goes with --on-error quarantine, the default");
    } else {
        return SHEAF_OK;
    }
    return SHEAF_EINVAL;
}

/* ---- where they go ---- */

static sheaf_status refuse(const char *path, const char *what, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EINVAL, "the quarantine is %s", what);
    sheaf__error_source(err, path);
    sheaf_error_hint(err, "choose another file for records with faults: --quarantine FILE");
    return SHEAF_EINVAL;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The directory that the path is in; false: there is none. */
static bool stat_directory(const char *path, size_t n_directory, struct stat *st)
{
    char *directory = n_directory > 0 ? strndup(path, n_directory) : strdup(".");
    bool found = directory && stat(directory, st) == 0;
    free(directory);
    return found;
}

/* Whether two paths, whose files need not be there yet, are those of one file. */
static bool is_same_place(const char *a, const char *b)
{
    struct stat of_a;
    struct stat of_b;
    if (stat(a, &of_a) == 0 && stat(b, &of_b) == 0)
        return is_same_file(&of_a, &of_b);
    const char *slash_a = strrchr(a, '/');
    const char *slash_b = strrchr(b, '/');
    size_t n_a = slash_a ? (size_t)(slash_a - a) + 1 : 0;
    size_t n_b = slash_b ? (size_t)(slash_b - b) + 1 : 0;
    return strcmp(a + n_a, b + n_b) == 0 && stat_directory(a, n_a, &of_a) &&
           stat_directory(b, n_b, &of_b) && is_same_file(&of_a, &of_b);
}

/* It replaces what is there, or removes it: that must be nothing that anybody wants to keep. */
static sheaf_status check_place(const sheaf__load *load, const sheaf_ingest *ingest,
                                const char *path, sheaf_error *err)
{
    struct stat st;
    struct stat out;
    bool exists = stat(path, &st) == 0;
    if (!exists && !sheaf__path_is_absent(errno))
        return sheaf__error_system(err, errno, "cannot examine the quarantine", path);
    if (exists ? !S_ISREG(st.st_mode) : lstat(path, &st) == 0)
        return refuse(path, "a directory, a FIFO, a device or a link that leads to nothing", err);
    if (exists && sheaf__load_find_source(load->files, &st))
        return refuse(path, "also one of the sources", err);
    bool to_stdout = ingest->target.kind == SHEAF__SINK_STDOUT;
    if (to_stdout ? exists && fstat(STDOUT_FILENO, &out) == 0 && is_same_file(&st, &out)
                  : ingest->target.path && is_same_place(path, ingest->target.path))
        return refuse(path, "also the destination", err);
    return SHEAF_OK;
}

static sheaf_status open_named(sheaf__load *load, const sheaf_ingest *ingest, const char *path,
                               sheaf_error *err)
{
    sheaf_status status = check_place(load, ingest, path, err);
    if (status == SHEAF_OK)
        status = sheaf__quarantine_create(path, ingest->target.stop, &load->quarantine, err);
    if (status == SHEAF_OK && load->appends)
        sheaf__quarantine_keep(load->quarantine,
                               path == ingest->quarantine
                                   ? UINT64_MAX
                                   : load->resume->sidecar.before.quarantine_bytes);
    return status;
}

/*
 * No record goes beside the rows of this run, but those of an earlier one may be there: they are to
 * go with its rows. What is no quarantine stays.
 */
static sheaf_status forget_earlier(sheaf__load *load, const sheaf_ingest *ingest, const char *path,
                                   sheaf_error *err)
{
    struct stat st;
    bool is_ours = load->quarantine &&
                   is_same_place(path, sheaf__quarantine_path(load->quarantine));
    bool exists = !is_ours && lstat(path, &st) == 0;
    if (!is_ours && !exists && !sheaf__path_is_absent(errno))
        return sheaf__error_system(err, errno, "cannot examine the quarantine", path);
    if (!exists || !S_ISREG(st.st_mode) || sheaf__load_find_source(load->files, &st))
        return SHEAF_OK;
    return sheaf__quarantine_create(path, ingest->target.stop, &load->earlier_quarantine, err);
}

sheaf_status sheaf__load_open_quarantine(sheaf__load *load, const sheaf_ingest *ingest,
                                         sheaf_error *err)
{
    const char *named = ingest->quarantine;
    char *beside_rows = NULL;
    sheaf_status status = SHEAF_OK;
    if (ingest->target.kind == SHEAF__SINK_FILE) {
        beside_rows = malloc(strlen(ingest->destination) + sizeof beside);
        if (!beside_rows)
            return sheaf__error_memory(err, "a quarantine");
        strcat(strcpy(beside_rows, ingest->destination), beside);
    }
    const char *path = named ? named : beside_rows;
    if (load->sets_aside && path)
        status = open_named(load, ingest, path, err);
    if (status == SHEAF_OK && beside_rows && !load->appends)
        status = forget_earlier(load, ingest, beside_rows, err);
    free(beside_rows);
    return status;
}

sheaf_status sheaf__rejects_settle(sheaf__load *load, sheaf_error *err)
{
    return load->quarantine ? sheaf__quarantine_settle(load->quarantine, err) : SHEAF_OK;
}

uint64_t sheaf__rejects_size(const sheaf__load *load)
{
    if (load->quarantine && !load->options->quarantine)
        return sheaf__quarantine_size(load->quarantine);
    return load->appends ? load->resume->sidecar.before.quarantine_bytes : 0;
}

sheaf_status sheaf__rejects_commit(sheaf__load *load, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    if (load->quarantine)
        status = sheaf__quarantine_commit(load->quarantine, err);
    if (status == SHEAF_OK && load->earlier_quarantine)
        status = sheaf__quarantine_commit(load->earlier_quarantine, err);
    return status;
}

void sheaf__rejects_undo(sheaf__load *load)
{
    if (load->quarantine)
        sheaf__quarantine_undo(load->quarantine);
    if (load->earlier_quarantine)
        sheaf__quarantine_undo(load->earlier_quarantine);
}

/* ---- delivery ---- */

const char *sheaf__reject_code(const sheaf__fault *fault)
{
    switch (fault->status) {
    case SHEAF_ESHAPE:
        return fault->n_found < fault->n_expected ? "short" : "long";
    case SHEAF_EQUOTE:
        return "quote";
    case SHEAF_EENCODING:
        return "encoding";
    case SHEAF_ETYPE:
        return "type";
    default:
        return "limit";
    }
}

/* The whole file's lines and records, of which the chunk's reader may have seen only a part. */
static sheaf__fault placed(const sheaf__fault *fault, const sheaf__chunk *chunk)
{
    sheaf__fault whole = *fault;
    whole.record += chunk->shift.counts.records;
    whole.record_line += chunk->shift.line;
    whole.line += chunk->shift.line;
    whole.offset_bytes += chunk->shift.offset_bytes;
    return whole;
}

/* How to go on, for who reads of one of them. */
static void hint_place(const sheaf__load *load, const char *fix, sheaf_error *told)
{
    char place[180];
    char mends[48] = "";
    if (fix)
        snprintf(mends, sizeof mends, "--fix %s repairs such records, ", fix);
    if (load->quarantine) {
        const char *path = sheaf__quarantine_path(load->quarantine);
        sheaf_text_escape(path, strlen(path), place, sizeof place);
    } else if (load->sink && load->sink->ops->reject) {
        snprintf(place, sizeof place, "%s", load->sink->reject_label);
    } else {
        sheaf_error_hint(told, "%s--quarantine FILE keeps %s, --on-error stop refuses them", mends,
                         fix ? "them" : "such records");
        return;
    }
    sheaf_error_hint(told, "it is kept in %s; %s--on-error stop refuses %s", place, mends,
                     fix ? "them" : "such records");
}

/* A record alone is at fault, and could be set aside. */
static bool is_of_record(const sheaf_error *fault)
{
    return fault->record > 0 && (fault->status == SHEAF_ESHAPE || fault->status == SHEAF_EQUOTE ||
                                 fault->status == SHEAF_EENCODING || fault->status == SHEAF_ETYPE);
}

void sheaf__rejects_advise(const sheaf__load *load, sheaf_error *fault, bool is_left_out)
{
    char hint[sizeof fault->hint];
    const char *advice = "--on-error skip-file leaves such files out";
    if (load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE)
        return; /* that is what was asked for */
    if (is_left_out)
        advice = "--on-error stop refuses such files";
    else if (!load->sets_aside && is_of_record(fault))
        advice = "--on-error quarantine sets such records aside, skip-file leaves such files out";
    memcpy(hint, fault->hint, sizeof hint);
    sheaf_error_hint(fault, "%s%s%s", hint, hint[0] ? "; " : "", advice);
}

/* What has gone where nothing is taken back is not left out any more. */
static bool is_final(const sheaf__load *load)
{
    return !load->sink || !load->sink->takes_back;
}

/* Whether nobody was told of it yet: a load may have started over. */
static bool is_news(sheaf__load *load, const sheaf__chunk *chunk, const sheaf__rejected *rejected)
{
    sheaf__told *told = load->told;
    size_t files = chunk->file->index + 1;
    if (files < told->reject_files ||
        (files == told->reject_files && rejected->offset_bytes < told->reject_bytes))
        return false;
    told->reject_files = files;
    told->reject_bytes = rejected->offset_bytes + 1;
    return true;
}

static sheaf_status deliver(sheaf__load *load, const sheaf__chunk *chunk, const sheaf__fault *fault,
                            const uint8_t *raw, sheaf_error *err)
{
    const sheaf_ingest_options *options = load->options;
    const sheaf_file *file = chunk->file->found;
    sheaf__fault whole = placed(fault, chunk);
    sheaf_error told;
    sheaf__fault_tell(&whole, raw, &told);
    sheaf__error_source(&told, file->path);
    sheaf__load_name_column(load, chunk, &told);
    if (options->on_reject) /* nobody else wants to know how to go on */
        hint_place(load, sheaf__repair_advice(fault, raw), &told);
    const sheaf__reject_file *read_with = NULL;
    sheaf_status status = SHEAF_OK;
    if (load->quarantine || (load->sink && load->sink->ops->reject))
        status = sheaf__load_reject_file(load, chunk, &read_with, err);
    if (status < 0)
        return status;
    sheaf__rejected rejected = {.path = file->path,
                                .file = read_with,
                                .code = sheaf__reject_code(fault),
                                .error = &told,
                                .line = whole.record_line,
                                .offset_bytes = whole.offset_bytes,
                                .raw = raw,
                                .n_raw = whole.n_raw};
    if (load->quarantine)
        status = sheaf__quarantine_put(load->quarantine, &rejected, err);
    else if (load->sink && load->sink->ops->reject)
        status = load->sink->ops->reject(load->sink, &rejected, err);
    if (status == SHEAF_OK && options->on_reject && is_news(load, chunk, &rejected))
        options->on_reject(options->context, &(sheaf_reject){.file = file,
                                                             .error = &told,
                                                             .code = rejected.code,
                                                             .line = rejected.line,
                                                             .offset_bytes = rejected.offset_bytes,
                                                             .raw = raw,
                                                             .n_raw = rejected.n_raw,
                                                             .is_final = is_final(load)});
    return status;
}

/* What became of the rows: those of a stream its consumer has. */
static const char *outcome(const sheaf__load *load)
{
    return load->sink ? ": nothing was committed" : "";
}

static sheaf_status too_many(const sheaf__load *load, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ELIMIT, "more than %" PRIu64 " records have faults%s",
                    load->options->rejects_max, outcome(load));
    sheaf_error_hint(err, "look at the first ones; --max-errors allows more");
    return SHEAF_ELIMIT;
}

sheaf_status sheaf__rejects_deliver(sheaf__load *load, sheaf__chunk *chunk,
                                    sheaf_file_report *report, sheaf_error *err)
{
    const sheaf__rejects *rejects = &chunk->rejects;
    const uint8_t *raw = rejects->bytes;
    uint64_t most = load->options->rejects_max;
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < rejects->n && status == SHEAF_OK; i++) {
        status = deliver(load, chunk, &rejects->faults[i], raw, err);
        raw += rejects->faults[i].n_raw;
        report->rejected++;
        load->n_rejected++;
        if (status == SHEAF_OK && most > 0 && load->n_rejected > most)
            status = chunk->file->presumed ? sheaf__start_over(load, err) /* or it is left out */
                                           : too_many(load, err);
    }
    return status;
}

bool sheaf__is_misjudged(const sheaf__reader_counts *counts)
{
    return counts->rejected > counts->records / 2;
}

/* A header that lacks a name, and records that end with a delimiter, can be read all the same. */
static void hint_one_more(const sheaf__reader_counts *counts, sheaf_error *err)
{
    if (counts->one_blank > counts->rejected / 2)
        sheaf_error_hint(err, "its records end with a delimiter, but not its header: --fix trim "
                              "drops the empty field behind it");
    else if (counts->one_more - counts->one_blank > counts->rejected / 2 && counts->header_end > 0)
        sheaf_error_hint(err,
                         "its records have one field more than its header, as R's row names make "
                         "it: --skip %" PRIu64 " --header no reads them as column1, column2, ...",
                         counts->header_end);
}

sheaf_status sheaf__misjudged(const sheaf__reader_counts *counts, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ESHAPE,
                    "%" PRIu64 " of its %" PRIu64 " records have faults: it was misjudged, or is "
                    "no table",
                    counts->rejected, counts->records);
    sheaf_error_hint(err, "sheaf sniff shows how it was read, --delim, --quote, --skip say how it "
                          "is to be read; --max-errors 100%% loads what is good");
    hint_one_more(counts, err);
    return SHEAF_ESHAPE;
}

/* No file could be read: that is no load. */
static sheaf_status nothing_is_left(const sheaf__load *load, sheaf_error *err)
{
    sheaf__error_copy(err, load->left_out);
    return load->left_out->status;
}

sheaf_status sheaf__rejects_verify(const sheaf__load *load, sheaf_error *err)
{
    const sheaf_summary *sum = load->summary;
    if (load->sets_aside && load->left_out && sum->files_skipped == sum->files &&
        sum->loaded + sum->rejected == 0)
        return nothing_is_left(load, err);
    double most = load->options->rejects_percent_max;
    if (most <= 0 || (double)sum->rejected <= (double)sum->records * most / 100)
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_ELIMIT,
                    "%" PRIu64 " of %" PRIu64 " records have faults, more than %g%%%s",
                    sum->rejected, sum->records, most, outcome(load));
    sheaf_error_hint(err, "look at the first ones; --max-errors allows more");
    return SHEAF_ELIMIT;
}
