/*
 * What goes over the socket between a pool and a worker process: messages of a fixed header and a
 * payload. A payload of more than 64 KiB does not go through the socket, if it can be helped: it
 * lies in a memfd, sealed against shrinking, whose descriptor is passed along (unix(7),
 * SCM_RIGHTS), and is mapped by the receiver.
 *
 *     HELLO   to the worker      who it is, its init and end functions, the page of the stop word
 *     READY   to the pool        whether its init function succeeded
 *     CALL    to the worker      n calls
 *     REPLY   to the pool        so many results; if there are fewer than calls, the error of the
 *                                next, and what that call had replied before it failed
 *     LEAVE   to the worker      run the end function and exit
 *
 * Both ends are the same build on the same machine (HELLO sees to that), so that structs travel as
 * they are. Within a payload every item begins at a multiple of 8.
 */
#ifndef SHEAF_EXECUTOR_WIRE_H
#define SHEAF_EXECUTOR_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/call.h>
#include <sheaf/version.h>

#include "engine/executor/call.h"

enum {
    SHEAF__WIRE_INLINE_MAX = 64 << 10,
    SHEAF__WIRE_SOCKET = 3, /* the descriptor of a worker's end */
    SHEAF__WIRE_VERSION =
        (SHEAF_VERSION_MAJOR << 16) + (SHEAF_VERSION_MINOR << 8) + SHEAF_VERSION_PATCH,
    SHEAF__WIRE_NAME_BYTES = SHEAF__FUNCTION_NAME_MAX + 1
};

typedef enum sheaf__message_type {
    SHEAF__HELLO = 1,
    SHEAF__READY,
    SHEAF__CALL,
    SHEAF__REPLY,
    SHEAF__LEAVE
} sheaf__message_type;

typedef struct sheaf__message {
    sheaf__message_type type;
    uint32_t number;  /* of the call, from 1; a reply has its call's */
    uint32_t n_items; /* calls, or results */
    sheaf_status status;
    int descriptor; /* passed along; -1 for none. Of a received one: the receiver's to close */
    const void *bytes;
    size_t n_bytes;
    void *memory; /* of a received one: what holds the bytes, malloc'ed or mapped */
    size_t n_mapped;
} sheaf__message;

/* Whom the other end is waited for with: its process (pidfd, or -1), and until when. */
typedef struct sheaf__wire {
    int socket;
    int process;
    int64_t deadline_ns;
} sheaf__wire;

/*
 * Send or receive one message, whole.
 *
 * Returns    OK; END: the other end is gone; ETIMEDOUT. Of receive also ENOMEM and EIO with *err;
 *            ERESOURCE with *err: the message came, but for its payload; EINVAL: what came is no
 *            message.
 */
sheaf_status sheaf__wire_send(const sheaf__wire *wire, const sheaf__message *message);
sheaf_status sheaf__wire_receive(const sheaf__wire *wire, sheaf__message *message,
                                 sheaf_error *err);

/* Give back what holds the bytes of a received message, and its descriptor. */
void sheaf__message_end(sheaf__message *message);

/* ---- payloads ---- */

typedef struct sheaf__hello {
    uint32_t version; /* of the library */
    uint32_t error_bytes;
    int32_t index;
    int32_t parent;
    char name[64];
    char init_function[SHEAF__WIRE_NAME_BYTES]; /* empty: none */
    char end_function[SHEAF__WIRE_NAME_BYTES];
    uint64_t n_init_bytes; /* they follow */
} sheaf__hello;

/* What precedes each item of a payload. */
typedef struct sheaf__item {
    char function[SHEAF__WIRE_NAME_BYTES]; /* of a call */
    uint64_t n_bytes;                      /* they follow, filled up to a multiple of 8 */
} sheaf__item;

/* Append an item to a payload that is being made. */
sheaf_status sheaf__payload_add(sheaf_reply *payload, const char *function, const void *bytes,
                                size_t n_bytes);

/* The item at *offset of a payload, which is moved behind it; NULL when there is none. */
const sheaf__item *sheaf__payload_next(const sheaf__message *message, size_t *offset,
                                       const void **bytes);

#endif
