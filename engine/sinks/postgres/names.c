/* Names in PostgreSQL: see names.h. */
#include "engine/sinks/postgres/names.h"

#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"

enum { NAME_BYTES = SHEAF__POSTGRES_NAME_BYTES };

/* The bytes of a name that are left of it if no character is to be cut. */
static size_t cut(const char *name, size_t n_bytes, size_t n_max)
{
    if (n_bytes <= n_max)
        return n_bytes;
    while (n_max > 0 && ((unsigned char)name[n_max] & 0xC0) == 0x80)
        n_max--;
    return n_max;
}

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

void sheaf__postgres_quarantine_name(const char *table, char *name)
{
    static const char ending[] = "_quarantine";
    size_t n = cut(table, strlen(table), NAME_BYTES - (sizeof ending - 1));
    memcpy(name, table, n);
    memcpy(name + n, ending, sizeof ending);
}

/* ---- columns ---- */

static bool is_system_column(const char *name, size_t n_bytes)
{
    static const char *const names[] = {"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == n_bytes && memcmp(names[i], name, n_bytes) == 0)
            return true;
    return false;
}

/* A name as it could be: NUL made visible, its bytes in the arena. */
static bool make_usable(const sheaf__name *name, sheaf_arena *arena, sheaf__name *usable)
{
    char *text = sheaf_arena_new(arena, char, name->n_bytes * 3 + 1);
    if (!text)
        return false;
    *usable = (sheaf__name){.bytes = text,
                            .n_bytes = sheaf__name_write(name->bytes, name->n_bytes, text)};
    return true;
}

static bool is_good(const sheaf__name *name, const sheaf__names *own)
{
    return name->n_bytes <= NAME_BYTES && !is_system_column(name->bytes, name->n_bytes) &&
           sheaf__names_find(own, name->bytes, name->n_bytes) == SHEAF__NO_NAME;
}

/* One like it that is free; `given` are those that keep their name. The index in `own`. */
static uint32_t make_up(const sheaf__name *name, const sheaf__names *given, sheaf__names *own)
{
    char text[NAME_BYTES + 1];
    char number[16] = "";
    for (uint32_t i = name->n_bytes > NAME_BYTES ? 1 : 2;; i++) {
        if (i > 1)
            snprintf(number, sizeof number, "_%u", (unsigned)i);
        size_t n_number = strlen(number);
        size_t n = cut(name->bytes, name->n_bytes, NAME_BYTES - n_number);
        memcpy(text, name->bytes, n);
        memcpy(text + n, number, n_number + 1);
        n += n_number;
        if (sheaf__names_find(given, text, n) == SHEAF__NO_NAME &&
            sheaf__names_find(own, text, n) == SHEAF__NO_NAME)
            return sheaf__names_add(own, text, n, NULL);
    }
}

static bool make_all(const sheaf__names *columns, sheaf_arena *arena, sheaf__names *given,
                     sheaf__names *own, const char **names, uint64_t *n_renamed)
{
    sheaf__name *usable = sheaf_arena_new(arena, sheaf__name, columns->n_items);
    if (!usable)
        return false;
    for (size_t i = 0; i < columns->n_items; i++)
        if (!make_usable(&columns->items[i], arena, &usable[i]) ||
            (usable[i].n_bytes <= NAME_BYTES &&
             sheaf__names_add(given, usable[i].bytes, usable[i].n_bytes, NULL) == SHEAF__NO_NAME))
            return false;
    for (size_t i = 0; i < columns->n_items; i++) {
        uint32_t index = is_good(&usable[i], own)
                             ? sheaf__names_add(own, usable[i].bytes, usable[i].n_bytes, NULL)
                             : make_up(&usable[i], given, own);
        if (index == SHEAF__NO_NAME)
            return false;
        const sheaf__name *was = &columns->items[i];
        const sheaf__name *is = &own->items[index];
        *n_renamed += is->n_bytes != was->n_bytes || memcmp(is->bytes, was->bytes, is->n_bytes);
        names[i] = is->bytes;
    }
    return true;
}

bool sheaf__postgres_column_names(const sheaf__names *columns, sheaf_arena *arena,
                                  const char **names, uint64_t *n_renamed)
{
    sheaf__names given;
    sheaf__names own;
    sheaf__names_init(&given, arena);
    sheaf__names_init(&own, arena);
    bool made = make_all(columns, arena, &given, &own, names, n_renamed);
    sheaf__names_end(&given);
    sheaf__names_end(&own);
    return made;
}

/* ---- SQL ---- */

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

void sheaf__postgres_put_table(FILE *sql, const char *schema, const char *name)
{
    sheaf__postgres_put_name(sql, schema);
    fputc('.', sql);
    sheaf__postgres_put_name(sql, name);
}
