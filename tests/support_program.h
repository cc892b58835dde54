/*
 * Programs inside tests: what happens at the exit of a process, or in a child of fork(), is seen
 * from its parent, by the letters it says and the code it ends with.
 */
#ifndef SHEAF_TESTS_SUPPORT_PROGRAM_H
#define SHEAF_TESTS_SUPPORT_PROGRAM_H

#include <sys/wait.h>

#include "tests/support_executor.h"

typedef struct outcome {
    int code; /* of the exit; minus the signal that ended it */
    char text[512];
} outcome;

static int support_voice = -1;

/*
 * Whoever exits without an end of its pools leaves them in memory, which is what is tested: a
 * sanitizer looks for leaks in the parent alone. It calls this by name, if there is one.
 */
int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
    return support_voice >= 0;
}

/* Any thread of the program may speak: a letter is written whole. */
static inline void say(char letter)
{
    (void)!write(support_voice, &letter, 1);
}

/* Run a program in a child, which has LIMIT / 2 seconds; 99 is the code of one that returns. */
static inline outcome run_program(void (*program)(void))
{
    outcome all = {.code = -1000};
    int ends[2];
    size_t n = 0;
    cr_assert_eq(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        close(ends[0]);
        support_voice = ends[1];
        alarm(LIMIT / 2);
        program();
        _exit(99);
    }
    close(ends[1]);
    for (ssize_t got; n + 1 < sizeof all.text &&
                      (got = read(ends[0], all.text + n, sizeof all.text - 1 - n)) > 0;)
        n += (size_t)got;
    close(ends[0]);
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    all.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return all;
}

static inline int count_letter(const outcome *all, char letter)
{
    int n = 0;
    for (const char *at = all->text; *at; at++)
        n += *at == letter;
    return n;
}

#endif
