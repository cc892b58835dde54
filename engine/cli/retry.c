/* `sheaf retry`: what was mended in a quarantine is loaded; the summary. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"

static bool is_cancelled(void *context)
{
    (void)context;
    return signals_came();
}

static void print_text(const sheaf_retry_summary *sum, FILE *out)
{
    if (sum->records == 0) {
        fprintf(out, "%s: nothing is set aside\n", sum->quarantine);
        return;
    }
    fprintf(out, "%s", sum->quarantine);
    if (sum->destination[0])
        fprintf(out, " -> %s", sum->destination);
    fprintf(out, "   %" PRIu64 " %s of %" PRIu64 " %s   %.3f s\n", sum->loaded,
            plural(sum->loaded, "row", "rows"), sum->files, plural(sum->files, "file", "files"),
            sum->seconds);
    fprintf(out, "records %" PRIu64 " = %" PRIu64 " loaded + %" PRIu64 " still at fault\n",
            sum->records, sum->loaded, sum->rejected);
    if (sum->repairs.records > 0)
        fprintf(out, "notes   %" PRIu64 " %s repaired\n", sum->repairs.records,
                plural(sum->repairs.records, "record", "records"));
}

static void print_json(const sheaf_retry_summary *sum, FILE *out)
{
    fputc('{', out);
    print_json_text(out, "quarantine", sum->quarantine);
    fputc(',', out);
    print_json_text(out, "destination", sum->destination);
    fprintf(out,
            ",\"files\":%" PRIu64 ",\"records\":%" PRIu64 ",\"loaded\":%" PRIu64
            ",\"rejected\":%" PRIu64 ",\"columns\":%" PRIu64 ",\"repaired\":{\"records\":%" PRIu64
            ",\"padded\":%" PRIu64 ",\"trimmed\":%" PRIu64 ",\"unquoted\":%" PRIu64
            "},\"seconds\":%.6f}\n",
            sum->files, sum->records, sum->loaded, sum->rejected, sum->columns,
            sum->repairs.records, sum->repairs.padded, sum->repairs.trimmed, sum->repairs.unquoted,
            sum->seconds);
}

static void report(const reporter *self, const sheaf_retry_summary *sum)
{
    const arguments *args = self->args;
    const char *destination = args->ingest.destination;
    FILE *out = destination && strcmp(destination, "-") == 0 ? stderr : stdout;
    report_folded(self);
    if (args->json)
        print_json(sum, out);
    else if (!args->quiet)
        print_text(sum, out);
}

static int exit_of(sheaf_status status, const sheaf_retry_summary *sum)
{
    switch (status) {
    case SHEAF_OK:
        return sum->rejected > 0 ? EXIT_PARTLY : EXIT_CLEAN;
    case SHEAF_ECANCELLED:
        return EXIT_INTERRUPTED;
    case SHEAF_EACCOUNT:
        return EXIT_ACCOUNT;
    case SHEAF_EINVAL:
        return EXIT_USAGE;
    default:
        return EXIT_FAULT;
    }
}

typedef struct retry_context {
    reporter self; /* first */
    const sheaf_file *file;
} retry_context;

/* None of these files is left out: what is told of one waits until the next one's turn only. */
static void retry_on_reject(void *context, const sheaf_reject *reject)
{
    retry_context *of = context;
    if (reject->file != of->file)
        faults_settle(&of->self, true);
    of->file = reject->file;
    report_on_reject(&of->self, reject);
}

int retry(const arguments *args)
{
    retry_context of = {.self = {.args = args}};
    reporter *self = &of.self;
    const sheaf_ingest_options *ingest = &args->ingest;
    sheaf_retry_summary summary;
    sheaf_error err;
    int code;
    if (!trace_open(args, NULL, &self->trace, &code))
        return code;
    sheaf_retry_options options = {.size = sizeof options,
                                   .quarantine = args->sources[0],
                                   .destination = ingest->destination,
                                   .format = ingest->format,
                                   .table = ingest->table,
                                   .typing = ingest->typing,
                                   .types = ingest->types,
                                   .n_types = ingest->n_types,
                                   .nulls = ingest->nulls,
                                   .n_nulls = ingest->n_nulls,
                                   .fixes = ingest->fixes,
                                   .record_bytes_max = ingest->record_bytes_max,
                                   .rejects_max = ingest->rejects_max,
                                   .rejects_percent_max = ingest->rejects_percent_max,
                                   .on_reject = retry_on_reject,
                                   .is_cancelled = is_cancelled,
                                   .context = &of,
                                   .trace = self->trace};
    signals_cancel(NULL);
    sheaf_status status = sheaf_retry(&options, &summary, &err);
    if (status == SHEAF_OK)
        faults_settle(self, true);
    else
        faults_abandon(self);
    if (status == SHEAF_ECANCELLED)
        fputs("interrupted: nothing was committed\n", stderr);
    else if (status < 0) /* a reader of the rows that goes away leaves them in the quarantine */
        report_error(&err);
    if (status == SHEAF_OK)
        report(self, &summary);
    if (status == SHEAF_EINVAL) /* nothing was done */
        sheaf_trace_discard(self->trace);
    else
        trace_close(self->trace);
    free(self->held.items);
    return exit_of(status, &summary);
}
