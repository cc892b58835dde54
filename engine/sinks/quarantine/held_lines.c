/*
 * A quarantine that is a file of JSON lines: see held.h. It is locked (flock) as long as it is
 * open, so that no second retry loads the same records; and it is replaced only if nobody has
 * written to it meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/sinks/quarantine/held_json.h"
#include "engine/sinks/quarantine/quarantine.h"

enum { ARENA_CHUNK_BYTES = 16 << 10, KEPT_BYTES = 1 << 20 };

typedef struct lines {
    sheaf__held base;
    FILE *in;
    struct stat opened;
    sheaf__held_json *json;
    sheaf_arena *texts; /* of the record */
    char *line;
    size_t line_capacity;
    uint64_t number;       /* of the line, from 1 */
    size_t n_files_met;    /* in this pass */
    sheaf__quarantine *to; /* what is still at fault; made with the first */
} lines;

static lines *self_of(sheaf__held *held)
{
    return (lines *)held;
}

/* ---- reading ---- */

static bool is_blank(const char *text, size_t n_bytes)
{
    return strspn(text, " \t\r\n") == n_bytes;
}

/* Some editors write a byte order mark before the first line of a file that they save. */
static size_t mark_bytes(const char *line, size_t n_bytes)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t n = sizeof mark - 1;
    return n_bytes >= n && memcmp(line, mark, n) == 0 ? n : 0;
}

/* The file of a record: the last of that path before it. */
static sheaf_status find_file(lines *self, const char *path, sheaf__held_record *record,
                              sheaf_error *err)
{
    for (size_t i = self->n_files_met; i > 0; i--) {
        const sheaf__reject_file *file = self->base.files[i - 1];
        if (strcmp(file->path, path) != 0)
            continue;
        record->file = file;
        record->file_index = i - 1;
        return SHEAF_OK;
    }
    sheaf_error_set(err, SHEAF_EQUARANTINE,
                    "this record's file has no line before it that says how it is to be read");
    sheaf_error_hint(err, "such a line begins with {\"quarantine\":1 and is not to be taken away");
    return SHEAF_EQUARANTINE;
}

static sheaf_status read_line(lines *self, const char *line, size_t n_bytes,
                              sheaf__held_record *record, bool *is_record, sheaf_error *err)
{
    const sheaf__reject_file *file;
    const char *path;
    sheaf__arena_reset(self->texts, KEPT_BYTES);
    sheaf_status status = sheaf__held_json_read(self->json, line, n_bytes, self->base.arena,
                                                self->texts, &file, record, &path, err);
    *is_record = status == SHEAF_OK && !file;
    if (*is_record)
        return find_file(self, path, record, err);
    if (status == SHEAF_OK && self->n_files_met++ == self->base.n_files)
        status = sheaf__held_add_file(&self->base, file, err);
    return status;
}

static sheaf_status lines_next(sheaf__held *held, sheaf__held_record *record, sheaf_error *err)
{
    lines *self = self_of(held);
    ssize_t n;
    errno = 0;
    while ((n = getline(&self->line, &self->line_capacity, self->in)) >= 0) {
        bool is_record;
        size_t n_mark = self->number++ == 0 ? mark_bytes(self->line, (size_t)n) : 0;
        const char *line = self->line + n_mark;
        size_t n_line = (size_t)n - n_mark;
        if (is_blank(line, n_line))
            continue;
        sheaf_status status = read_line(self, line, n_line, record, &is_record, err);
        if (status < 0) {
            sheaf__error_source(err, self->base.path);
            if (err && status == SHEAF_EQUARANTINE)
                err->line = self->number;
            return status;
        }
        record->id = (int64_t)self->number;
        if (is_record)
            return SHEAF_OK;
    }
    if (ferror(self->in) || errno == ENOMEM)
        return sheaf__error_system(err, errno, "cannot read the quarantine", self->base.path);
    return SHEAF_END;
}

static sheaf_status lines_rewind(sheaf__held *held, sheaf_error *err)
{
    lines *self = self_of(held);
    (void)err;
    rewind(self->in);
    self->number = 0;
    self->n_files_met = 0;
    return SHEAF_OK;
}

/* ---- writing ---- */

static sheaf_status lines_keep(sheaf__held *held, const sheaf__held_record *record,
                               const sheaf__rejected *rejected, sheaf_error *err)
{
    (void)record;
    return sheaf__quarantine_put(self_of(held)->to, rejected, err);
}

static sheaf_status lines_drop(sheaf__held *held, const sheaf__held_record *record,
                               sheaf_error *err)
{
    (void)held, (void)record, (void)err;
    return SHEAF_OK;
}

/* Whether the file at the path is the one that was read, as it was then. */
static sheaf_status compare(const lines *self, sheaf_error *err)
{
    struct stat now;
    if (stat(self->base.path, &now) == 0 && now.st_dev == self->opened.st_dev &&
        now.st_ino == self->opened.st_ino && now.st_size == self->opened.st_size &&
        sheaf__nanoseconds(now.st_mtim) == sheaf__nanoseconds(self->opened.st_mtim))
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_ECHANGED, "the quarantine was changed while it was read");
    sheaf__error_source(err, self->base.path);
    sheaf_error_hint(err, "run again when nobody writes to it: nothing was committed");
    return SHEAF_ECHANGED;
}

static sheaf_status lines_settle(sheaf__held *held, sheaf_error *err)
{
    sheaf_status status = compare(self_of(held), err);
    return status < 0 ? status : sheaf__quarantine_settle(self_of(held)->to, err);
}

/* Whoever wrote to it while the rows were committed keeps what was written. */
static sheaf_status lines_commit(sheaf__held *held, sheaf_error *err)
{
    sheaf_status status = compare(self_of(held), err);
    if (status == SHEAF_OK)
        status = sheaf__quarantine_commit(self_of(held)->to, err);
    if (status < 0)
        sheaf_error_hint(err, "the rows were loaded all the same: take away the quarantine's "
                              "records that are among them");
    return status;
}

static void lines_close(sheaf__held *held)
{
    lines *self = self_of(held);
    sheaf__quarantine_destroy(self->to);
    sheaf__held_json_close(self->json);
    sheaf__arena_destroy(self->texts);
    sheaf__arena_destroy(held->arena);
    if (self->in)
        fclose(self->in); /* and with it goes the lock */
    free(held->files);
    free(held->path);
    free(self->line);
    free(self);
}

/* ---- open ---- */

static sheaf_status is_taken(const lines *self, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EAGAIN, "another retry reads this quarantine");
    sheaf__error_source(err, self->base.path);
    sheaf_error_hint(err, "run again when that is done");
    return SHEAF_EAGAIN;
}

static sheaf_status open_file(lines *self, sheaf_error *err)
{
    int fd = open(self->base.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return sheaf__error_system(err, errno, "cannot open the quarantine", self->base.path);
    self->in = fdopen(fd, "rb");
    if (!self->in) {
        close(fd);
        return sheaf__error_memory(err, "a quarantine");
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return is_taken(self, err);
    if (fstat(fd, &self->opened) != 0)
        return sheaf__error_system(err, errno, "cannot examine the quarantine", self->base.path);
    if (!S_ISREG(self->opened.st_mode)) {
        sheaf_error_set(err, SHEAF_EQUARANTINE, "the quarantine is no regular file");
        sheaf__error_source(err, self->base.path);
        return SHEAF_EQUARANTINE;
    }
    return compare(self, err); /* another one may just have replaced it */
}

sheaf_status sheaf__held_open_lines(const char *path, const atomic_bool *stop, sheaf__held **held,
                                    sheaf_error *err)
{
    static const sheaf__held_ops ops = {.next = lines_next,
                                        .rewind = lines_rewind,
                                        .keep = lines_keep,
                                        .drop = lines_drop,
                                        .settle = lines_settle,
                                        .commit = lines_commit,
                                        .close = lines_close};
    lines *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a quarantine");
    self->base.ops = &ops;
    self->base.arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    self->texts = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    self->base.path = strdup(path);
    sheaf_status status = self->base.arena && self->texts && self->base.path
                              ? open_file(self, err)
                              : sheaf__error_memory(err, "a quarantine");
    if (status == SHEAF_OK)
        status = sheaf__held_json_open(&self->json, err);
    char *real = status == SHEAF_OK ? realpath(path, NULL)
                                    : NULL; /* not a link to it is replaced */
    if (status == SHEAF_OK)
        status = real ? sheaf__quarantine_create(real, stop, &self->to, err)
                      : sheaf__error_system(err, errno, "cannot find the quarantine", path);
    free(real);
    if (status < 0) {
        lines_close(&self->base);
        return status;
    }
    *held = &self->base;
    return SHEAF_OK;
}
