/* Names in PostgreSQL: see names.h. */
#include "engine/sinks/postgres/names.h"

#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "engine/table/database_names.h"

enum { NAME_BYTES = SHEAF__POSTGRES_NAME_BYTES };

/* ---- tables ---- */

static sheaf_status refuse_table(const char *text, const char *what, sheaf_error *err)
{
    char shown[120];
    sheaf_text_escape(text, strlen(text), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EINVAL, "the table cannot be called %s: %s", shown, what);
    sheaf_error_hint(err, "--table trips, --table SCHEMA.trips, --table '\"a.b\"' if there is a "
                          "point in it");
    return SHEAF_EINVAL;
}

/* Whether there is a name in quotes; it ends before *end. */
static bool is_quoted(const char *text, const char **end)
{
    if (*text != '"')
        return false;
    for (text++; *text; text++) {
        if (*text != '"')
            continue;
        if (text[1] != '"') {
            *end = text + 1;
            return **end == '\0' || **end == '.';
        }
        text++;
    }
    return false;
}

/* A name, up to a point or the end: the same place. NULL, and *what: there is none. */
static const char *take_name(const char *text, char *name, const char **what)
{
    const char *end = text + strcspn(text, ".");
    size_t n = 0;
    bool quoted = is_quoted(text, &end);
    const char *last = quoted ? end - 1 : end;
    for (const char *at = text + quoted; at < last && n <= NAME_BYTES; at++) {
        if (n < NAME_BYTES)
            name[n] = *at;
        n++;
        at += quoted && *at == '"';
    }
    *what = n == 0           ? "a name is empty"
            : n > NAME_BYTES ? "PostgreSQL's names have 63 bytes at most"
                             : NULL;
    if (*what)
        return NULL;
    name[n] = '\0';
    return end;
}

sheaf_status sheaf__postgres_parse_table(const char *text, sheaf__postgres_table *table,
                                         sheaf_error *err)
{
    const char *what;
    *table = (sheaf__postgres_table){.schema = ""};
    if (!sheaf__utf8_valid((const uint8_t *)text, strlen(text)))
        return refuse_table(text, "that is not UTF-8", err);
    const char *end = take_name(text, table->name, &what);
    if (end && *end) {
        memcpy(table->schema, table->name, sizeof table->schema);
        end = take_name(end + 1, table->name, &what);
    }
    if (!end)
        return refuse_table(text, what, err);
    return *end ? refuse_table(text, "there is more than one point", err) : SHEAF_OK;
}

/* FNV-1a (Fowler, Noll, Vo). */
static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u;
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

/* A table's name and an ending; where it is cut, a hash of all of it comes between. */
static void name_with(const char *table, const char *ending, size_t n_max, char *name)
{
    enum { HASH_BYTES = 9 };
    size_t n = strlen(table);
    size_t n_ending = strlen(ending);
    if (n + n_ending > n_max) {
        n = sheaf__name_cut(table, n, n_max - n_ending - HASH_BYTES);
        snprintf(name + n, HASH_BYTES + 1, "_%08x", (unsigned)hash_of(table));
        memcpy(name, table, n);
        n += HASH_BYTES;
    } else {
        memcpy(name, table, n);
    }
    memcpy(name + n, ending, n_ending + 1);
}

void sheaf__postgres_name_beside(const char *table, const char *ending, char *name)
{
    name_with(table, ending, NAME_BYTES, name);
}

/*
 * A table comes with a type, whose name is "_" and its own, cut at 63 bytes. If two transactions
 * made the same one, the second would wait for the first, which waits for us.
 */
void sheaf__postgres_stage_name(const char *table, size_t number, char *name)
{
    char ending[40];
    snprintf(ending, sizeof ending, "_sheaf_stage_%zu", number);
    name_with(table, ending, NAME_BYTES - 1, name);
}

/* ---- columns ---- */

bool sheaf__postgres_column_names(const sheaf__names *columns, sheaf_arena *arena,
                                  const char **names, uint64_t *n_renamed)
{
    static const char *const system_columns[] = {"tableoid", "xmin", "cmin",
                                                 "xmax",     "cmax", "ctid"};
    static const sheaf__database_rules rules = {.bytes_max = NAME_BYTES,
                                                .taken = system_columns,
                                                .n_taken = sizeof system_columns /
                                                           sizeof system_columns[0]};
    return sheaf__database_names(&rules, columns, arena, names, n_renamed);
}

/* ---- SQL ---- */

void sheaf__postgres_put_literal(FILE *sql, const char *text)
{
    fputs("E'", sql);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc(*text, sql);
        fputc(*text, sql);
    }
    fputc('\'', sql);
}

void sheaf__postgres_put_name(FILE *sql, const char *name)
{
    fputc('"', sql);
    for (; *name; name++) {
        if (*name == '"')
            fputc('"', sql);
        fputc(*name, sql);
    }
    fputc('"', sql);
}

void sheaf__postgres_put_names(FILE *sql, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        fputs(i > 0 ? ", " : "", sql);
        sheaf__postgres_put_name(sql, names[i]);
    }
}

void sheaf__postgres_put_table(FILE *sql, const char *schema, const char *name)
{
    sheaf__postgres_put_name(sql, schema);
    fputc('.', sql);
    sheaf__postgres_put_name(sql, name);
}
