/* The signals that end a run: see cli.h. */
#include <signal.h>
#include <stddef.h>

#include "engine/cli/cli.h"

static const int ending[] = {SIGINT, SIGTERM, SIGHUP};

enum { N_ENDING = sizeof ending / sizeof ending[0] };

static sheaf_ingest *volatile running;
static volatile sig_atomic_t came;

/* What nohup or a shell's background job ignores stays ignored. */
static bool is_ignored(int number)
{
    struct sigaction before;
    return sigaction(number, NULL, &before) != 0 || before.sa_handler == SIG_IGN;
}

/* System calls are interrupted (no SA_RESTART): a write into a full pipe must not wait for ever. */
void signals_handle(void (*on_signal)(int number))
{
    for (size_t i = 0; i < N_ENDING; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND};
        sigemptyset(&action.sa_mask);
        if (!is_ignored(ending[i]))
            sigaction(ending[i], &action, NULL);
    }
}

void signals_leave(void)
{
    for (size_t i = 0; i < N_ENDING; i++)
        if (!is_ignored(ending[i]))
            signal(ending[i], SIG_DFL);
}

void signals_block(sigset_t *before)
{
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < N_ENDING; i++)
        sigaddset(&signals, ending[i]);
    sigprocmask(SIG_BLOCK, &signals, before);
}

static void on_signal(int number)
{
    (void)number;
    came = 1;
    sheaf_ingest *ingest = running;
    if (ingest)
        sheaf_ingest_cancel(ingest);
}

void signals_cancel(sheaf_ingest *ingest)
{
    running = ingest;
    signals_handle(on_signal);
}

void signals_let_go(void)
{
    running = NULL;
}

bool signals_came(void)
{
    return came != 0;
}
