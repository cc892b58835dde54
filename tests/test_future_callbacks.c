/*
 * Callbacks of futures: that they run, once, in which order, in which thread, and that they may
 * call anything. Those that end their thread: test_lost_worker.c.
 */
#include "tests/support_futures.h"

/* ---- once, and in order ---- */

/* The ways in which a bare future becomes done. */
static void make_done(sheaf_future *future, kind k)
{
    static thing result;
    bring_to(future, k, &result);
}

Test(callbacks, run_in_the_order_in_which_they_were_added, .timeout = LIMIT)
{
    enum { N = 300 };
    for (kind k = CANCELLED; k < KINDS; k++) {
        atomic_int clock = 0;
        thing notes[N];
        sheaf_future *future = bare();
        for (int i = 0; i < N; i++) {
            notes[i] = (thing){.clock = &clock};
            add_note(future, &notes[i]);
        }
        cr_assert_eq(clock, 0);
        make_done(future, k);
        assert_ran_in_order(notes, N);
        sheaf_future_release(future);
        assert_ran_in_order(notes, N);
    }
}

Test(callbacks, of_a_task_run_in_the_order_in_which_they_were_added, .timeout = LIMIT)
{
    enum { N = 300 };
    held_pool pool;
    atomic_int clock = 0;
    thing notes[N];
    held_pool_init(&pool);
    for (int i = 0; i < N; i++) {
        notes[i] = (thing){.clock = &clock};
        add_note(pool.running, &notes[i]);
    }
    cr_assert_eq(clock, 0);
    held_pool_end(&pool);
    assert_ran_in_order(notes, N);
}

Test(callbacks, that_stand_there_twice_run_twice, .timeout = LIMIT)
{
    thing note = {0};
    sheaf_future *future = bare();
    for (int i = 0; i < 3; i++)
        add_note(future, &note);
    set_error(future, "failed");
    cr_assert_eq(note.runs, 3);
    cr_assert_eq(note.drops, 3);
    sheaf_future_release(future);
}

Test(callbacks, do_not_run_again_whatever_happens_later, .timeout = LIMIT)
{
    thing note = {0};
    sheaf_future *future = bare();
    add_note(future, &note);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(sheaf_future_cancel(future), SHEAF_OK);
    cr_assert_eq(note.runs, 1);
    cr_assert_eq(sheaf_future_set_running_or_notify_cancel(future), SHEAF_ECANCELLED);
    cr_assert_eq(sheaf_future_cancel(future), SHEAF_OK);
    cr_assert_eq(sheaf_future_set_result(future, NULL), SHEAF_ESTATE);
    cr_assert_eq(note.runs, 1);
    sheaf_future_release(future);
    cr_assert_eq(note.runs, 1);
}

Test(callbacks, do_not_run_when_the_future_only_begins, .timeout = LIMIT)
{
    thing note = {0};
    thing result = {0};
    sheaf_future *future = bare();
    add_note(future, &note);
    bring_to(future, RUNNING, NULL);
    cr_assert_eq(note.runs, 0);
    set_result(future, &result);
    cr_assert_eq(note.runs, 1);
    sheaf_future_release(future);
}

/* Many threads add while one completes. */
typedef struct adder {
    sheaf_future *future;
    sem_t *start;
    thing notes[50];
} adder;

enum { ADDERS = 3, NOTES = sizeof((adder *)0)->notes / sizeof(thing) };

static void add_many(void *arg)
{
    adder *self = arg;
    sem_wait(self->start);
    for (int i = 0; i < NOTES; i++)
        (void)!sheaf_future_add_done_callback(self->future, note_run, &self->notes[i], drop_thing);
}

Test(callbacks, that_are_added_while_it_is_completed_run_once, .timeout = LIMIT)
{
    for (int round = 0; round < 200; round++) {
        sem_t start;
        thing result = {0};
        adder adders[ADDERS] = {{0}};
        aside threads[ADDERS];
        sheaf_future *future = bare();
        sem_init(&start, 0, 0);
        for (int i = 0; i < ADDERS; i++) {
            adders[i] = (adder){.future = future, .start = &start};
            aside_start(&threads[i], add_many, &adders[i]);
        }
        for (int i = 0; i < ADDERS; i++)
            sem_post(&start);
        for (volatile int spin = 0; spin < round * 50; spin++) {
        }
        set_result(future, &result);
        for (int i = 0; i < ADDERS; i++)
            aside_join(&threads[i]);
        for (int i = 0; i < ADDERS * NOTES; i++) {
            const thing *note = &adders[i / NOTES].notes[i % NOTES];
            cr_assert_eq(note->runs, 1, "round %d: note %d ran %d times", round, i,
                         (int)note->runs);
            cr_assert_eq(note->drops, 1);
        }
        sheaf_future_release(future);
    }
}

/* ---- the context ---- */

Test(callbacks, that_never_run_have_their_context_dropped_with_the_future, .timeout = LIMIT)
{
    thing note = {0};
    sheaf_future *future = bare();
    add_note(future, &note);
    cr_assert_eq(sheaf_future_add_done_callback(future, note_run, &note, NULL), SHEAF_OK);
    sheaf_future_release(sheaf_future_retain(future));
    cr_assert_eq(note.drops, 0);
    sheaf_future_release(future);
    cr_assert_eq(note.drops, 1, "of the two, the one that has a drop function");
    cr_assert_eq(note.runs, 0);
}

Test(callbacks, that_are_refused_leave_their_context_to_the_caller, .timeout = LIMIT)
{
    thing note = {0};
    for (kind k = PENDING; k < KINDS; k++) {
        sheaf_future *future = bare();
        make_done(future, k);
        cr_assert_eq(sheaf_future_add_done_callback(future, NULL, &note, drop_thing), SHEAF_EINVAL);
        sheaf_future_release(future);
    }
    cr_assert_eq(note.drops, 0);
}

static void drop_after_run(void *context)
{
    thing *self = context;
    if (self->runs == 1)
        drop_thing(self);
}

Test(callbacks, have_their_context_dropped_right_after_they_ran, .timeout = LIMIT)
{
    for (int added_when_done = 0; added_when_done < 2; added_when_done++) {
        thing note = {0};
        sheaf_future *future = bare();
        if (added_when_done)
            set_error(future, "failed");
        cr_assert_eq(sheaf_future_add_done_callback(future, note_run, &note, drop_after_run),
                     SHEAF_OK);
        if (!added_when_done)
            set_error(future, "failed");
        cr_assert_eq(note.drops, 1, "and not only with the future");
        sheaf_future_release(future);
        cr_assert_eq(note.drops, 1);
    }
}

/* ---- in which thread ---- */

Test(callbacks, added_when_it_is_done_run_now_in_the_caller, .timeout = LIMIT)
{
    for (kind k = CANCELLED; k < KINDS; k++) {
        sheaf_future *future = bare();
        make_done(future, k);
        for (int i = 0; i < 3; i++) {
            thing note = {0};
            add_note(future, &note);
            cr_assert_eq(note.runs, 1, "%s", kind_name(k));
            cr_assert_eq(note.runner, (int)gettid());
        }
        sheaf_future_release(future);
    }
}

typedef struct maker {
    sheaf_future *future;
    kind kind;
    int thread;
} maker;

static void make_done_aside(void *arg)
{
    maker *self = arg;
    self->thread = (int)gettid();
    make_done(self->future, self->kind);
}

Test(callbacks, are_run_by_the_thread_that_completes_or_cancels, .timeout = LIMIT)
{
    for (kind k = CANCELLED; k < KINDS; k++) {
        thing note = {0};
        aside thread;
        maker self = {.future = bare(), .kind = k};
        add_note(self.future, &note);
        aside_start(&thread, make_done_aside, &self);
        aside_join(&thread);
        cr_assert_eq(note.runner, self.thread, "%s", kind_name(k));
        cr_assert_eq(note.dropper, self.thread, "%s", kind_name(k));
        sheaf_future_release(self.future);
    }
}

static sheaf_status tell_thread(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err;
    *result = (void *)(size_t)gettid();
    return SHEAF_OK;
}

Test(callbacks, of_a_task_are_run_by_the_worker_that_ran_it, .timeout = LIMIT)
{
    held_pool pool;
    thing note = {0};
    held_pool_init(&pool);
    sheaf_future *queued = submit(pool.executor, tell_thread, NULL);
    add_note(queued, &note);
    held_pool_end(&pool);
    cr_assert_eq(note.runs, 1);
    cr_assert_eq(note.runner, (int)(size_t)result_of(queued));
    sheaf_future_release(queued);
}

Test(callbacks, of_a_queued_task_are_run_by_who_cancels_it_before_cancel_comes_back,
     .timeout = LIMIT)
{
    enum { N = 4 };
    held_pool pool;
    thing notes[N] = {{0}};
    sheaf_future *queued[N];
    held_pool_init(&pool);
    for (int i = 0; i < N; i++) {
        queued[i] = submit(pool.executor, give_back, NULL);
        add_note(queued[i], &notes[i]);
    }
    cr_assert_eq(sheaf_future_cancel(queued[0]), SHEAF_OK);
    cr_assert_eq(notes[0].runs, 1);
    cr_assert_eq(sheaf_executor_shutdown(pool.executor, false, true), SHEAF_OK);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(notes[i].runs, 1, "note %d", i);
        cr_assert_eq(notes[i].runner, (int)gettid());
    }
    release_all(queued, N);
    held_pool_end(&pool);
}

static sheaf_status refuse(sheaf_worker *worker, void *init_arg, sheaf_error *err)
{
    (void)worker;
    sem_wait(&((gate *)init_arg)->open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "refused");
}

static void see_broken(sheaf_future *future, void *context)
{
    sheaf_error err;
    if (sheaf_future_result(future, 0, NULL, &err) == SHEAF_EBROKEN)
        note_run(future, context);
}

Test(callbacks, of_tasks_that_a_broken_pool_gives_up_are_run_too, .timeout = LIMIT)
{
    enum { N = 4 };
    gate g;
    thing notes[N] = {{0}};
    sheaf_future *futures[N];
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {
        .size = sizeof options, .max_workers = 1, .initializer = refuse, .init_arg = &g};
    gate_init(&g);
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    for (int i = 0; i < N; i++) {
        futures[i] = submit(executor, give_back, NULL);
        cr_assert_eq(sheaf_future_add_done_callback(futures[i], see_broken, &notes[i], drop_thing),
                     SHEAF_OK);
    }
    gate_open(&g, 1);
    sheaf_executor_destroy(executor);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(notes[i].runs, 1, "note %d", i);
        cr_assert_eq(notes[i].drops, 1, "note %d", i);
    }
    release_all(futures, N);
}

Test(callbacks, of_a_sequential_executor_run_in_the_caller, .timeout = LIMIT)
{
    thing note = {0};
    sheaf_executor *executor = sequential();
    sheaf_future *future = submit(executor, give_back, NULL);
    add_note(future, &note);
    cr_assert_eq(note.runs, 1);
    cr_assert_eq(note.runner, (int)gettid());
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* ---- after who waits ---- */

static void pass_gate_in_callback(sheaf_future *future, void *context)
{
    (void)future;
    gate *g = context;
    sem_post(&g->entered);
    sem_wait(&g->open);
    atomic_fetch_add(&g->passed, 1);
}

static void complete(void *future)
{
    static thing result;
    (void)!sheaf_future_set_result(future, &result);
}

Test(callbacks, keep_nobody_waiting_who_waits_for_the_future, .timeout = LIMIT)
{
    gate g;
    aside completer;
    waiter waiting;
    bool done = false;
    sheaf_as_completed *iterator = NULL;
    sheaf_future *next = NULL;
    sheaf_future *future = bare();
    gate_init(&g);
    cr_assert_eq(sheaf_future_add_done_callback(future, pass_gate_in_callback, &g, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_as_completed_open(&future, 1, -1, &iterator, NULL), SHEAF_OK);
    waiter_start(&waiting, future);
    aside_start(&completer, complete, future);
    sem_wait(&g.entered); /* and there it stays */
    pthread_join(waiting.thread, NULL);
    cr_assert_eq(waiting.status, SHEAF_OK);
    cr_assert_eq(sheaf_wait(&future, 1, -1, SHEAF_ALL_COMPLETED, &done, NULL), SHEAF_OK);
    cr_assert(done);
    cr_assert_eq(sheaf_as_completed_next(iterator, &next, NULL, NULL), SHEAF_OK);
    sheaf_future_release(next);
    sheaf_as_completed_close(iterator);
    cr_assert_eq(g.passed, 0);
    gate_open(&g, 1);
    aside_join(&completer);
    sheaf_future_release(future);
}

Test(callbacks, of_a_task_keep_nobody_waiting_either, .timeout = LIMIT)
{
    held_pool pool;
    gate g;
    gate_init(&g);
    held_pool_init(&pool);
    cr_assert_eq(sheaf_future_add_done_callback(pool.running, pass_gate_in_callback, &g, NULL),
                 SHEAF_OK);
    gate_open(&pool.gate, 1);
    cr_assert_eq(result_of(pool.running), &pool.gate);
    cr_assert_eq(g.passed, 0);
    gate_open(&g, 1);
    held_pool_end(&pool);
    cr_assert_eq(g.passed, 1, "the pool's end waits for it");
}

/* ---- they may call anything ---- */

/* Each of these sets a bit when what it called did what it should. */
typedef struct caller {
    sheaf_executor *executor;
    sheaf_future *own;    /* a reference, to be released inside */
    sheaf_future *others; /* a bare one, pending */
    sheaf_future *queued;
    thing note;
    atomic_uint good;
} caller;

enum {
    SAW_RESULT = 1,
    SUBMITTED = 2,
    ADDED = 4,
    CANCELLED_OTHER = 8,
    FINISHED_OTHER = 16,
    WAITED = 32,
    RELEASED = 64,
    ALL_GOOD = 127
};

static void call_anything(sheaf_future *future, void *context)
{
    caller *self = context;
    unsigned good = 0;
    static thing result;
    sheaf_future *more = NULL;
    sheaf_task task = {.run = give_back};
    if (sheaf_future_done(future) && sheaf_future_result(future, 0, NULL, NULL) == SHEAF_OK)
        good |= SAW_RESULT;
    if (sheaf_executor_submit(self->executor, &task, &more, NULL) == SHEAF_OK)
        good |= SUBMITTED;
    if (sheaf_future_add_done_callback(future, note_run, &self->note, NULL) == SHEAF_OK &&
        self->note.runs == 1 && self->note.runner == (int)gettid())
        good |= ADDED; /* it is done: it ran at once */
    if (sheaf_future_cancel(self->queued) == SHEAF_OK)
        good |= CANCELLED_OTHER;
    if (sheaf_future_set_result(self->others, &result) == SHEAF_OK)
        good |= FINISHED_OTHER;
    sheaf_future *all[] = {future, self->others, self->queued};
    if (sheaf_wait(all, 3, -1, SHEAF_ALL_COMPLETED, NULL, NULL) == SHEAF_OK)
        good |= WAITED;
    sheaf_future_cancel(more);
    sheaf_future_release(more);
    sheaf_future_release(self->own);
    if (sheaf_future_get_state(future) == SHEAF_FUTURE_FINISHED)
        good |= RELEASED; /* it is alive while we run */
    atomic_store(&self->good, good);
}

static void call_anything_elsewhere(void *arg)
{
    caller *self = arg;
    call_anything(self->own, self);
}

/* In a thread that cannot have a lock of the one that waits for it. */
static void call_from_elsewhere(sheaf_future *future, void *context)
{
    (void)future;
    aside thread;
    aside_start(&thread, call_anything_elsewhere, context);
    aside_join(&thread);
}

/* How the future is completed: by hand, or by a worker. */
static void assert_may_call(sheaf_callback_fn callback, bool by_worker)
{
    held_pool pool;
    static thing result;
    held_pool_init(&pool);
    caller self = {.executor = pool.executor,
                   .own = by_worker ? sheaf_future_retain(pool.running) : bare(),
                   .others = bare(),
                   .queued = submit(pool.executor, give_back, NULL)};
    cr_assert_eq(sheaf_future_add_done_callback(self.own, callback, &self, NULL), SHEAF_OK);
    if (!by_worker) {
        set_result(self.own, &result);
        cr_assert_eq(self.good, ALL_GOOD, "%x", (unsigned)self.good);
    }
    gate_open(&pool.gate, by_worker);
    while (self.good == 0)
        sched_yield(); /* a shutdown would refuse what it submits */
    held_pool_end(&pool);
    cr_assert_eq(self.good, ALL_GOOD, "%x", (unsigned)self.good);
    sheaf_future_release(self.others);
    sheaf_future_release(self.queued);
}

Test(callbacks, may_call_anything, .timeout = LIMIT)
{
    assert_may_call(call_anything, false);
    assert_may_call(call_anything, true);
}

Test(callbacks, run_with_no_lock_held, .timeout = LIMIT)
{
    assert_may_call(call_from_elsewhere, false);
    assert_may_call(call_from_elsewhere, true);
}

static void release_it(sheaf_future *future, void *context)
{
    (void)context;
    sheaf_future_release(future);
}

Test(callbacks, may_release_the_last_reference, .timeout = LIMIT)
{
    for (int added_when_done = 0; added_when_done < 2; added_when_done++) {
        thing result = {0};
        thing note = {0};
        sheaf_future *future = bare();
        if (added_when_done)
            set_result(future, &result);
        else
            add_note(future, &note);
        cr_assert_eq(sheaf_future_add_done_callback(future, release_it, NULL, NULL), SHEAF_OK);
        if (!added_when_done) {
            add_note(future, &note);
            set_result(future, &result);
            cr_assert_eq(note.runs, 2, "the one behind it runs all the same");
            cr_assert_eq(note.drops, 2);
        }
        cr_assert_eq(result.drops, 1);
    }
}

static void submit_and_wait(sheaf_future *future, void *context)
{
    (void)future;
    caller *self = context;
    sheaf_future *more = NULL;
    sheaf_task task = {.run = give_back, .arg = self};
    void *result = NULL;
    if (sheaf_executor_submit(self->executor, &task, &more, NULL) == SHEAF_OK &&
        sheaf_future_result(more, -1, &result, NULL) == SHEAF_OK && result == self)
        atomic_store(&self->good, 1);
    sheaf_future_release(more);
}

Test(callbacks, may_wait_in_the_only_worker_for_what_they_submit, .timeout = LIMIT)
{
    held_pool pool;
    held_pool_init(&pool);
    caller self = {.executor = pool.executor};
    cr_assert_eq(sheaf_future_add_done_callback(pool.running, submit_and_wait, &self, NULL),
                 SHEAF_OK);
    gate_open(&pool.gate, 1);
    while (sheaf_executor_stats_get(pool.executor).finished < 2)
        sched_yield(); /* a shutdown would refuse what it submits */
    held_pool_end(&pool);
    cr_assert_eq(self.good, 1);
}

static void shut_down(sheaf_future *future, void *context)
{
    (void)future;
    caller *self = context;
    if (sheaf_executor_shutdown(self->executor, true, true) == SHEAF_EDEADLK)
        atomic_store(&self->good, 1);
}

Test(callbacks, may_shut_down_the_pool_that_runs_them, .timeout = LIMIT)
{
    held_pool pool;
    held_pool_init(&pool);
    caller self = {.executor = pool.executor};
    sheaf_future *queued = submit(pool.executor, give_back, NULL);
    cr_assert_eq(sheaf_future_add_done_callback(pool.running, shut_down, &self, NULL), SHEAF_OK);
    gate_open(&pool.gate, 1);
    cr_assert_eq(sheaf_future_result(queued, -1, NULL, NULL), SHEAF_ECANCELLED);
    sheaf_future_release(queued);
    held_pool_end(&pool);
    cr_assert_eq(self.good, 1);
}

static void pass_on(sheaf_future *future, void *context)
{
    void *result = NULL;
    if (sheaf_future_result(future, 0, &result, NULL) == SHEAF_OK)
        (void)!sheaf_future_set_result(context, result);
}

Test(callbacks, may_complete_futures_whose_callbacks_complete_others, .timeout = LIMIT)
{
    enum { N = 200 };
    static thing result;
    sheaf_future *futures[N];
    for (int i = 0; i < N; i++)
        cr_assert_eq(sheaf_future_create(NULL, &futures[i], NULL), SHEAF_OK);
    for (int i = 1; i < N; i++)
        cr_assert_eq(sheaf_future_add_done_callback(futures[i - 1], pass_on, futures[i], NULL),
                     SHEAF_OK);
    set_result(futures[0], &result);
    for (int i = 0; i < N; i++)
        cr_assert_eq(result_of(futures[i]), &result, "%d", i);
    release_all(futures, N);
}
