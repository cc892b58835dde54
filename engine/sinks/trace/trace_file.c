/* The file of a trace: see trace_file.h, and <sheaf/trace.h>. */
#include "engine/sinks/trace/trace_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sheaf/discover.h>
#include <sheaf/text.h>
#include <sheaf/version.h>

#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/trace.h"
#include "engine/sinks/output.h"

enum { LINE_BYTES = 512, NAME_BYTES = 64, NUMBER_BYTES = 20, JSON_RATIO = 6 };

typedef struct trace_file {
    sheaf_trace base; /* first */
    sheaf__output output;
    char *string; /* the last path, as JSON: it is often that of the next event */
    size_t string_bytes;
    size_t n_string;
    const char *string_of;
    bool is_refused; /* there will be no file */
} trace_file;

/* ---- whether it may be there ---- */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool stat_directory(const char *path, struct stat *st)
{
    char directory[PATH_MAX];
    size_t n = (size_t)(last_part(path) - path);
    if (n >= sizeof directory)
        return false;
    memcpy(directory, n > 0 ? path : ".", n > 0 ? n : 1);
    directory[n > 0 ? n : 1] = '\0';
    return stat(directory, st) == 0;
}

static bool is_same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Of files that are not there yet: whether they would be one. */
static bool is_same_place(const char *one, const char *other)
{
    struct stat a;
    struct stat b;
    if (stat(one, &a) == 0 && stat(other, &b) == 0)
        return is_same_inode(&a, &b);
    return strcmp(last_part(one), last_part(other)) == 0 && stat_directory(one, &a) &&
           stat_directory(other, &b) && is_same_inode(&a, &b);
}

static sheaf_status refuse(const char *path, const char *what, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EINVAL, "the trace would be written over %s", what);
    sheaf__error_source(err, path);
    sheaf_error_hint(err, "choose another file for the trace");
    return SHEAF_EINVAL;
}

sheaf_status sheaf__trace_refuse(sheaf_trace *trace, const char *path, const char *what,
                                 sheaf_error *err)
{
    trace_file *self = (trace_file *)trace;
    if (!trace || !path || !is_same_place(self->output.path, path))
        return SHEAF_OK;
    self->is_refused = true;
    return refuse(path, what, err);
}

static sheaf_status refuse_source(const sheaf_trace_options *options, sheaf_error *err)
{
    struct stat st;
    if (!options->sources || stat(options->path, &st) != 0)
        return SHEAF_OK;
    for (size_t i = 0; i < sheaf_files_count(options->sources); i++) {
        const sheaf_file *file = sheaf_files_at(options->sources, i);
        if (file->device == st.st_dev && file->inode == st.st_ino)
            return refuse(file->path, "one of the sources", err);
    }
    return SHEAF_OK;
}

sheaf_status sheaf_trace_open(const sheaf_trace_options *options, sheaf_trace **trace,
                              sheaf_error *err)
{
    sheaf_trace_options own;
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_trace_options",
                                              err);
    if (status == SHEAF_OK && (!own.path || !own.path[0]))
        status = sheaf_error_set(err, SHEAF_EINVAL, "a trace needs a file");
    if (status == SHEAF_OK)
        status = refuse_source(&own, err);
    if (status < 0)
        return status;
    trace_file *made = calloc(1, sizeof *made);
    if (!made)
        return sheaf__error_memory(err, "a trace");
    sheaf__sink_target target = {
        .kind = SHEAF__SINK_FILE, .path = own.path, .if_exists = SHEAF_IF_EXISTS_REPLACE};
    status = sheaf__output_open(&made->output, &target, err);
    if (status < 0) {
        sheaf_error_hint(err, "the trace goes there: choose a file that can be written");
        sheaf__output_end(&made->output);
        free(made);
        return status;
    }
    /* The disk would take longer than a short run; ext4 writes a file when its new name is taken
     * from another by rename(2) (auto_da_alloc), but not when they exchange their names. */
    made->output.is_fleeting = true;
    made->output.keeps_old = true;
    sheaf__trace_init(&made->base, own.events_max);
    *trace = &made->base;
    return SHEAF_OK;
}

/* ---- writing: by hand, because printf takes as long as reading a small file ---- */

static void put_text(trace_file *self, const char *text)
{
    sheaf__output_put(&self->output, text, strlen(text));
}

/* Nothing in it has to be escaped; or perhaps it has. */
static bool is_plain(const char *text, size_t n)
{
    unsigned special = 0;
    for (size_t i = 0; i < n; i++)
        special |= (unsigned)(text[i] < ' ') | (text[i] > '~') | (text[i] == '"') |
                   (text[i] == '\\');
    return !special;
}

/* Make a string of it, with its quotes: self->string, n_string. False: no memory. */
static bool make_string(trace_file *self, const char *text)
{
    size_t n = strlen(text);
    size_t n_most = n * JSON_RATIO + 3;
    if (n_most > self->string_bytes) {
        char *larger = realloc(self->string, n_most);
        if (!larger)
            return false;
        self->string = larger;
        self->string_bytes = n_most;
    }
    self->string[0] = '"';
    if (is_plain(text, n))
        memcpy(self->string + 1, text, n);
    else
        n = sheaf_text_json(text, n, self->string + 1, n_most - 1);
    self->string[n + 1] = '"';
    self->n_string = n + 2;
    self->string_of = text;
    return true;
}

/* A text that stays where it is: what is done to a file follows each other. */
static bool put_string(trace_file *self, const char *text)
{
    if (text != self->string_of && !make_string(self, text))
        return false;
    sheaf__output_put(&self->output, self->string, self->n_string);
    return true;
}

/* A literal: its length is known when this is compiled. */
static inline char *add(char *at, const char *text)
{
    size_t n = strlen(text);
    memcpy(at, text, n);
    return at + n;
}

/* Two digits at a time. */
static char *add_number(char *at, uint64_t number)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char digits[NUMBER_BYTES];
    char *first = digits + sizeof digits;
    for (; number > 99; number /= 100)
        first = memcpy(first - 2, pairs + number % 100 * 2, 2);
    first = memcpy(first - 2, pairs + number * 2, 2);
    first += number < 10;
    size_t n = (size_t)(digits + sizeof digits - first);
    memcpy(at, first, n);
    return at + n;
}

/* Nanoseconds as microseconds. */
static char *add_time(char *at, int64_t ns)
{
    uint64_t number = ns > 0 ? (uint64_t)ns : 0;
    unsigned fraction = (unsigned)(number % 1000);
    at = add_number(at, number / 1000);
    *at++ = '.';
    *at++ = (char)('0' + fraction / 100);
    *at++ = (char)('0' + fraction / 10 % 10);
    *at++ = (char)('0' + fraction % 10);
    return at;
}

/* What was done: a short text, else as much of it as there is room for. */
static char *add_name(char *at, const char *name)
{
    size_t n = strnlen(name, NAME_BYTES);
    if (n < NAME_BYTES && is_plain(name, n))
        return mempcpy(at, name, n);
    sheaf_text_json(name, strlen(name), at, NAME_BYTES);
    return at + strlen(at);
}

/* Room for a line, in the buffer itself; and where what was written there ends. */
static char *begin_line(trace_file *self)
{
    if (SHEAF__OUTPUT_BUFFER_BYTES - self->output.n_buffered < LINE_BYTES)
        sheaf__output_flush_some(&self->output);
    return (char *)self->output.buffer + self->output.n_buffered;
}

static void end_line(trace_file *self, const char *at)
{
    self->output.n_buffered = (size_t)(at - (const char *)self->output.buffer);
}

static bool put_event(trace_file *self, size_t row, const sheaf__trace_record *record)
{
    const sheaf_trace_event *event = &record->event;
    char *at = add_number(add(begin_line(self), ",\n{\"ph\":\"X\",\"pid\":1,\"tid\":"), row);
    at = add_time(add(at, ",\"ts\":"), record->begun_ns - self->base.begun_ns);
    at = add_time(add(at, ",\"dur\":"), record->ended_ns - record->begun_ns);
    at = add_name(add(at, ",\"name\":\""), event->name);
    at = add(at, "\",\"args\":{");
    if (event->file) {
        end_line(self, add(at, "\"file\":"));
        if (!put_string(self, event->file))
            return false;
        at = add(begin_line(self), ",");
    }
    if (event->first_byte != SHEAF_UNKNOWN)
        at = add(add_number(add(at, "\"first_byte\":"), event->first_byte), ",");
    if (event->bytes != SHEAF_UNKNOWN)
        at = add(add_number(add(at, "\"bytes\":"), event->bytes), ",");
    if (event->records != SHEAF_UNKNOWN)
        at = add(add_number(add(at, "\"records\":"), event->records), ",");
    at -= at[-1] == ',';
    end_line(self, add(at, "}}"));
    return true;
}

/* Something that is known of a row, up to its value. */
static void put_metadata(trace_file *self, size_t row, const char *what)
{
    char line[LINE_BYTES];
    char *at = add_number(add(line, ",\n{\"ph\":\"M\",\"pid\":1,\"tid\":"), row);
    *add(add(at, ",\"name\":"), what) = '\0';
    put_text(self, line);
}

/* What the row is called, and where it stands. */
static bool put_row_name(trace_file *self, size_t row, const char *name)
{
    char number[LINE_BYTES];
    put_metadata(self, row, "\"thread_name\",\"args\":{\"name\":");
    if (!put_string(self, name))
        return false;
    put_text(self, "}}");
    put_metadata(self, row, "\"thread_sort_index\",\"args\":{\"sort_index\":");
    *add(add_number(number, row), "}}") = '\0';
    put_text(self, number);
    return true;
}

static bool put_rows(trace_file *self, uint64_t *n_lost)
{
    size_t number = 1;
    for (const sheaf_trace_row *row = self->base.rows; row; row = row->next, number++) {
        size_t n;
        const sheaf__trace_record **sorted = sheaf__trace_sort(row, &n);
        bool good = sorted && put_row_name(self, number, row->name);
        for (size_t i = 0; i < n && good; i++)
            good = put_event(self, number, sorted[i]);
        free(sorted);
        if (!good)
            return false;
        *n_lost += row->n_lost;
    }
    return true;
}

static sheaf_status write_all(trace_file *self, sheaf_error *err)
{
    char line[LINE_BYTES];
    uint64_t n_lost = 0;
    put_text(self, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":1,"
                   "\"name\":\"process_name\",\"args\":{\"name\":\"sheaf\"}}");
    if (!put_rows(self, &n_lost))
        return sheaf__error_memory(err, "a trace");
    snprintf(line, sizeof line,
             "\n],\n\"otherData\":{\"version\":\"%s\",\"events_not_recorded\":%" PRIu64 "}}\n",
             sheaf_version(), n_lost);
    put_text(self, line);
    return sheaf__output_commit(&self->output, err);
}

sheaf_status sheaf_trace_close(sheaf_trace *trace, sheaf_error *err)
{
    trace_file *self = (trace_file *)trace;
    sheaf_status status = trace && !self->is_refused ? write_all(self, err) : SHEAF_OK;
    sheaf_trace_discard(trace);
    return status;
}

void sheaf_trace_discard(sheaf_trace *trace)
{
    trace_file *self = (trace_file *)trace;
    if (!trace)
        return;
    sheaf__output_end(&self->output);
    sheaf__trace_end(&self->base);
    free(self->string);
    free(self);
}
