/*
 * What a user says about values and columns, as bytes: see typing.h.
 *
 * First the counts; then each text with its NUL, in the order of the counts, a number before it
 * where one belongs to it: the type of a column (and what else is asked of it), the origin of an
 * added one.
 */
#include "engine/ingest/typing.h"

#include <stdlib.h>
#include <string.h>

typedef struct packed_head {
    uint64_t n_nulls;
    uint64_t n_asked;
    uint64_t n_select;
    uint64_t n_drop;
    uint64_t n_renames;
    uint64_t n_added;
    uint32_t columns;
    uint32_t match;
    uint32_t refuses_nul;
    uint32_t unused; /* no byte of it is undefined */
} packed_head;

/* ---- packing: once to count the bytes, once to write them ---- */

typedef struct writer {
    char *at; /* NULL: they are only counted */
    size_t n;
} writer;

static void put(writer *out, const void *bytes, size_t n_bytes)
{
    if (out->at)
        memcpy(out->at + out->n, bytes, n_bytes);
    out->n += n_bytes;
}

static void put_number(writer *out, unsigned number)
{
    char byte = (char)number;
    put(out, &byte, 1);
}

static void put_text(writer *out, const char *text)
{
    put(out, text, strlen(text) + 1);
}

static void put_list(writer *out, const char *const *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        put_text(out, items[i]);
}

static void put_all(writer *out, const sheaf__typing *typing)
{
    const sheaf__rules *rules = &typing->rules;
    packed_head head = {.n_nulls = typing->nulls.n,
                        .n_asked = typing->asked.n,
                        .n_select = rules->select.n,
                        .n_drop = rules->drop.n,
                        .n_renames = rules->n_renames,
                        .n_added = rules->n_added,
                        .columns = rules->columns,
                        .match = rules->match,
                        .refuses_nul = typing->refuses_nul};
    put(out, &head, sizeof head);
    put_list(out, typing->nulls.tokens, head.n_nulls);
    for (size_t i = 0; i < head.n_asked; i++) {
        const sheaf__asked_type *each = &typing->asked.items[i];
        put_number(out, each->type);
        put_number(out, each->by_table);
        put(out, &each->fit, sizeof each->fit);
        put_text(out, each->column);
    }
    put_list(out, rules->select.items, head.n_select);
    put_list(out, rules->drop.items, head.n_drop);
    for (size_t i = 0; i < head.n_renames; i++) {
        put_text(out, rules->renames[i].from);
        put_text(out, rules->renames[i].to);
    }
    for (size_t i = 0; i < head.n_added; i++) {
        const char *name = rules->added[i].name;
        put_number(out, rules->added[i].origin);
        put_text(out, name ? name : "");
    }
}

void *sheaf__typing_pack(const sheaf__typing *typing, size_t *n_bytes)
{
    writer out = {0};
    put_all(&out, typing);
    *n_bytes = out.n;
    out = (writer){.at = malloc(out.n)};
    if (out.at)
        put_all(&out, typing);
    return out.at;
}

/* ---- unpacking ---- */

static const char *take_text(const char **at)
{
    const char *text = *at;
    *at += strlen(text) + 1;
    return text;
}

static unsigned take_number(const char **at)
{
    return (unsigned char)*(*at)++;
}

/* NULL: no memory. */
static const char *const *take_list(const char **at, size_t n, sheaf_arena *arena)
{
    const char **items = sheaf_arena_new(arena, const char *, n);
    for (size_t i = 0; items && i < n; i++)
        items[i] = take_text(at);
    return items;
}

sheaf_status sheaf__typing_unpack(sheaf__typing *typing, const void *bytes, size_t n_bytes,
                                  sheaf_arena *arena)
{
    packed_head head;
    memcpy(&head, bytes, sizeof head);
    char *copy = sheaf_arena_new(arena, char, n_bytes);
    sheaf__asked_type *asked = sheaf_arena_new(arena, sheaf__asked_type, head.n_asked);
    sheaf_rename *renames = sheaf_arena_new(arena, sheaf_rename, head.n_renames);
    sheaf_added_column *added = sheaf_arena_new(arena, sheaf_added_column, head.n_added);
    if (!copy || !asked || !renames || !added)
        return SHEAF_ENOMEM;
    memcpy(copy, bytes, n_bytes);
    const char *at = copy + sizeof head;
    const char *const *tokens = take_list(&at, head.n_nulls, arena);
    for (size_t i = 0; tokens && i < head.n_asked; i++) {
        asked[i].type = (sheaf_type)take_number(&at);
        asked[i].by_table = take_number(&at);
        memcpy(&asked[i].fit, at, sizeof asked[i].fit);
        at += sizeof asked[i].fit;
        asked[i].column = take_text(&at);
    }
    const char *const *select = tokens ? take_list(&at, head.n_select, arena) : NULL;
    const char *const *drop = select ? take_list(&at, head.n_drop, arena) : NULL;
    if (!drop)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < head.n_renames; i++) {
        renames[i].from = take_text(&at);
        renames[i].to = take_text(&at);
    }
    for (size_t i = 0; i < head.n_added; i++) {
        added[i].origin = (sheaf_origin)take_number(&at);
        added[i].name = take_text(&at);
    }
    typing->nulls = (sheaf__nulls){.tokens = tokens, .n = head.n_nulls};
    typing->refuses_nul = head.refuses_nul;
    typing->asked = (sheaf__asked_types){.items = asked, .n = head.n_asked};
    typing->rules = (sheaf__rules){.columns = (sheaf_columns)head.columns,
                                   .match = (sheaf_match)head.match,
                                   .select = {.items = select, .n = head.n_select},
                                   .drop = {.items = drop, .n = head.n_drop},
                                   .renames = renames,
                                   .n_renames = head.n_renames,
                                   .added = added,
                                   .n_added = head.n_added};
    return SHEAF_OK;
}
