/*
 * sheaf, the program: commands, exit codes.
 *
 * stdout carries data or the summary, stderr everything else. SIGINT, SIGTERM and SIGHUP ask the
 * run to stop, which leaves the destination as it was; a second one kills. A reader of stdout that
 * goes away (| head) ends the run quietly.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/cli/cli.h"

/*
 * A descriptor of the first three that the caller closed would be given to the next file that is
 * opened, and what is meant for stdout would be written into it. Such a one is opened so that using
 * it fails.
 */
static void occupy_standard_descriptors(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)!open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
}

static int exit_of(sheaf_status status, const sheaf_summary *summary)
{
    switch (status) {
    case SHEAF_OK:
        return summary->files_skipped > 0 || summary->rejected > 0 ? EXIT_PARTLY : EXIT_CLEAN;
    case SHEAF_EPIPE:
        return EXIT_CLEAN;
    case SHEAF_ECANCELLED:
        return EXIT_INTERRUPTED;
    case SHEAF_EACCOUNT:
        return EXIT_ACCOUNT;
    default:
        return EXIT_FAULT;
    }
}

/* Not all of stdout could be written. A reader that went away is not an error. */
static int end_of_output(int error, int code)
{
    if (error == EPIPE)
        return code;
    fprintf(stderr, "error: cannot write to standard output: %s\n", strerror(error));
    return EXIT_FAULT;
}

/* The rest of stdout: whether all of it arrived, or its reader went away. */
static bool flush_stdout(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    return end_of_output(errno, EXIT_CLEAN) == EXIT_CLEAN;
}

static int finish(const reporter *self, const sheaf_ingest *ingest, const sheaf_summary *summary,
                  int code)
{
    size_t n_columns;
    const sheaf_column *columns = sheaf_ingest_columns(ingest, &n_columns);
    const arguments *args = self->args;
    bool data_on_stdout = strcmp(args->ingest.destination, "-") == 0;
    if (args->command == COMMAND_CHECK) {
        if (!flush_stdout())
            code = EXIT_FAULT;
        report_check(self, summary, stderr);
        return code;
    }
    if (args->command == COMMAND_COUNT)
        report_counts(self, summary, stdout);
    else if (args->command == COMMAND_SCHEMA)
        report_schema(self, summary, columns, n_columns, stdout);
    else if (args->command == COMMAND_INGEST)
        report_summary(self, summary, data_on_stdout ? stderr : stdout);
    else if (self->n_skipped > 0 || self->n_faults > 0)
        report_summary(self, summary, stderr);
    else {
        report_left_out(self, summary);
        report_digest(self, summary, stderr);
    }
    bool is_answer = args->command == COMMAND_COUNT || args->command == COMMAND_SCHEMA;
    return flush_stdout() || !is_answer ? code : EXIT_FAULT;
}

static int run(const arguments *args, reporter *self)
{
    sheaf_ingest *ingest;
    sheaf_summary summary;
    sheaf_error err;
    sheaf_ingest_options options = args->ingest;
    bool is_check = args->command == COMMAND_CHECK;
    options.on_file = is_check ? check_on_file : report_on_file;
    options.on_reject = is_check ? check_on_reject : report_on_reject;
    options.context = self;
    options.trace = self->trace;
    if (sheaf_ingest_create(&options, &ingest, &err) < 0) {
        report_error(&err);
        sheaf_trace_discard(self->trace);
        self->trace = NULL;
        return err.status == SHEAF_EINVAL ? EXIT_USAGE : EXIT_FAULT;
    }
    self->ingest = ingest;
    signals_cancel(ingest);
    progress_start(ingest, args);
    sheaf_status status = sheaf_ingest_run(ingest, self->files, &summary, &err);
    progress_stop();
    signals_let_go();
    int code = exit_of(status, &summary);
    if (status < 0)
        faults_abandon(self);
    if (self->output_errno)
        code = end_of_output(self->output_errno, EXIT_PARTLY);
    else if (status == SHEAF_ECANCELLED && summary.files_committed > 0)
        fprintf(stderr, "interrupted: %" PRIu64 " files are committed, --resume goes on there\n",
                summary.files_committed);
    else if (status == SHEAF_ECANCELLED)
        fputs("interrupted: nothing was committed\n", stderr);
    else if (status < 0 && status != SHEAF_EPIPE)
        report_error(&err);
    if (status == SHEAF_OK && !self->output_errno)
        code = finish(self, ingest, &summary, code);
    sheaf_ingest_destroy(ingest);
    return code;
}

static int load(const arguments *args)
{
    reporter self = {.args = args};
    sheaf_error err;
    sheaf_status status = sheaf_files_discover(args->sources, args->n_sources, &args->discover,
                                               &self.files, &err);
    if (status < 0) {
        report_error(&err);
        return status == SHEAF_EINVAL ? EXIT_USAGE : EXIT_FAULT;
    }
    int code;
    if (!trace_open(args, self.files, &self.trace, &code)) {
        sheaf_files_release(self.files);
        return code;
    }
    if (args->command == COMMAND_SNIFF) {
        code = sniff_run(args, self.files, self.trace);
        trace_close(self.trace);
        sheaf_files_release(self.files);
        return flush_stdout() ? code : EXIT_FAULT;
    }
    if (args->command == COMMAND_BENCH) {
        code = bench_main(args, self.files);
        sheaf_files_release(self.files);
        return flush_stdout() ? code : EXIT_FAULT;
    }
    if (args->command == COMMAND_COUNT) {
        self.reports = calloc(sheaf_files_count(self.files) + 1, sizeof *self.reports);
        if (!self.reports) {
            fputs("error: no memory for the counts\n", stderr);
            trace_close(self.trace);
            sheaf_files_release(self.files);
            return EXIT_FAULT;
        }
    }
    code = run(args, &self);
    trace_close(self.trace);
    free(self.reports);
    free(self.held.items);
    sheaf_files_release(self.files);
    return code;
}

static void print_version(void)
{
    char build[256];
    sheaf_build_info(build, sizeof build);
    printf("sheaf %s\n%s\n", sheaf_version(), build);
}

int main(int argc, char **argv)
{
    arguments args;
    size_t n_functions;
    const sheaf_function *functions = sheaf_ingest_functions(&n_functions);
    int code = sheaf_worker_main(argc, argv, functions, n_functions);
    if (code >= 0) /* one of the processes that --executor processes has started */
        return code;
    occupy_standard_descriptors();
    signal(SIGPIPE, SIG_IGN); /* a write that fails says so itself */
    signal(SIGXFSZ, SIG_IGN);
    code = arguments_parse(&args, argc, argv);
    if (code < 0 && (args.command == COMMAND_HELP || args.command == COMMAND_VERSION)) {
        if (args.command == COMMAND_HELP)
            help_print(stdout, args.help_about);
        else
            print_version();
        code = flush_stdout() ? EXIT_CLEAN : EXIT_FAULT;
    } else if (code < 0 && args.command == COMMAND_SHOW) {
        code = show(&args);
        if (!flush_stdout())
            code = EXIT_FAULT;
    } else if (code < 0 && args.command == COMMAND_RETRY) {
        code = retry(&args);
        if (!flush_stdout())
            code = EXIT_FAULT;
    } else if (code < 0) {
        code = load(&args);
    }
    arguments_free(&args);
    return code;
}
