/* The columns of a ledger: see entry.h. */
#include "engine/ledger/entry.h"

#include <string.h>

/* What a column is made of. */
typedef enum source {
    OF_PATH,
    OF_TEXT,
    OF_COUNT,
    OF_SIZE,     /* null: a stream */
    OF_TIME,     /* null: it does not tell */
    OF_CONTENT,  /* digits */
    OF_ROW,      /* null: not known, or it has none */
    OF_CHARACTER /* null: there is none */
} source;

typedef struct description {
    const char *name;
    source source;
    size_t offset;
} description;

#define AT(member) offsetof(sheaf__ledger_file, member)

static const description columns[] = {{"file", OF_PATH, AT(file)},
                                      {"path", OF_PATH, AT(path)},
                                      {"size", OF_SIZE, AT(size_bytes)},
                                      {"mtime_ns", OF_TIME, AT(mtime_ns)},
                                      {"content", OF_CONTENT, AT(content)},
                                      {"records", OF_COUNT, AT(records)},
                                      {"loaded", OF_COUNT, AT(loaded)},
                                      {"rejected", OF_COUNT, AT(rejected)},
                                      {"skipped", OF_COUNT, AT(skipped)},
                                      {"left_out", OF_TEXT, AT(left_out)},
                                      {"first_row", OF_ROW, AT(first_row)},
                                      {"blank_lines", OF_COUNT, AT(blank_lines)},
                                      {"comment_lines", OF_COUNT, AT(comment_lines)},
                                      {"preamble_lines", OF_COUNT, AT(preamble_lines)},
                                      {"boms", OF_COUNT, AT(boms)},
                                      {"lone_crs", OF_COUNT, AT(lone_crs)},
                                      {"repaired", OF_COUNT, AT(repairs.records)},
                                      {"padded", OF_COUNT, AT(repairs.padded)},
                                      {"trimmed", OF_COUNT, AT(repairs.trimmed)},
                                      {"unquoted", OF_COUNT, AT(repairs.unquoted)},
                                      {"encoding", OF_TEXT, AT(encoding)},
                                      {"delimiter", OF_CHARACTER, AT(delimiter)},
                                      {"loaded_at", OF_TEXT, AT(loaded_at)},
                                      {"loaded_by", OF_TEXT, AT(loaded_by)}};

_Static_assert(sizeof columns / sizeof columns[0] == SHEAF__ENTRY_COLUMNS, "as many as it says");

const char *sheaf__entry_name(size_t column)
{
    return columns[column].name;
}

sheaf__entry_kind sheaf__entry_kind_of(size_t column)
{
    switch (columns[column].source) {
    case OF_PATH:
        return SHEAF__ENTRY_PATH;
    case OF_TEXT:
    case OF_CONTENT:
    case OF_CHARACTER:
        return SHEAF__ENTRY_TEXT;
    default:
        return SHEAF__ENTRY_NUMBER;
    }
}

size_t sheaf__entry_find(const char *name)
{
    size_t i = 0;
    while (i < SHEAF__ENTRY_COLUMNS && strcmp(columns[i].name, name) != 0)
        i++;
    return i;
}

static bool is_stream(const sheaf__ledger_file *file)
{
    return file->size_bytes == SHEAF_UNKNOWN;
}

static sheaf__entry_value text_of(const char *text)
{
    return (sheaf__entry_value){.is_null = !text, .text = text};
}

static sheaf__entry_value number_of(bool is_known, uint64_t number)
{
    return (sheaf__entry_value){.is_null = !is_known, .number = (int64_t)number};
}

static sheaf__entry_value content_of(const sheaf__ledger_file *file,
                                     char scratch[SHEAF__CONTENT_TEXT_BYTES])
{
    if (is_stream(file) || !file->has_content)
        return text_of(NULL);
    sheaf__ledger_content_write(file->content, scratch);
    return text_of(scratch);
}

static sheaf__entry_value character_of(char character, char scratch[SHEAF__CONTENT_TEXT_BYTES])
{
    scratch[0] = character;
    scratch[1] = '\0';
    return text_of(character ? scratch : NULL);
}

sheaf__entry_value sheaf__entry_get(const sheaf__ledger_file *file, size_t column,
                                    char scratch[SHEAF__CONTENT_TEXT_BYTES])
{
    const void *member = (const char *)file + columns[column].offset;
    switch (columns[column].source) {
    case OF_PATH:
    case OF_TEXT:
        return text_of(*(const char *const *)member);
    case OF_SIZE:
        return number_of(!is_stream(file), file->size_bytes);
    case OF_TIME:
        return number_of(!is_stream(file) && file->is_settled, (uint64_t)file->mtime_ns);
    case OF_CONTENT:
        return content_of(file, scratch);
    case OF_ROW:
        return number_of(file->first_row > 0 && file->loaded > 0, file->first_row);
    case OF_CHARACTER:
        return character_of(file->delimiter, scratch);
    case OF_COUNT:
    default:
        return number_of(true, *(const uint64_t *)member);
    }
}

bool sheaf__entry_set(sheaf__ledger_file *file, size_t column, const sheaf__entry_value *value)
{
    void *member = (char *)file + columns[column].offset;
    if (value->is_null)
        return true; /* it is not known as it is */
    bool is_number = sheaf__entry_kind_of(column) == SHEAF__ENTRY_NUMBER;
    if (is_number != !value->text)
        return false;
    switch (columns[column].source) {
    case OF_PATH:
    case OF_TEXT:
        *(const char **)member = value->text;
        return true;
    case OF_TIME:
        file->mtime_ns = value->number;
        file->is_settled = true;
        return true;
    case OF_CONTENT:
        file->has_content = sheaf__ledger_content_read(value->text, &file->content);
        return file->has_content;
    case OF_CHARACTER:
        file->delimiter = value->text[0];
        return true;
    default:
        *(uint64_t *)member = (uint64_t)value->number;
        return value->number >= 0;
    }
}
