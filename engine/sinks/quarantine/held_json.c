/* The objects of a quarantine: see held_json.h. */
#include "engine/sinks/quarantine/held_json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "engine/core/error.h"

/* In an empty database. */
struct sheaf__held_json {
    sqlite3 *db;
    sqlite3_stmt *find;
};

/* The members that are asked for, in this order. */
enum member {
    QUARANTINE,
    FILE_PATH,
    HEADER,
    COLUMNS,
    PLACES,
    DELIMITER,
    QUOTE,
    ESCAPE,
    COMMENT,
    PADDING,
    NULLS,
    ORIGINS,
    ADDED,
    RECORD_BYTES_MAX,
    CODE,
    RAW,
    LINE,
    RECORD,
    OFFSET,
    N_MEMBERS
};

static const char *const names[N_MEMBERS] = {
    [QUARANTINE] = "quarantine",
    [FILE_PATH] = "file",
    [HEADER] = "header",
    [COLUMNS] = "columns",
    [PLACES] = "places",
    [DELIMITER] = "dialect.delimiter",
    [QUOTE] = "dialect.quote",
    [ESCAPE] = "dialect.escape",
    [COMMENT] = "dialect.comment",
    [PADDING] = "dialect.padding",
    [NULLS] = "nulls",
    [ORIGINS] = "origins",
    [ADDED] = "added",
    [RECORD_BYTES_MAX] = "record_bytes_max",
    [CODE] = "code",
    [RAW] = "raw",
    [LINE] = "line",
    [RECORD] = "record",
    [OFFSET] = "offset",
};

/* All members of one line, as JSON each. */
static char *select_members(sqlite3 *db)
{
    sqlite3_str *sql = sqlite3_str_new(db);
    for (int i = 0; i < N_MEMBERS; i++)
        sqlite3_str_appendf(sql, "%s?1->'$.%s'", i > 0 ? "," : "SELECT ", names[i]);
    return sqlite3_str_finish(sql);
}

static sheaf_status prepare(sheaf__held_json *json, sheaf_error *err)
{
    if (sqlite3_open_v2(":memory:", &json->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return sheaf__error_memory(err, "a quarantine");
    char *sql = select_members(json->db);
    int code = sql ? sqlite3_prepare_v2(json->db, sql, -1, &json->find, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    if (code == SQLITE_OK)
        return SHEAF_OK;
    if (code == SQLITE_NOMEM || sqlite3_errcode(json->db) == SQLITE_NOMEM)
        return sheaf__error_memory(err, "a quarantine");
    return sheaf_error_set(err, SHEAF_EDATABASE, "this SQLite cannot read JSON: %s",
                           sqlite3_errmsg(json->db));
}

sheaf_status sheaf__held_json_open(sheaf__held_json **json, sheaf_error *err)
{
    *json = calloc(1, sizeof **json);
    if (!*json)
        return sheaf__error_memory(err, "a quarantine");
    sheaf_status status = prepare(*json, err);
    if (status < 0) {
        sheaf__held_json_close(*json);
        *json = NULL;
    }
    return status;
}

void sheaf__held_json_close(sheaf__held_json *json)
{
    if (!json)
        return;
    sqlite3_finalize(json->find);
    sqlite3_close(json->db);
    free(json);
}

static sheaf_status bad(sheaf_error *err, const char *what, const char *name)
{
    return sheaf_error_set(err, SHEAF_EQUARANTINE, "%s \"%s\"", what, name);
}

/* ---- strings ---- */

/* The text of a JSON value that is there; NULL: it is not, or null. */
static const char *value_of(const sheaf__held_json *json, enum member member)
{
    const char *text = (const char *)sqlite3_column_text(json->find, member);
    return text && strcmp(text, "null") != 0 ? text : NULL;
}

static uint32_t read_hex(const char *at)
{
    char digits[5] = {0};
    memcpy(digits, at, 4);
    return (uint32_t)strtoul(digits, NULL, 16);
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

static bool is_low(uint32_t c)
{
    return c >= 0xDC00 && c <= 0xDFFF;
}

/* Behind the four digits at *at: the character, of two halves if need be. False: half of one. */
static bool put_escaped(const char **at, char **to)
{
    uint32_t c = read_hex(*at);
    *at += 4;
    if (c >= 0xDC80 && c <= 0xDCFF) { /* a byte that is no UTF-8: see sheaf_text_json() */
        *(*to)++ = (char)(c - 0xDC00);
        return true;
    }
    if (c >= 0xD800 && c <= 0xDBFF && (*at)[0] == '\\' && (*at)[1] == 'u' &&
        is_low(read_hex(*at + 2))) {
        c = 0x10000 + ((c - 0xD800) << 10) + (read_hex(*at + 2) - 0xDC00);
        *at += 6;
    }
    *to = put_utf8(*to, c);
    return c < 0xD800 || c > 0xDFFF;
}

/* How long a string is as it is written, behind its first quote. */
static size_t written_bytes(const char *at)
{
    size_t n = 0;
    while (at[n] && at[n] != '"')
        n += at[n] == '\\' && at[n + 1] ? 2 : 1;
    return n;
}

/*
 * Read the string whose quote *at points to, and go behind it: JSON that SQLite has checked. It is
 * never longer than it is written. OK, EQUARANTINE, ENOMEM.
 */
static sheaf_status read_string(const char **at, sheaf_arena *arena, sheaf__text *text,
                                sheaf_error *err)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    char *made = sheaf_arena_new(arena, char, written_bytes(*at + 1) + 1);
    char *to = made;
    if (!made)
        return sheaf__error_memory(err, "a quarantine");
    for (++*at; **at && **at != '"';) {
        if (**at != '\\') {
            *to++ = *(*at)++;
            continue;
        }
        char kind = (*at)[1];
        const char *letter = kind ? strchr(letters, kind) : NULL;
        *at += kind ? 2 : 1;
        if (kind != 'u')
            *to++ = letter ? meant[letter - letters] : kind;
        else if (!put_escaped(at, &to))
            return sheaf_error_set(err, SHEAF_EQUARANTINE, "half of a character is escaped here");
    }
    *at += **at == '"';
    *to = '\0';
    *text = (sheaf__text){.bytes = made, .n_bytes = (size_t)(to - made)};
    return SHEAF_OK;
}

/* A member that is a string, or not there. */
static sheaf_status take_string(const sheaf__held_json *json, enum member member,
                                sheaf_arena *arena, sheaf__text *text, sheaf_error *err)
{
    const char *at = value_of(json, member);
    *text = (sheaf__text){0};
    if (!at)
        return SHEAF_OK;
    return *at == '"' ? read_string(&at, arena, text, err)
                      : bad(err, "here is no string:", names[member]);
}

/* A whole number, as text. */
static sheaf_status read_number(const char **at, sheaf_arena *arena, sheaf__text *text,
                                sheaf_error *err)
{
    size_t n = strspn(*at, "0123456789");
    char *made = sheaf__arena_copy(arena, *at, n);
    if (!made)
        return sheaf__error_memory(err, "a quarantine");
    *text = (sheaf__text){.bytes = made, .n_bytes = n};
    *at += n;
    return SHEAF_OK;
}

/* A member that is an array of nulls and strings, or of nulls and whole numbers, as their texts. */
static sheaf_status take_strings(const sheaf__held_json *json, enum member member,
                                 sheaf_arena *arena, sheaf__text **texts, size_t *n_texts,
                                 sheaf_error *err)
{
    const char *at = value_of(json, member);
    if (!at || *at++ != '[')
        return bad(err, "here is no array:", names[member]);
    size_t most = 1;
    for (const char *comma = at; (comma = strchr(comma, ',')) != NULL; comma++)
        most++;
    *texts = sheaf_arena_new(arena, sheaf__text, most);
    *n_texts = 0;
    if (!*texts)
        return sheaf__error_memory(err, "a quarantine");
    while (*at != ']' && *at) {
        sheaf__text text = {0};
        if (strchr(" \t\r\n,", *at)) {
            at++;
            continue;
        }
        if (strncmp(at, "null", strlen("null")) == 0) {
            at += strlen("null");
        } else if (member == PLACES ? strchr("0123456789", *at) != NULL : *at == '"') {
            sheaf_status status = *at == '"' ? read_string(&at, arena, &text, err)
                                             : read_number(&at, arena, &text, err);
            if (status < 0)
                return status;
        } else {
            return bad(err, "this is no list as it should be:", names[member]);
        }
        (*texts)[(*n_texts)++] = text;
    }
    return SHEAF_OK;
}

/* ---- numbers, and what else there is ---- */

static sheaf_status take_number(const sheaf__held_json *json, enum member member, bool must,
                                uint64_t *number, sheaf_error *err)
{
    const char *text = value_of(json, member);
    char *end;
    if (!text && !must)
        return SHEAF_OK;
    errno = 0;
    *number = text && text[0] != '-' ? strtoull(text, &end, 10) : 0;
    if (!text || text[0] < '0' || text[0] > '9' || *end || errno)
        return bad(err, "here is no whole number:", names[member]);
    return SHEAF_OK;
}

/* A character of the dialect, or none. */
static sheaf_status take_character(const sheaf__held_json *json, enum member member,
                                   sheaf_arena *arena, int *character, sheaf_error *err)
{
    sheaf__text text;
    sheaf_status status = take_string(json, member, arena, &text, err);
    *character = text.bytes ? (unsigned char)text.bytes[0] : SHEAF_NONE;
    if (status == SHEAF_OK && text.bytes &&
        (text.n_bytes != 1 || (text.bytes[0] & 0x80) || strchr("\r\n", text.bytes[0])))
        return bad(err, "here is no character:", names[member]);
    return status;
}

static sheaf_status take_dialect(const sheaf__held_json *json, sheaf_arena *arena,
                                 sheaf_dialect *dialect, sheaf_error *err)
{
    int *const characters[] = {&dialect->delimiter, &dialect->quote, &dialect->escape,
                               &dialect->comment};
    sheaf_status status = SHEAF_OK;
    for (int i = 0; i < 4 && status == SHEAF_OK; i++)
        status = take_character(json, (enum member)(DELIMITER + i), arena, characters[i], err);
    if (status == SHEAF_OK && dialect->delimiter == SHEAF_NONE)
        return bad(err, "there is no", names[DELIMITER]);
    const char *padding = value_of(json, PADDING);
    const char *header = value_of(json, HEADER);
    dialect->padding = padding && strcmp(padding, "true") == 0 ? 1 : SHEAF_NONE;
    dialect->header = header && strcmp(header, "false") == 0 ? SHEAF_NONE : 1;
    dialect->skip_lines = SHEAF_NONE;
    return status;
}

static sheaf_status take_path(const sheaf__held_json *json, sheaf_arena *arena, const char **path,
                              sheaf_error *err)
{
    sheaf__text text;
    sheaf_status status = take_string(json, FILE_PATH, arena, &text, err);
    *path = text.bytes;
    if (status == SHEAF_OK && (!text.bytes || strlen(text.bytes) != text.n_bytes))
        return bad(err, "there is no", names[FILE_PATH]);
    return status;
}

/* ---- objects ---- */

static sheaf_status take_nulls(const sheaf__held_json *json, sheaf_arena *arena,
                               sheaf__reject_file *file, sheaf_error *err)
{
    sheaf__text *texts;
    sheaf_status status = take_strings(json, NULLS, arena, &texts, &file->n_nulls, err);
    if (status < 0)
        return status;
    const char **tokens = sheaf_arena_new(arena, const char *, file->n_nulls);
    if (!tokens)
        return sheaf__error_memory(err, "a quarantine");
    for (size_t i = 0; i < file->n_nulls; i++)
        tokens[i] = texts[i].bytes ? texts[i].bytes : "";
    file->nulls = tokens;
    return SHEAF_OK;
}

/* The columns, and which they are in the table. */
static sheaf_status take_columns(const sheaf__held_json *json, sheaf_arena *arena,
                                 sheaf__reject_file *file, sheaf_error *err)
{
    sheaf__text *columns;
    sheaf__text *texts;
    size_t n;
    sheaf_status status = take_strings(json, COLUMNS, arena, &columns, &file->n_columns, err);
    if (status == SHEAF_OK && file->n_columns == 0)
        status = bad(err, "here are none:", names[COLUMNS]);
    if (status == SHEAF_OK)
        status = take_strings(json, PLACES, arena, &texts, &n, err);
    if (status < 0)
        return status;
    if (n != file->n_columns)
        return bad(err, "there are not as many as columns:", names[PLACES]);
    uint32_t *places = sheaf_arena_new(arena, uint32_t, n);
    if (!places)
        return sheaf__error_memory(err, "a quarantine");
    for (size_t i = 0; i < n; i++)
        places[i] = texts[i].bytes ? (uint32_t)strtoul(texts[i].bytes, NULL, 10) : SHEAF__NO_NAME;
    file->columns = columns;
    file->places = places;
    return SHEAF_OK;
}

/* Columns that tell where a row comes from. */
static sheaf_status take_added(const sheaf__held_json *json, sheaf_arena *arena,
                               sheaf__reject_file *file, sheaf_error *err)
{
    sheaf__text *origins;
    sheaf__text *added;
    size_t n_origins;
    sheaf_status status = take_strings(json, ORIGINS, arena, &origins, &n_origins, err);
    if (status == SHEAF_OK)
        status = take_strings(json, ADDED, arena, &added, &file->n_added, err);
    if (status < 0)
        return status;
    if (n_origins != file->n_added || n_origins > SHEAF_ORIGINS)
        return bad(err, "there are not as many names as there are", names[ORIGINS]);
    for (size_t i = 0; i < n_origins; i++) {
        int origin = 0;
        while (origin < SHEAF_ORIGINS && origins[i].bytes &&
               strcmp(sheaf__origin_name((sheaf_origin)origin), origins[i].bytes) != 0)
            origin++;
        if (origin == SHEAF_ORIGINS || !origins[i].bytes || !added[i].bytes)
            return bad(err, "this is not known:", names[ORIGINS]);
        file->origins[i] = (sheaf_origin)origin;
        file->added[i] = added[i];
    }
    return SHEAF_OK;
}

static sheaf_status take_file(const sheaf__held_json *json, sheaf_arena *arena,
                              const sheaf__reject_file **file, sheaf_error *err)
{
    uint64_t format;
    uint64_t record_bytes_max = 0;
    sheaf__reject_file *made = sheaf_arena_new(arena, sheaf__reject_file, 1);
    if (!made)
        return sheaf__error_memory(err, "a quarantine");
    *made = (sheaf__reject_file){0};
    sheaf_status status = take_number(json, QUARANTINE, true, &format, err);
    if (status == SHEAF_OK && format != SHEAF__QUARANTINE_FORMAT) {
        sheaf_error_set(err, SHEAF_EQUARANTINE,
                        "this quarantine has format %" PRIu64 ", this sheaf knows %d", format,
                        SHEAF__QUARANTINE_FORMAT);
        sheaf_error_hint(err, "take the sheaf that wrote it");
        return SHEAF_EQUARANTINE;
    }
    if (status == SHEAF_OK)
        status = take_path(json, arena, &made->path, err);
    if (status == SHEAF_OK)
        status = take_columns(json, arena, made, err);
    if (status == SHEAF_OK)
        status = take_dialect(json, arena, &made->dialect, err);
    if (status == SHEAF_OK)
        status = take_nulls(json, arena, made, err);
    if (status == SHEAF_OK)
        status = take_added(json, arena, made, err);
    if (status == SHEAF_OK)
        status = take_number(json, RECORD_BYTES_MAX, true, &record_bytes_max, err);
    if (status < 0)
        return status;
    made->record_bytes_max = (size_t)record_bytes_max;
    *file = made;
    return SHEAF_OK;
}

static sheaf_status take_record(const sheaf__held_json *json, sheaf_arena *texts,
                                sheaf__held_record *record, const char **path, sheaf_error *err)
{
    sheaf__text raw;
    *record = (sheaf__held_record){.offset_bytes = SHEAF_UNKNOWN};
    sheaf_status status = take_path(json, texts, path, err);
    if (status == SHEAF_OK)
        status = take_string(json, RAW, texts, &raw, err);
    if (status == SHEAF_OK && !raw.bytes)
        status = bad(err, "there is no", names[RAW]);
    if (status == SHEAF_OK)
        status = take_number(json, LINE, true, &record->line, err);
    if (status == SHEAF_OK)
        status = take_number(json, RECORD, true, &record->record, err);
    if (status == SHEAF_OK)
        status = take_number(json, OFFSET, false, &record->offset_bytes, err);
    if (status == SHEAF_OK && (record->line == 0 || record->record == 0))
        status = bad(err, "this counts from 1:", names[record->line == 0 ? LINE : RECORD]);
    if (status < 0)
        return status;
    const char *code = value_of(json, CODE);
    record->is_over_limit = code && strcmp(code, "\"limit\"") == 0;
    record->raw = (const uint8_t *)raw.bytes;
    record->n_raw = raw.n_bytes;
    return SHEAF_OK;
}

sheaf_status sheaf__held_json_read(sheaf__held_json *json, const char *line, size_t n_bytes,
                                   sheaf_arena *arena, sheaf_arena *texts,
                                   const sheaf__reject_file **file, sheaf__held_record *record,
                                   const char **path, sheaf_error *err)
{
    *file = NULL;
    sqlite3_reset(json->find);
    if (memchr(line, 0, n_bytes) || n_bytes > INT32_MAX)
        return sheaf_error_set(err, SHEAF_EQUARANTINE, "here is no JSON");
    /* Of a text whose end it has to be told SQLite makes a copy for each member that is wanted. */
    int code = sqlite3_bind_text(json->find, 1, line, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = sqlite3_step(json->find);
    if (code == SQLITE_NOMEM)
        return sheaf__error_memory(err, "a quarantine");
    if (code != SQLITE_ROW || line[strspn(line, " \t\r\n")] != '{')
        return sheaf_error_set(err, SHEAF_EQUARANTINE, "here is no JSON object");
    if (value_of(json, QUARANTINE))
        return take_file(json, arena, file, err);
    return take_record(json, texts, record, path, err);
}
