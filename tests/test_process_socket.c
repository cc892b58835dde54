/*
 * Worker processes whose socket does not say what it should: garbage, answers that make no sense,
 * the beginning of one, or nothing, because it was closed or is held open by somebody else.
 */
#include "engine/executor/process/wire.h"
#include "tests/support_process.h"

static const char garbage[] = "this is no message, and it is long enough to be taken for the "
                              "beginning of one, should nobody look at what it says";

static socket_order order_of(int32_t ends, int32_t stays, size_t n_bytes)
{
    socket_order order = {.ends = ends, .stays = stays, .n_bytes = (uint32_t)n_bytes};
    memset(order.bytes, 'x', sizeof order.bytes);
    memcpy(order.bytes, garbage, sizeof garbage);
    return order;
}

PROCESS_TEST(process_socket, an_answer_that_cannot_be_read_breaks_the_pool_whatever_the_policy,
             LIMIT)
{
    static const size_t sizes[] = {1, sizeof garbage, 4096}; /* 1: what follows is out of step */
    for (int i = 0; i < 6; i++) {
        test_gate g;
        test_gate_init(&g);
        sheaf_executor *executor = pool_that(2, (sheaf_child_lost)(i % 2));
        socket_order order = order_of(0, sizes[i / 2] > 1, sizes[i / 2]);
        sheaf_future *held = call_held(executor, &g);
        assert_fails(call(executor, "write_to_socket", &order, sizeof order), SHEAF_EBROKEN,
                     "cannot be read");
        assert_fails(held, SHEAF_EBROKEN, "cannot be read");
        assert_refuses(executor, SHEAF_EBROKEN, "cannot be read");
        sheaf_executor_destroy(executor);
        test_gate_end(&g);
    }
}

/* A payload of one item: how long it says it is, and how long it is. */
static forged_reply forge_item(uint64_t n_said, size_t n_bytes)
{
    forged_reply forged = {.n_items = 1, .n_bytes = (uint32_t)n_bytes};
    sheaf__item item = {.n_bytes = n_said};
    memcpy(forged.payload, &item, sizeof item);
    return forged;
}

PROCESS_TEST(process_socket, so_does_one_that_is_a_message_but_makes_no_sense, LIMIT)
{
    enum { ITEM = (int)sizeof(sheaf__item) };
    forged_reply good = forge_item(8, ITEM + 8);
    forged_reply wrong[10];
    int n = 0;
    wrong[n] = good, wrong[n++].number = 1;
    wrong[n] = good, wrong[n++].number = -1;
    wrong[n] = good, wrong[n++].n_items = 2;
    wrong[n] = good, wrong[n++].type = SHEAF__READY;
    wrong[n] = good, wrong[n++].type = 77;
    wrong[n] = good, wrong[n++].n_items = 0; /* neither a result nor a failure */
    wrong[n++] = forge_item(9, ITEM + 8);
    wrong[n++] = forge_item(UINT64_MAX - 8, ITEM + 8);
    wrong[n++] = forge_item(0, ITEM - 8);
    wrong[n++] = forge_item(0, 0);
    for (int i = 0; i < n; i++) {
        sheaf_executor *executor = restarting_pool(1);
        sheaf_future *future = call(executor, "forge_a_reply", &wrong[i], sizeof wrong[i]);
        sheaf_error err;
        sheaf_status status = sheaf_future_result(future, -1, NULL, &err);
        cr_assert_eq(status, SHEAF_EBROKEN, "%d: %s", i, sheaf_status_name(status));
        sheaf_future_release(future);
        assert_refuses(executor, SHEAF_EBROKEN, "cannot be read");
        cr_assert_eq(sheaf_executor_kill(executor, SIGKILL), SHEAF_OK);
        sheaf_executor_destroy(executor);
    }
    sheaf_executor *executor = restarting_pool(1); /* and that it was not forged in vain */
    sheaf_future *future = call(executor, "forge_a_reply", &good, sizeof good);
    cr_assert_eq(block_of(future)->n_bytes, 8);
    sheaf_future_release(future);
    cr_assert_eq(sheaf_executor_kill(executor, SIGKILL), SHEAF_OK);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_socket, one_that_ends_in_the_middle_of_a_message_is_lost, LIMIT)
{
    for (size_t n = 1; n <= 5; n += 4) {
        sheaf_executor *executor = restarting_pool(1);
        socket_order order = order_of(1, 0, n);
        assert_fails(call(executor, "write_to_socket", &order, sizeof order), SHEAF_EWORKER,
                     "exit code 0");
        assert_works(executor);
        sheaf_executor_destroy(executor);
    }
}

PROCESS_TEST(process_socket, one_that_closes_its_socket_is_lost_whether_it_ends_or_stays, LIMIT)
{
    for (int32_t stays = 0; stays <= 1; stays++) {
        sheaf_executor *executor = restarting_pool(1);
        socket_order order = order_of(0, stays, 0);
        assert_fails(call(executor, "close_socket", &order, sizeof order), SHEAF_EWORKER,
                     "its worker process");
        assert_works(executor);
        cr_assert_eq(sheaf_executor_stats_get(executor).lost, 1);
        sheaf_executor_destroy(executor);
    }
}

/* The socket is not closed then: it is the end of the process that is seen. */
PROCESS_TEST(process_socket, one_whose_own_child_keeps_the_socket_open_is_lost_at_once, LIMIT)
{
    for (int policy = SHEAF_CHILD_LOST_BREAK; policy <= SHEAF_CHILD_LOST_RESTART; policy++) {
        test_gate g;
        test_gate_init(&g);
        sheaf_executor *executor = pool_that(1, (sheaf_child_lost)policy);
        sheaf_future *future = call(executor, "leave_a_grandchild", &g.path, sizeof g.path);
        await_entered(&g, 1);
        int grandchild = watch_process(atomic_load(&g.page->guest));
        assert_fails(future, policy == SHEAF_CHILD_LOST_RESTART ? SHEAF_EWORKER : SHEAF_EBROKEN,
                     "exit code 5");
        if (policy == SHEAF_CHILD_LOST_RESTART)
            assert_works(executor);
        sheaf_executor_destroy(executor);
        test_gate_open(&g, 1);
        await_watched(grandchild);
        test_gate_end(&g);
    }
}
