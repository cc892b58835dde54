/*
 * A line of JSON as we write it: an object whose members are texts, whole numbers, true, false and
 * null. Texts are as sheaf_text_json() writes them: a byte that is no UTF-8 stands there as a lone
 * surrogate (\udcNN), and becomes that byte again.
 */
#ifndef SHEAF_LEDGER_JSON_LINE_H
#define SHEAF_LEDGER_JSON_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A member. Its texts are NUL-terminated, and may hold others; valid during the call. */
typedef struct sheaf__json_member {
    const char *name;
    const char *text; /* NULL: it is a number, or null */
    size_t n_text;
    int64_t number; /* of a number, or true: 1 */
    bool is_null;
} sheaf__json_member;

/*
 * Tell of each member of a line, which is written over. False: the line is none such, or
 * on_member() said so.
 */
bool sheaf__json_line(char *line, size_t n_bytes,
                      bool (*on_member)(void *context, const sheaf__json_member *member),
                      void *context);

#endif
