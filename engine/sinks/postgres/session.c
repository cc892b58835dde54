/* A connection to a PostgreSQL server: see session.h. */
#include "engine/sinks/postgres/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/sinks/postgres/uri.h"

enum {
    TICK_MS = 50,
    ROLLBACK_MS = 2000, /* more is not waited for: the server rolls back when we are gone */
    NOTICE_NS = 1000 * 1000 * 1000
};

/* ---- errors ---- */

/* A server's text, of several lines perhaps, as one that can be shown. */
static void show(const char *text, char *shown, size_t size)
{
    char line[512];
    size_t n = 0;
    for (; *text && n < sizeof line - 1; text++) {
        bool is_blank = *text == '\n' || *text == '\t' || *text == ' ';
        if (!is_blank || (n > 0 && line[n - 1] != ' '))
            line[n++] = is_blank ? ' ' : *text;
    }
    while (n > 0 && line[n - 1] == ' ')
        n--;
    sheaf_text_escape(line, n, shown, size);
}

static const char *hint_for(const char *state)
{
    static const struct {
        const char *state; /* or its class */
        const char *hint;
    } hints[] = {
        {"53100", "make room on the server's disk and run again: nothing was committed"},
        {"28", "PGPASSWORD, a password file or the URI say the password"},
        {"3D000", "create the database first (createdb), or name another one"},
        {"42501", "the user needs the right to create or write the table"},
        {"42P07", "another program has just created it: run again"},
        {"23", "nothing was committed: the table has a rule that a row breaks"},
        {"25006", "name a server that can be written to"},
        {"57P", "nothing was committed: run again when the server is back"},
        {"08", "nothing was committed: run again when the server is back"},
        {"40", "nothing was committed: run again"},
    };
    for (size_t i = 0; state && i < sizeof hints / sizeof hints[0]; i++)
        if (strncmp(state, hints[i].state, strlen(hints[i].state)) == 0)
            return hints[i].hint;
    return NULL;
}

/* The server has refused, or is gone. `result` may be NULL. */
static sheaf_status refused(sheaf__postgres *session, const PGresult *result, const char *what,
                            sheaf_error *err)
{
    char reason[260];
    char more[160] = "";
    const char *state = sheaf__pq.resultErrorField(result, PG_DIAG_SQLSTATE);
    const char *text = sheaf__pq.resultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = sheaf__pq.resultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
    snprintf(session->state, sizeof session->state, "%s", state ? state : "");
    bool lost = !session->connection || sheaf__pq.status(session->connection) == CONNECTION_BAD;
    if (!text)
        text = session->connection ? sheaf__pq.errorMessage(session->connection) : "out of memory";
    show(*text ? text : "the connection was closed", reason, sizeof reason);
    if (detail)
        show(detail, more, sizeof more);
    sheaf_error_set(err, SHEAF_EDATABASE, "%s: %s%s%s%s", what, reason, detail ? " (" : "", more,
                    detail ? ")" : "");
    sheaf__error_source(err, session->shown);
    const char *hint = hint_for(state);
    if (!hint && lost)
        hint = "nothing was committed: run again when the server can be reached";
    if (hint)
        sheaf_error_hint(err, "%s", hint);
    return SHEAF_EDATABASE;
}

static bool is_stopped(const sheaf__postgres *session)
{
    return (session->stop && atomic_load_explicit(session->stop, memory_order_relaxed)) ||
           (session->given_up && atomic_load_explicit(session->given_up, memory_order_relaxed));
}

static sheaf_status cancelled(sheaf_error *err)
{
    return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
}

/* ---- waiting ---- */

/* Wait until the socket is ready, or a moment. ECANCELLED if the run is to end. */
static sheaf_status wait_for(const sheaf__postgres *session, short events, sheaf_error *err)
{
    struct pollfd descriptor = {.fd = sheaf__pq.socket(session->connection), .events = events};
    if (is_stopped(session))
        return cancelled(err);
    if (poll(&descriptor, 1, TICK_MS) < 0 && errno != EINTR)
        return sheaf__error_system(err, errno, "cannot wait for the server", NULL);
    return is_stopped(session) ? cancelled(err) : SHEAF_OK;
}

/* Send what libpq has not sent yet. */
static sheaf_status flush(sheaf__postgres *session, const char *what, sheaf_error *err)
{
    int left;
    while ((left = sheaf__pq.flush(session->connection)) == 1) {
        sheaf_status status = wait_for(session, POLLIN | POLLOUT, err);
        if (status < 0)
            return status;
        if (!sheaf__pq.consumeInput(session->connection)) /* or both sides wait for each other */
            return refused(session, NULL, what, err);
    }
    return left == 0 ? SHEAF_OK : refused(session, NULL, what, err);
}

/* The next result, NULL if there is none, for what was sent. */
static sheaf_status next_result(sheaf__postgres *session, const char *what, PGresult **result,
                                sheaf_error *err)
{
    *result = NULL;
    sheaf_status status = flush(session, what, err);
    bool lost = status < 0 && sheaf__pq.status(session->connection) == CONNECTION_BAD;
    while (status == SHEAF_OK && sheaf__pq.isBusy(session->connection)) {
        status = wait_for(session, POLLIN, err);
        if (status == SHEAF_OK && !sheaf__pq.consumeInput(session->connection))
            break;
    }
    /* When the server is gone its last words may be there all the same: they are a result. */
    if (status == SHEAF_OK || lost)
        *result = sheaf__pq.getResult(session->connection);
    return *result ? SHEAF_OK : status;
}

static bool is_good(const PGresult *result)
{
    ExecStatusType kind = sheaf__pq.resultStatus(result);
    return kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK;
}

/*
 * Take all results: the first failure counts; of the good ones *last, if that is wanted, is the
 * last. A COPY that has begun ends the results that there are for now.
 */
static sheaf_status take_results(sheaf__postgres *session, const char *what, PGresult **last,
                                 sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    PGresult *result;
    for (;;) {
        sheaf_status taken = next_result(session, what, &result, status < 0 ? NULL : err);
        if (taken < 0 || !result)
            return status < 0 ? status : taken;
        if (sheaf__pq.resultStatus(result) == PGRES_COPY_IN) {
            sheaf__pq.clear(result);
            session->is_copying = sheaf__pq.status(session->connection) == CONNECTION_OK;
            return session->is_copying || status < 0 ? status : refused(session, NULL, what, err);
        }
        if (status == SHEAF_OK && !is_good(result))
            status = refused(session, result, what, err);
        if (last) {
            sheaf__pq.clear(*last);
            *last = result;
        } else {
            sheaf__pq.clear(result);
        }
        if (sheaf__pq.status(session->connection) == CONNECTION_BAD)
            return status < 0 ? status : refused(session, NULL, what, err);
    }
}

/* ---- statements ---- */

sheaf_status sheaf__postgres_run(sheaf__postgres *session, const char *sql, const char *what,
                                 sheaf_error *err)
{
    if (!sheaf__pq.sendQuery(session->connection, sql))
        return refused(session, NULL, what, err);
    return take_results(session, what, NULL, err);
}

sheaf_status sheaf__postgres_query(sheaf__postgres *session, const char *sql, int n_parameters,
                                   const char *const *parameters, const char *what,
                                   PGresult **result, sheaf_error *err)
{
    *result = NULL;
    if (!sheaf__pq.sendQueryParams(session->connection, sql, n_parameters, NULL, parameters, NULL,
                                   NULL, 0))
        return refused(session, NULL, what, err);
    sheaf_status status = take_results(session, what, result, err);
    if (status == SHEAF_OK && *result)
        return SHEAF_OK;
    sheaf__pq.clear(*result);
    *result = NULL;
    return status < 0 ? status : refused(session, NULL, what, err);
}

/* ---- COPY ---- */

sheaf_status sheaf__postgres_copy_begin(sheaf__postgres *session, const char *sql, const char *what,
                                        sheaf_error *err)
{
    session->suspected_ns = 0;
    sheaf_status status = sheaf__postgres_run(session, sql, what, err);
    if (status == SHEAF_OK && !session->is_copying)
        return refused(session, NULL, what, err);
    return status;
}

/*
 * Whether the server has most likely refused what it was sent. It says so at once, but libpq shows
 * it only when the COPY has ended: so a server that says something which turns out to be no notice,
 * even after a while, is taken for one that has refused.
 */
static bool seems_to_refuse(sheaf__postgres *session)
{
    struct pollfd descriptor = {.fd = sheaf__pq.socket(session->connection), .events = POLLIN};
    uint64_t before = session->n_notices;
    if (poll(&descriptor, 1, 0) > 0) {
        (void)sheaf__pq.consumeInput(session->connection); /* a failure is met when we send */
        (void)sheaf__pq.isBusy(session->connection);       /* it takes notices */
        if (session->n_notices == before && session->suspected_ns == 0) {
            session->suspected_ns = sheaf__now_ns();
            session->n_notices_then = before;
        }
    }
    if (session->suspected_ns != 0 && session->n_notices != session->n_notices_then)
        session->suspected_ns = 0;
    return session->suspected_ns != 0 && sheaf__now_ns() - session->suspected_ns > NOTICE_NS;
}

/* The server has refused, or is gone: it may have said why. */
static sheaf_status last_words(sheaf__postgres *session, const char *what, sheaf_error *err)
{
    uint64_t n_rows;
    sheaf_status status = sheaf__postgres_copy_end(session, what, &n_rows, err);
    return status < 0 ? status : refused(session, NULL, what, err);
}

static bool is_gone(const sheaf__postgres *session)
{
    return sheaf__pq.status(session->connection) == CONNECTION_BAD;
}

sheaf_status sheaf__postgres_copy_put(sheaf__postgres *session, const char *bytes, size_t n_bytes,
                                      sheaf_error *err)
{
    static const char what[] = "cannot write rows";
    enum { PIECE_BYTES = 64 << 10 };
    while (n_bytes > 0) {
        int n = n_bytes < PIECE_BYTES ? (int)n_bytes : PIECE_BYTES;
        if (is_stopped(session))
            return cancelled(err);
        if (is_gone(session) || seems_to_refuse(session))
            return last_words(session, what, err);
        int taken = sheaf__pq.putCopyData(session->connection, bytes, n);
        if (taken < 0)
            return last_words(session, what, err);
        if (taken > 0) {
            bytes += n;
            n_bytes -= (size_t)n;
        }
        sheaf_status status = flush(session, what, err);
        if (status < 0)
            return is_gone(session) ? last_words(session, what, err) : status;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__postgres_copy_end(sheaf__postgres *session, const char *what, uint64_t *n_rows,
                                      sheaf_error *err)
{
    PGresult *result = NULL;
    int taken;
    *n_rows = 0;
    while ((taken = sheaf__pq.putCopyEnd(session->connection, NULL)) == 0) { /* would block */
        sheaf_status status = flush(session, what, err);
        if (status < 0)
            return status;
    }
    session->is_copying = false;
    if (taken < 0 && sheaf__pq.status(session->connection) != CONNECTION_BAD)
        return refused(session, NULL, what, err);
    sheaf_status status = take_results(session, what, &result, err);
    if (status == SHEAF_OK && result)
        *n_rows = strtoull(sheaf__pq.cmdTuples(result), NULL, 10);
    sheaf__pq.clear(result);
    return status;
}

/* ---- the beginning ---- */

static void count_notice(void *session, const PGresult *result)
{
    (void)result; /* nobody prints here */
    ((sheaf__postgres *)session)->n_notices++;
}

/* The time that the user gives it, in ns; 0: as long as the system tries. */
static int64_t patience(PGconn *connection)
{
    int64_t seconds = 0;
    int64_t n_hosts = 1;
    PQconninfoOption *options = sheaf__pq.conninfo(connection);
    for (PQconninfoOption *each = options; each && each->keyword; each++) {
        if (strcmp(each->keyword, "connect_timeout") == 0 && each->val)
            seconds = strtol(each->val, NULL, 10);
        if (strcmp(each->keyword, "host") == 0 && each->val)
            for (const char *at = each->val; *at; at++)
                n_hosts += *at == ',';
    }
    sheaf__pq.conninfoFree(options);
    return seconds > 0 ? seconds * n_hosts * 1000 * 1000 * 1000 : 0;
}

static sheaf_status poll_connection(sheaf__postgres *session, sheaf_error *err)
{
    static const char what[] = "cannot connect";
    int64_t limit = patience(session->connection);
    int64_t begun = sheaf__now_ns();
    short events = POLLOUT; /* as the manual says: it begins as if it had to write */
    for (;;) {
        struct pollfd descriptor = {.fd = sheaf__pq.socket(session->connection), .events = events};
        int ready = poll(&descriptor, 1, TICK_MS);
        if (is_stopped(session))
            return cancelled(err);
        if (limit > 0 && sheaf__now_ns() - begun > limit) {
            sheaf_error_set(err, SHEAF_EDATABASE, "%s: the server does not answer", what);
            sheaf__error_source(err, session->shown);
            return SHEAF_EDATABASE;
        }
        if (ready <= 0)
            continue;
        switch (sheaf__pq.connectPoll(session->connection)) {
        case PGRES_POLLING_OK:
            return SHEAF_OK;
        case PGRES_POLLING_FAILED:
            return refused(session, NULL, what, err);
        case PGRES_POLLING_READING:
            events = POLLIN;
            break;
        default:
            events = POLLOUT;
        }
    }
}

static sheaf_status check_server(const sheaf__postgres *session, sheaf_error *err)
{
    const char *encoding = sheaf__pq.parameterStatus(session->connection, "server_encoding");
    const char *datetimes = sheaf__pq.parameterStatus(session->connection, "integer_datetimes");
    char shown[40];
    if (encoding && strcmp(encoding, "UTF8") != 0) {
        show(encoding, shown, sizeof shown);
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "the database's encoding is %s, which cannot hold every text", shown);
        sheaf_error_hint(err, "createdb --encoding UTF8 --template template0 NAME");
    } else if (!datetimes || strcmp(datetimes, "on") != 0) {
        sheaf_error_set(err, SHEAF_EDATABASE, "the server keeps times as floating-point numbers");
    } else {
        return SHEAF_OK;
    }
    sheaf__error_source(err, session->shown);
    return SHEAF_EDATABASE;
}

/*
 * Reading may take long meanwhile; rows that were committed are to be on the disk; and who has
 * waited for another load is to see what that has written.
 */
sheaf_status sheaf__postgres_begin(sheaf__postgres *session, sheaf_error *err)
{
    static const char sql[] = "SET client_min_messages = warning; SET statement_timeout = 0; "
                              "SET idle_in_transaction_session_timeout = 0; "
                              "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE; "
                              "SELECT pg_catalog.set_config('synchronous_commit', 'on', true) "
                              "WHERE pg_catalog.current_setting('synchronous_commit') = 'off'";
    sheaf_status status = sheaf__postgres_run(session, sql, "cannot begin", err);
    if (status == SHEAF_OK && sheaf__pq.serverVersion(session->connection) >= 170000)
        status = sheaf__postgres_run(session, "SET LOCAL transaction_timeout = 0", "cannot begin",
                                     err);
    return status;
}

sheaf_status sheaf__postgres_connect(sheaf__postgres *session, const char *uri,
                                     const atomic_bool *stop, sheaf_error *err)
{
    const char *const keywords[] = {"fallback_application_name", "dbname", "client_encoding", NULL};
    const char *const values[] = {"sheaf", uri, "UTF8", NULL};
    *session = (sheaf__postgres){.stop = stop};
    sheaf__postgres_show_uri(uri, session->shown, sizeof session->shown);
    session->connection = sheaf__pq.connectStartParams(keywords, values, 1);
    if (!session->connection)
        return sheaf__error_memory(err, "a connection");
    sheaf__pq.setNoticeReceiver(session->connection, count_notice, session);
    sheaf_status status = SHEAF_OK;
    if (sheaf__pq.status(session->connection) == CONNECTION_BAD)
        status = refused(session, NULL, "cannot connect", err);
    if (status == SHEAF_OK)
        status = poll_connection(session, err);
    if (status == SHEAF_OK && sheaf__pq.setnonblocking(session->connection, 1) != 0)
        status = refused(session, NULL, "cannot connect", err);
    if (status == SHEAF_OK)
        status = check_server(session, err);
    return status < 0 ? status : sheaf__postgres_begin(session, err);
}

/* ---- the end ---- */

/* What a commit that nobody has answered has become, only the server can tell. */
static sheaf_status in_doubt(const sheaf__postgres *session, const char *transaction,
                             sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EDATABASE,
                    "the connection was lost while the rows were committed: it is not known "
                    "whether they were");
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "%s; SELECT txid_status(%s) says committed or aborted",
                     session->may_repeat
                         ? "run again: what was committed is not loaded again"
                         : "run again with --resume: of files that were committed no row is loaded "
                           "again",
                     transaction);
    return SHEAF_EDATABASE;
}

sheaf_status sheaf__postgres_commit(sheaf__postgres *session, sheaf_error *err)
{
    static const char what[] = "cannot commit";
    char transaction[24];
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(session, "SELECT pg_catalog.txid_current()", 0,
                                                NULL, what, &result, err);
    if (status < 0)
        return status;
    snprintf(transaction, sizeof transaction, "%s", sheaf__pq.getvalue(result, 0, 0));
    sheaf__pq.clear(result);
    if (is_stopped(session))
        return cancelled(err);
    const atomic_bool *stop = session->stop;
    session->stop = NULL;
    result = NULL;
    if (!sheaf__pq.sendQuery(session->connection, "COMMIT"))
        return refused(session, NULL, what, err);
    status = take_results(session, what, &result, err);
    session->stop = stop;
    bool is_done = is_good(result) && strcmp(sheaf__pq.cmdStatus(result), "COMMIT") == 0;
    sheaf__pq.clear(result);
    if (is_done)
        return SHEAF_OK;
    if (is_gone(session)) /* whatever it has said: a server may end when it has just committed */
        return in_doubt(session, transaction, err);
    if (status == SHEAF_OK) /* "ROLLBACK" */
        status = refused(session, NULL, what, err);
    return status;
}

/* Ask the server to give up what it does: it may wait for a lock, and not see that we are gone. */
static void cancel(PGconn *connection)
{
    char reason[256];
    PGcancel *request = sheaf__pq.getCancel(connection);
    if (request)
        (void)sheaf__pq.cancel(request, reason, sizeof reason);
    sheaf__pq.freeCancel(request);
}

/* Wait, but not for long, until the server has done what it was asked for. */
static void wait_briefly(PGconn *connection)
{
    int64_t end = sheaf__now_ns() + (int64_t)ROLLBACK_MS * 1000 * 1000;
    while (sheaf__now_ns() < end && sheaf__pq.status(connection) == CONNECTION_OK) {
        struct pollfd descriptor = {.fd = sheaf__pq.socket(connection), .events = POLLIN};
        int left = sheaf__pq.flush(connection);
        if (left < 0)
            return;
        while (!sheaf__pq.isBusy(connection)) {
            PGresult *result = sheaf__pq.getResult(connection);
            if (!result)
                return;
            bool is_copy = sheaf__pq.resultStatus(result) == PGRES_COPY_IN;
            sheaf__pq.clear(result);
            if (is_copy && sheaf__pq.putCopyEnd(connection, "given up") < 0)
                return;
        }
        descriptor.events = (short)(left ? POLLIN | POLLOUT : POLLIN);
        (void)poll(&descriptor, 1, TICK_MS);
        if (!sheaf__pq.consumeInput(connection))
            return;
    }
}

/* So that whoever comes next finds nothing of ours, not even a lock. */
static void roll_back(sheaf__postgres *session)
{
    PGconn *connection = session->connection;
    if (sheaf__pq.transactionStatus(connection) == PQTRANS_ACTIVE && !session->is_copying)
        cancel(connection);
    if (session->is_copying && sheaf__pq.putCopyEnd(connection, "given up") < 0)
        return;
    wait_briefly(connection);
    PGTransactionStatusType state = sheaf__pq.transactionStatus(connection);
    bool is_open = state == PQTRANS_INTRANS || state == PQTRANS_INERROR;
    if (is_open && sheaf__pq.sendQuery(connection, "ROLLBACK"))
        wait_briefly(connection);
}

void sheaf__postgres_close_with(sheaf__postgres *session, const char *sql)
{
    PGconn *connection = session->connection;
    if (connection && sheaf__pq.status(connection) == CONNECTION_OK &&
        sheaf__pq.transactionStatus(connection) == PQTRANS_IDLE &&
        sheaf__pq.sendQuery(connection, sql))
        wait_briefly(connection);
    sheaf__postgres_close(session);
}

void sheaf__postgres_close(sheaf__postgres *session)
{
    if (session->connection && sheaf__pq.status(session->connection) == CONNECTION_OK)
        roll_back(session);
    sheaf__pq.finish(session->connection);
    session->connection = NULL;
}
