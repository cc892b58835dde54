/*
 * libpq, found when a server is first spoken to.
 *
 * Linked to the program it would be loaded by every run, with two dozen libraries of its own (TLS,
 * Kerberos, LDAP): 3.5 of the 5.4 ms of CPU time that a start took. So the program needs libpq only
 * where PostgreSQL is the destination, and says so where it is not installed.
 */
#ifndef SHEAF_SINKS_POSTGRES_LIBRARY_H
#define SHEAF_SINKS_POSTGRES_LIBRARY_H

#include <libpq-fe.h>

#include <sheaf/status.h>

/* What is used of it. */
#define SHEAF__PQ_FUNCTIONS(X)                                                                     \
    X(cancel)                                                                                      \
    X(clear)                                                                                       \
    X(cmdStatus)                                                                                   \
    X(cmdTuples)                                                                                   \
    X(connectPoll)                                                                                 \
    X(connectStartParams)                                                                          \
    X(conninfo)                                                                                    \
    X(conninfoFree)                                                                                \
    X(conninfoParse)                                                                               \
    X(consumeInput)                                                                                \
    X(errorMessage)                                                                                \
    X(finish)                                                                                      \
    X(flush)                                                                                       \
    X(freeCancel)                                                                                  \
    X(freemem)                                                                                     \
    X(getCancel)                                                                                   \
    X(getResult)                                                                                   \
    X(getisnull)                                                                                   \
    X(getvalue)                                                                                    \
    X(isBusy)                                                                                      \
    X(ntuples)                                                                                     \
    X(parameterStatus)                                                                             \
    X(putCopyData)                                                                                 \
    X(putCopyEnd)                                                                                  \
    X(resultErrorField)                                                                            \
    X(resultStatus)                                                                                \
    X(sendQuery)                                                                                   \
    X(sendQueryParams)                                                                             \
    X(serverVersion)                                                                               \
    X(setNoticeReceiver)                                                                           \
    X(setnonblocking)                                                                              \
    X(socket)                                                                                      \
    X(status)                                                                                      \
    X(transactionStatus)

#define SHEAF__PQ_MEMBER(name) __typeof__(PQ##name) *name;

/* They have the names that libpq gives them, without PQ. */
typedef struct sheaf__pq_functions {
    SHEAF__PQ_FUNCTIONS(SHEAF__PQ_MEMBER)
} sheaf__pq_functions;

/* All are there once loading has succeeded, and stay. */
extern sheaf__pq_functions sheaf__pq;

/* Any number of times, by any thread. OK; EDATABASE: it is not there, or lacks a function. */
sheaf_status sheaf__pq_load(sheaf_error *err);

#endif
