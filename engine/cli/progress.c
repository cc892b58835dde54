/*
 * How far a run is: a bar on a terminal, lines or JSON objects elsewhere if asked for, nothing
 * otherwise.
 *
 * A thread looks ten times a second; short runs end before it says anything. What else goes to
 * stderr hides the bar first, under the same mutex.
 */
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "engine/cli/cli.h"

enum { TICK_MS = 100, FIRST_MS = 250, LINE_MS = 1000, BAR_MAX = 30, FACTS_WIDTH = 62 };

static struct {
    pthread_t thread;
    bool running;          /* the main thread's */
    pthread_mutex_t mutex; /* guards the rest */
    pthread_cond_t stopping;
    bool stop;
    bool hidden;
    bool drawn; /* there is a bar on the terminal now */
    progress_mode mode;
    sheaf_ingest *ingest;
    struct timespec begun;
    int64_t next_ms;
} progress = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static int64_t elapsed_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)(now.tv_sec - progress.begun.tv_sec) * 1000 +
           (now.tv_nsec - progress.begun.tv_nsec) / 1000000;
}

static int terminal_width(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void format_left(char *text, size_t size, const sheaf_progress *at, double seconds)
{
    text[0] = '\0';
    if (at->size_bytes == SHEAF_UNKNOWN || at->read_bytes == 0 || seconds < 0.5)
        return;
    double left = seconds * ((double)at->size_bytes / (double)at->read_bytes - 1);
    if (left < 0)
        left = 0;
    if (left < 100)
        snprintf(text, size, ", %.0f s left", left);
    else
        snprintf(text, size, ", %.0f min left", left / 60);
}

/* "1.2 GB of 2.8 GB, 345 MB/s, 5 s left, 12 of 845 files" */
static void format_facts(char *text, size_t size, const sheaf_progress *at, double seconds)
{
    char done[32];
    char all[32];
    char rate[32];
    char left[48];
    format_bytes(at->read_bytes, done, sizeof done);
    format_bytes((uint64_t)((double)at->read_bytes / (seconds > 1e-3 ? seconds : 1e-3)), rate,
                 sizeof rate);
    format_left(left, sizeof left, at, seconds);
    bool known = at->size_bytes != SHEAF_UNKNOWN;
    if (known)
        format_bytes(at->size_bytes, all, sizeof all);
    snprintf(text, size, "%s%s%s, %s/s%s, %" PRIu64 " of %" PRIu64 " files", done,
             known ? " of " : " read", known ? all : "", rate, left, at->files_done, at->files);
}

static void draw_bar(const sheaf_progress *at, double seconds)
{
    char facts[160];
    char bar[BAR_MAX + 1] = "";
    format_facts(facts, sizeof facts, at, seconds);
    int room = terminal_width() - 1;
    int width = room - FACTS_WIDTH -
                8; /* so that it does not move while the facts grow and shrink */
    if (width > BAR_MAX)
        width = BAR_MAX;
    if (at->size_bytes == SHEAF_UNKNOWN || at->size_bytes == 0 || width < 4) {
        fprintf(stderr, "\r%.*s\x1b[K", room, facts);
    } else {
        double share = (double)at->read_bytes / (double)at->size_bytes;
        share = share > 1 ? 1 : share; /* files that are read twice */
        int filled = (int)(share * width);
        memset(bar, '#', (size_t)filled);
        memset(bar + filled, '.', (size_t)(width - filled));
        bar[width] = '\0';
        fprintf(stderr, "\r%3.0f %% [%s] %.*s\x1b[K", share * 100, bar, room - width - 8, facts);
    }
    fflush(stderr);
    progress.drawn = true;
}

static void draw(void)
{
    int64_t ms = elapsed_ms();
    if (progress.hidden || ms < progress.next_ms)
        return;
    sheaf_progress at = sheaf_ingest_progress(progress.ingest);
    double seconds = (double)ms / 1000;
    if (progress.mode == PROGRESS_AUTO) {
        draw_bar(&at, seconds);
        return;
    }
    progress.next_ms = ms + LINE_MS;
    if (progress.mode == PROGRESS_PLAIN) {
        char facts[160];
        format_facts(facts, sizeof facts, &at, seconds);
        fprintf(stderr, "%s\n", facts);
        return;
    }
    fprintf(stderr, "{\"seconds\":%.3f,\"read_bytes\":%" PRIu64, seconds, at.read_bytes);
    if (at.size_bytes != SHEAF_UNKNOWN)
        fprintf(stderr, ",\"size_bytes\":%" PRIu64, at.size_bytes);
    fprintf(stderr, ",\"records\":%" PRIu64 ",\"files_done\":%" PRIu64 ",\"files\":%" PRIu64 "}\n",
            at.records, at.files_done, at.files);
}

static void *progress_main(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&progress.mutex);
    while (!progress.stop) {
        struct timespec tick;
        clock_gettime(CLOCK_MONOTONIC, &tick);
        tick.tv_nsec += TICK_MS * 1000000L;
        if (tick.tv_nsec >= 1000000000) {
            tick.tv_nsec -= 1000000000;
            tick.tv_sec++;
        }
        pthread_cond_timedwait(&progress.stopping, &progress.mutex, &tick);
        if (!progress.stop)
            draw();
    }
    pthread_mutex_unlock(&progress.mutex);
    return NULL;
}

static void erase_locked(void)
{
    if (progress.drawn)
        fputs("\r\x1b[K", stderr);
    progress.drawn = false;
}

void progress_start(sheaf_ingest *ingest, const arguments *args)
{
    progress.mode = args->progress;
    if (progress.mode == PROGRESS_OFF ||
        (progress.mode == PROGRESS_AUTO && (args->quiet || !isatty(STDERR_FILENO))))
        return;
    progress.ingest = ingest;
    progress.next_ms = FIRST_MS;
    clock_gettime(CLOCK_MONOTONIC, &progress.begun);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&progress.stopping, &attributes);
    pthread_condattr_destroy(&attributes);
    sigset_t all;
    sigset_t before;
    sigfillset(
        &all); /* signals are the main thread's: it may sit in a write that must be interrupted */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    progress.running = pthread_create(&progress.thread, NULL, progress_main, NULL) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void progress_stop(void)
{
    if (!progress.running)
        return;
    pthread_mutex_lock(&progress.mutex);
    progress.stop = true;
    pthread_cond_signal(&progress.stopping);
    pthread_mutex_unlock(&progress.mutex);
    pthread_join(progress.thread, NULL);
    progress.running = false;
    erase_locked();
}

void progress_hide(void)
{
    pthread_mutex_lock(&progress.mutex);
    progress.hidden = true;
    erase_locked();
    pthread_mutex_unlock(&progress.mutex);
}

void progress_show(void)
{
    pthread_mutex_lock(&progress.mutex);
    progress.hidden = false;
    pthread_mutex_unlock(&progress.mutex);
}
