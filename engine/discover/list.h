/*
 * Reading a list of paths (@list, @-): one path a line, or each ended by a NUL byte.
 */
#ifndef SHEAF_DISCOVER_LIST_H
#define SHEAF_DISCOVER_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <sheaf/status.h>

/* Embedded in its user. {0} is a closed one. */
typedef struct sheaf__list {
    const char *path; /* "-": standard input */
    FILE *stream;
    int delimiter;
    char *entry;
    size_t capacity_bytes;
    uint64_t line; /* of the entry, from 1 */
} sheaf__list;

/* Open the list. The path must stay until it is closed. Returns OK; ENOENT, EIO, ENOMEM. */
sheaf_status sheaf__list_open(sheaf__list *list, const char *path, bool is_nul_separated,
                              sheaf_error *err);

/*
 * Read the next path that is not empty into list->entry, where it stays until the next call.
 *
 * Returns    OK; END; EINVAL for a NUL byte within a line; EIO, ENOMEM.
 */
sheaf_status sheaf__list_next(sheaf__list *list, sheaf_error *err);

/* A closed or half opened one is allowed. */
void sheaf__list_close(sheaf__list *list);

#endif
