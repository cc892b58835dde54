/*
 * The most frequent long words of some texts: results taken as they come, by as_completed.
 *
 *     futures = [executor.submit(count, text) for text in texts]       # the same in Python
 *     index = {future: i for i, future in enumerate(futures)}
 *     for future in as_completed(futures):
 *         total += future.result()
 *         favourite[index[future]] = future.result().most_common(1)
 *
 * Each text is counted by a task of its own. Sums may be added up in any order, so nobody needs to
 * wait for the first text while the second is ready: as_completed gives each future when it is
 * done, and with it the index at which it stood in the array. The index tells which text it was:
 * what is to stand in the order of the texts, here the favourite word of each, still can.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/executor.h>

enum { TEXTS = 4, WORDS_MAX = 100, WORD_BYTES = 16, LETTERS_MIN = 4, FREQUENT = 3 };

static const char *const texts[TEXTS] = {
    "The hare laughed at the tortoise: the tortoise was slow. The tortoise asked for a race.",
    "Soon far ahead, the hare lay down. A hare may well sleep for a while, thought the hare.",
    "Slow and steady the tortoise went on, slow and steady, and slow but steady it went past.",
    "And when the hare woke up, there was the tortoise, and there was the end of the race.",
};

typedef struct word {
    char text[WORD_BYTES];
    int times;
} word;

typedef struct counts {
    size_t n;
    word words[WORDS_MAX];
} counts;

static void add(counts *to, const char *text, int times)
{
    size_t i = 0;
    while (i < to->n && strcmp(to->words[i].text, text) != 0)
        i++;
    if (i == WORDS_MAX)
        return; /* full; these texts are shorter */
    if (i == to->n)
        snprintf(to->words[to->n++].text, WORD_BYTES, "%s", text);
    to->words[i].times += times;
}

/* The most frequent first, equally frequent ones by the alphabet. */
static int compare(const void *one, const void *other)
{
    const word *a = one, *b = other;
    return a->times != b->times ? b->times - a->times : strcmp(a->text, b->text);
}

static void sort(counts *c)
{
    qsort(c->words, c->n, sizeof c->words[0], compare);
}

/* The task: a text goes in, its counts come out. They are the future's, which ends them. */
static sheaf_status count(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    counts *made = calloc(1, sizeof *made);
    if (!made)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no memory for the counts of a text");
    char letters[WORD_BYTES];
    size_t n = 0;
    for (const char *c = arg; *c; c++) {
        if (isalpha((unsigned char)*c) && n < WORD_BYTES - 1)
            letters[n++] = (char)tolower((unsigned char)*c);
        if (isalpha((unsigned char)c[1]))
            continue;
        letters[n] = '\0';
        if (n >= LETTERS_MIN)
            add(made, letters, 1);
        n = 0;
    }
    sort(made);
    *result = made;
    return SHEAF_OK;
}

/* Add up the counts of the texts as they come; keep the favourite word of each by its index. */
static sheaf_status gather(sheaf_future **futures, counts *total, word favourites[TEXTS],
                           sheaf_error *err)
{
    sheaf_as_completed *completed;
    sheaf_status status = sheaf_as_completed_open(futures, TEXTS, -1, &completed, err);
    if (status < 0)
        return status;
    sheaf_future *future;
    size_t index;
    while ((status = sheaf_as_completed_next(completed, &future, &index, err)) == SHEAF_OK) {
        void *result;
        status = sheaf_future_result(future, 0, &result, err); /* it is done: no wait */
        if (status == SHEAF_OK) {
            const counts *of_text = result;
            for (size_t i = 0; i < of_text->n; i++)
                add(total, of_text->words[i].text, of_text->words[i].times);
            favourites[index] = of_text->words[0];
        }
        sheaf_future_release(future);
        if (status < 0)
            break;
    }
    sheaf_as_completed_close(completed);
    return status;
}

int main(void)
{
    static counts total;
    sheaf_error err;
    word favourites[TEXTS];
    sheaf_future *futures[TEXTS] = {NULL};
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = TEXTS};

    sheaf_status status = sheaf_executor_create(&options, &executor, &err);
    for (int i = 0; i < TEXTS && status == SHEAF_OK; i++) {
        sheaf_task task = {.run = count, .arg = (void *)texts[i], .drop_result = free};
        status = sheaf_executor_submit(executor, &task, &futures[i], &err);
    }
    if (status == SHEAF_OK)
        status = gather(futures, &total, favourites, &err);
    for (int i = 0; i < TEXTS; i++)
        sheaf_future_release(futures[i]);
    sheaf_executor_destroy(executor);
    if (status < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }

    for (int i = 0; i < TEXTS; i++)
        printf("text %d: %d x %s\n", i + 1, favourites[i].times, favourites[i].text);
    sort(&total);
    printf("at least %d times in all:\n", FREQUENT);
    for (size_t i = 0; i < total.n && total.words[i].times >= FREQUENT; i++)
        printf("%4d %s\n", total.words[i].times, total.words[i].text);
    return 0;
}
