/*
 * Statuses by name, and the filling and formatting of errors: <sheaf/status.h> and error.h.
 *
 * Everything that goes into an error's text is escaped on its way in, so that whoever prints it,
 * the program or a user of the library, cannot be made to print a terminal's control sequences.
 */
#include "engine/core/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/text.h"

const char *sheaf_status_name(sheaf_status status)
{
    switch (status) {
#define NAME(name, value, text)                                                                    \
    case SHEAF_##name:                                                                             \
        return #name;
        SHEAF_STATUS_LIST(NAME)
#undef NAME
    }
    return "?";
}

const char *sheaf_status_text(sheaf_status status)
{
    switch (status) {
#define TEXT(name, value, text)                                                                    \
    case SHEAF_##name:                                                                             \
        return text;
        SHEAF_STATUS_LIST(TEXT)
#undef TEXT
    }
    return "?";
}

void sheaf_error_clear(sheaf_error *err)
{
    if (!err)
        return;
    err->status = SHEAF_OK;
    err->os_error = 0;
    err->line = err->line_byte = err->record = err->field = 0;
    err->offset_bytes = SHEAF_UNKNOWN;
    err->excerpt_caret = 0;
    err->source[0] = err->column[0] = err->message[0] = err->hint[0] = err->excerpt[0] = '\0';
}

/*
 * Format; whatever an argument brought along, the result is safe to print, and cut between
 * characters.
 */
static void format_text(char *text, size_t size, const char *format, va_list arguments)
{
    char raw[1024];
    int n = vsnprintf(raw, sizeof raw, format, arguments);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof raw ? (size_t)n : sizeof raw - 1;
    sheaf__text_clean(raw, length, text, size);
}

sheaf_status sheaf_error_set(sheaf_error *err, sheaf_status status, const char *format, ...)
{
    if (!err)
        return status;
    sheaf_error_clear(err);
    err->status = status;
    va_list arguments;
    va_start(arguments, format);
    format_text(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return status;
}

void sheaf_error_hint(sheaf_error *err, const char *format, ...)
{
    if (!err)
        return;
    va_list arguments;
    va_start(arguments, format);
    format_text(err->hint, sizeof err->hint, format, arguments);
    va_end(arguments);
}

void sheaf__error_source(sheaf_error *err, const char *path)
{
    if (!err || !path)
        return;
    sheaf__text_escape_end(path, strlen(path), err->source, sizeof err->source);
}

static sheaf_status status_of_errno(int os_error)
{
    switch (os_error) {
    case ENOENT:
    case ENOTDIR:
        return SHEAF_ENOENT;
    case EEXIST:
        return SHEAF_EEXIST;
    case ENOMEM:
        return SHEAF_ENOMEM;
    case EPIPE:
        return SHEAF_EPIPE;
    case EMFILE:
    case ENFILE:
        return SHEAF_ERESOURCE;
    default:
        return SHEAF_EIO;
    }
}

sheaf_status sheaf__error_system(sheaf_error *err, int os_error, const char *what, const char *path)
{
    char reason[128];
    /* The GNU variant: thread-safe, and returns the text. */
    const char *text = strerror_r(os_error, reason, sizeof reason);
    sheaf_status status = status_of_errno(os_error);
    sheaf_error_set(err, status, "%s: %s", what, text);
    if (err)
        err->os_error = os_error;
    sheaf__error_source(err, path);
    if (os_error == EMFILE || os_error == ENFILE)
        sheaf_error_hint(err, "raise the limit of open files (ulimit -n) or lower --workers");
    else if (os_error == ENOSPC || os_error == EDQUOT)
        sheaf_error_hint(err, "make room on that disk and run again: nothing was committed");
    return status;
}

sheaf_status sheaf__error_memory(sheaf_error *err, const char *what)
{
    sheaf_error_set(err, SHEAF_ENOMEM, "no memory for %s", what);
    sheaf_error_hint(err, "free memory, or lower --workers");
    return SHEAF_ENOMEM;
}

void sheaf__error_excerpt(sheaf_error *err, const char *line, size_t n_bytes, size_t caret)
{
    if (!err)
        return;
    /* A window of the line around the caret, small enough that its escaped form mostly fits. */
    enum { BEFORE = 40, AFTER = 60 };
    size_t begin = caret > BEFORE ? caret - BEFORE : 0;
    while (begin > 0 && begin < caret && ((unsigned char)line[begin] & 0xC0) == 0x80)
        begin++;
    size_t end = n_bytes - begin > BEFORE + AFTER ? begin + BEFORE + AFTER : n_bytes;
    while (end < n_bytes && end > caret + 1 && ((unsigned char)line[end] & 0xC0) == 0x80)
        end--;
    char before[sizeof err->excerpt];
    size_t n_before = sheaf_text_escape(line + begin, caret - begin, before, sizeof before / 2);
    if (n_before >= sizeof before / 2) {
        /* Nearly all of it is escapes: show only what follows. */
        begin = caret;
        n_before = 0;
    }
    memcpy(err->excerpt, before, n_before);
    sheaf_text_escape(line + caret, end - caret, err->excerpt + n_before,
                      sizeof err->excerpt - n_before);
    err->excerpt_caret = (uint32_t)n_before;
}

void sheaf__error_copy(sheaf_error *to, const sheaf_error *from)
{
    if (to && from && to != from)
        *to = *from;
}

/* ---- formatting ---- */

typedef struct page {
    char *text;
    size_t size;
    size_t total;
} page;

static void print(page *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void print(page *out, const char *format, ...)
{
    bool room = out->total < out->size;
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(room ? out->text + out->total : NULL, room ? out->size - out->total : 0,
                      format, arguments);
    va_end(arguments);
    out->total += n > 0 ? (size_t)n : 0;
}

/* How many columns the text takes on a terminal, one for each character. */
static int display_width(const char *text, size_t n_bytes)
{
    int width = 0;
    for (size_t i = 0; i < n_bytes && text[i]; i++)
        width += ((unsigned char)text[i] & 0xC0) != 0x80;
    return width;
}

static void print_place(page *out, const sheaf_error *err)
{
    print(out, "  --> %s", err->source[0] ? err->source : "?");
    if (err->line > 0)
        print(out, ":%" PRIu64, err->line);
    if (err->line > 0 && err->line_byte > 0)
        print(out, ":%" PRIu64, err->line_byte);
    const char *separator = " (";
    if (err->offset_bytes != SHEAF_UNKNOWN) {
        print(out, "%s%s %" PRIu64, separator,
              err->status == SHEAF_ECOMPRESSED ? "compressed byte" : "byte", err->offset_bytes);
        separator = ", ";
    }
    if (err->record > 0) {
        print(out, "%srecord %" PRIu64, separator, err->record);
        separator = ", ";
    }
    if (err->column[0]) {
        print(out, "%scolumn \"%s\"", separator, err->column);
        separator = ", ";
    }
    print(out, "%s\n", separator[0] == ',' ? ")" : "");
}

size_t sheaf_error_format(const sheaf_error *err, char *text, size_t size)
{
    page out = {.text = text, .size = size};
    if (size > 0)
        text[0] = '\0';
    print(&out, "error: %s\n", err->message[0] ? err->message : sheaf_status_text(err->status));
    if (err->source[0] || err->line > 0)
        print_place(&out, err);
    if (err->excerpt[0]) {
        char number[24] = "";
        if (err->line > 0)
            snprintf(number, sizeof number, "%" PRIu64, err->line);
        int width = (int)strlen(number) > 4 ? (int)strlen(number) : 4;
        print(&out, " %*s | %s\n", width, number, err->excerpt);
        print(&out, " %*s | %*s^\n", width, "", display_width(err->excerpt, err->excerpt_caret),
              "");
    }
    if (err->hint[0])
        print(&out, "  help: %s\n", err->hint);
    return out.total;
}
