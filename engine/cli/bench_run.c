/*
 * One repetition, in a process of its own: so its CPU time, peak memory and page faults are its
 * own, no repetition finds what another one has left in the allocator, and a reader that crashes
 * ends a repetition and not the bench.
 *
 * The process is a fork, of a parent that has no other thread and has read nothing: it begins with
 * a few MB. What is timed begins before sheaf_ingest_create() and ends after
 * sheaf_ingest_destroy(), so that threads and worker processes are started and ended in it; worker
 * processes have been waited for then, and their usage is in RUSAGE_CHILDREN. What a repetition
 * found goes to the parent through memory that both share.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/cli/bench.h"

/* ---- signals ---- */

static volatile sig_atomic_t interrupted;
static volatile sig_atomic_t child; /* 0: there is none */

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
    if (child > 0)
        kill((pid_t)child, SIGKILL); /* what it has made lies in a folder that goes as a whole */
}

void bench_handle_signals(void)
{
    signals_handle(on_signal);
}

bool bench_interrupted(void)
{
    return interrupted;
}

/* The child dies of them, as by default; and with its parent. */
static void leave_signals(void)
{
    signals_leave();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* ---- in the child ---- */

typedef struct reading {
    struct timespec clock;
    struct rusage self;
    struct rusage children;
    uint64_t storage_bytes;
} reading;

/* Also of children that were waited for. SHEAF_UNKNOWN: the kernel does not tell. */
static uint64_t storage_bytes(void)
{
    char line[128];
    unsigned long long n = SHEAF_UNKNOWN;
    FILE *file = fopen("/proc/self/io", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "read_bytes: %llu", &n) == 1)
            break;
    if (file)
        fclose(file);
    return n;
}

static reading take_reading(void)
{
    reading taken;
    taken.storage_bytes = storage_bytes();
    getrusage(RUSAGE_SELF, &taken.self);
    getrusage(RUSAGE_CHILDREN, &taken.children);
    clock_gettime(CLOCK_MONOTONIC, &taken.clock);
    return taken;
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static bench_sample sample_between(const reading *begun, int n_processes)
{
    struct timespec now;
    struct rusage self;
    struct rusage children;
    clock_gettime(CLOCK_MONOTONIC, &now);
    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    uint64_t fetched = storage_bytes();
    const struct rusage *mine = &begun->self;
    const struct rusage *theirs = &begun->children;
    return (bench_sample){
        .wall_s = (double)(now.tv_sec - begun->clock.tv_sec) +
                  (double)(now.tv_nsec - begun->clock.tv_nsec) / 1e9,
        .user_s = seconds_of(self.ru_utime) - seconds_of(mine->ru_utime) +
                  seconds_of(children.ru_utime) - seconds_of(theirs->ru_utime),
        .system_s = seconds_of(self.ru_stime) - seconds_of(mine->ru_stime) +
                    seconds_of(children.ru_stime) - seconds_of(theirs->ru_stime),
        .minor_faults = (uint64_t)(self.ru_minflt - mine->ru_minflt + children.ru_minflt -
                                   theirs->ru_minflt),
        .major_faults = (uint64_t)(self.ru_majflt - mine->ru_majflt + children.ru_majflt -
                                   theirs->ru_majflt),
        .storage_bytes = begun->storage_bytes == SHEAF_UNKNOWN || fetched == SHEAF_UNKNOWN
                             ? SHEAF_UNKNOWN
                             : fetched - begun->storage_bytes,
        .peak_bytes = ((uint64_t)self.ru_maxrss +
                       (uint64_t)children.ru_maxrss * (uint64_t)n_processes) *
                      1024,
    };
}

/* For sheaf_ingest_options. */
static void count_fields(void *context, const sheaf_file_report *report)
{
    bench_counts *counts = context;
    counts->fields += report->loaded * report->columns;
}

static bench_counts counts_of(const sheaf_summary *sum, uint64_t fields)
{
    return (bench_counts){.files_skipped = sum->files_skipped,
                          .read_bytes = sum->read_bytes,
                          .text_bytes = sum->text_bytes,
                          .records = sum->records,
                          .loaded = sum->loaded,
                          .rejected = sum->rejected,
                          .skipped = sum->skipped,
                          .columns = sum->columns,
                          .fields = fields,
                          .digest = sum->digest};
}

static sheaf_status ingest(const bench *self, const bench_case *one, bool digest,
                           bench_outcome *outcome)
{
    sheaf_ingest *made;
    sheaf_summary summary;
    bench_counts counts = {0};
    sheaf_ingest_options options = self->args->ingest;
    options.destination = self->destination;
    options.executor = one->executor;
    options.parser = one->parser;
    options.workers = one->workers;
    options.digest = digest;
    options.on_file = count_fields;
    options.context = &counts;
    sheaf_status status = sheaf_ingest_create(&options, &made, &outcome->err);
    if (status < 0)
        return status;
    status = sheaf_ingest_run(made, self->files, &summary, &outcome->err);
    sheaf_ingest_destroy(made);
    outcome->counts = counts_of(&summary, counts.fields);
    return status;
}

static void run_in_child(const bench *self, const bench_case *one, bool digest,
                         bench_outcome *outcome)
{
    bool has_processes = !one->is_read && one->executor == SHEAF_EXECUTOR_PROCESSES;
    reading begun = take_reading();
    outcome->status = one->is_read ? bench_read(self->files, one->workers,
                                                &outcome->counts.read_bytes, &outcome->err)
                                   : ingest(self, one, digest, outcome);
    outcome->sample = sample_between(&begun, has_processes ? one->workers : 0);
}

/* ---- in the parent ---- */

/* Wait for its end; how it ended, as waitpid() tells. */
static int wait_for(pid_t pid)
{
    int how = 0;
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR)
        continue;
    child = 0;
    return how;
}

static pid_t start_child(void)
{
    sigset_t before;
    fflush(NULL); /* else the child would print it once more */
    signals_block(&before);
    pid_t pid = fork();
    if (pid > 0)
        child = pid;
    else if (pid == 0)
        leave_signals();
    sigprocmask(SIG_SETMASK, &before, NULL);
    return pid;
}

bool bench_run(const bench *self, const bench_case *one, bool digest, bench_outcome *outcome)
{
    bench_outcome *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t parent = getpid();
    pid_t pid = shared == MAP_FAILED ? -1 : start_child();
    if (pid < 0) {
        fprintf(stderr, "error: no process can be started to measure in: %s\n", strerror(errno));
        if (shared != MAP_FAILED)
            munmap(shared, sizeof *shared);
        return false;
    }
    if (pid == 0) {
        if (getppid() == parent) /* else it was killed before it was looked after */
            run_in_child(self, one, digest, shared);
        _exit(0);
    }
    if (interrupted) /* before there was a child to end */
        kill(pid, SIGKILL);
    int how = wait_for(pid);
    *outcome = *shared;
    munmap(shared, sizeof *shared);
    if (interrupted)
        return false;
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0)
        return true;
    if (WIFSIGNALED(how))
        fprintf(stderr, "error: %s was killed by signal %d (%s)\n", one->name, WTERMSIG(how),
                strsignal(WTERMSIG(how)));
    else
        fprintf(stderr, "error: %s ended early\n", one->name);
    return false;
}
