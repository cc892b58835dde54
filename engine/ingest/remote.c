/* Reading for an ingest in a worker process: see remote.h. */
#include "engine/ingest/remote.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/core/trace.h"

enum {
    ARENA_CHUNK_BYTES = 4 << 10,
    EVENTS_MAX = 1024, /* of an answer */
    KEPT_MAX = 8,      /* readers that are open where they stopped */
    COMPRESSED_CHUNK_BYTES_MAX = 32 << 20
};

/* A reader that stopped at a position. */
typedef struct kept {
    uint64_t index; /* of the file */
    uint64_t offset_bytes;
    uint64_t used; /* the higher the later */
    sheaf__reader *reader;
} kept;

/* What the process keeps between questions. */
typedef struct remote {
    sheaf__load_worker worker; /* first: what the tasks know */
    sheaf__load load;
    sheaf_ingest_options options;
    sheaf__shared own_shared; /* where the parent's cannot be seen */
    sheaf__shared *mapped;
    sheaf_arena *arena; /* for what the user said about values */
    size_t chunk_bytes;
    sheaf__load_file file;
    sheaf_file found;
    sheaf_file_encoding encoding; /* of it, if that was given */
    kept kept[KEPT_MAX];
    uint64_t n_used;
    bool traces;
    sheaf_trace trace; /* of one answer at a time */
} remote;

/* ---- the process begins and ends ---- */

static sheaf__shared *map_shared(const sheaf__remote_settings *settings)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", settings->parent, settings->shared_fd);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return NULL; /* then a run that is stopped waits for its calls, and shows no progress */
    void *page = mmap(NULL, sizeof(sheaf__shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

static sheaf_status begin(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                          sheaf_reply *reply, sheaf_error *err)
{
    (void)reply;
    const sheaf__remote_settings *settings = bytes;
    remote *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a worker process");
    sheaf_worker_set_local(worker, self);
    self->worker.parser = sheaf__parser_create();
    self->mapped = map_shared(settings);
    self->options = (sheaf_ingest_options){.size = sizeof self->options,
                                           .on_error = (sheaf_on_error)settings->on_error,
                                           .parser = (sheaf_parser)settings->parser,
                                           .fixes = settings->fixes,
                                           .record_bytes_max = (size_t)settings->record_bytes_max};
    self->chunk_bytes = settings->chunk_bytes;
    self->load = (sheaf__load){.options = &self->options,
                               .shared = self->mapped ? self->mapped : &self->own_shared,
                               .wants_rows = settings->wants_rows,
                               .range_bytes = settings->range_bytes,
                               .sets_aside = settings->sets_aside,
                               .judges = settings->judges,
                               .digests = settings->digests,
                               .blocks_range_bytes = settings->blocks_range_bytes,
                               .surveys = settings->surveys};
    self->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!self->arena || sheaf__typing_unpack(&self->load.typing, settings + 1,
                                             n_bytes - sizeof *settings, self->arena) < 0)
        return sheaf__error_memory(err, "a worker process");
    self->load.wants_places = sheaf__rules_want_places(&self->load.typing.rules);
    sheaf__freelist_init(&self->load.readers);
    sheaf__freelist_init(&self->load.batches);
    self->traces = settings->traces;
    if (self->traces) {
        sheaf__trace_init(&self->trace, EVENTS_MAX);
        self->worker.trace_row = sheaf_trace_add_row(&self->trace, "");
    }
    return self->worker.parser ? SHEAF_OK : sheaf__error_memory(err, "a worker's parser");
}

static void destroy_reader(void *reader)
{
    sheaf__reader_destroy(reader);
}

static void destroy_batch(void *batch)
{
    sheaf__batch_destroy(batch);
}

static sheaf_status end(sheaf_worker *worker, const void *bytes, size_t n_bytes, sheaf_reply *reply,
                        sheaf_error *err)
{
    (void)bytes, (void)n_bytes, (void)reply, (void)err;
    remote *self = sheaf_worker_local(worker);
    if (!self)
        return SHEAF_OK;
    for (size_t i = 0; i < KEPT_MAX; i++)
        sheaf__reader_destroy(self->kept[i].reader);
    sheaf__freelist_end(&self->load.readers, destroy_reader);
    sheaf__freelist_end(&self->load.batches, destroy_batch);
    free(self->file.asked.items);
    sheaf__arena_destroy(self->arena);
    sheaf__parser_destroy(self->worker.parser);
    if (self->traces)
        sheaf__trace_end(&self->trace);
    if (self->mapped)
        munmap(self->mapped, sizeof *self->mapped);
    free(self);
    return SHEAF_OK;
}

/* ---- readers that are kept ---- */

static sheaf__reader *find_kept(remote *self, const sheaf__remote_question *question)
{
    for (size_t i = 0; i < KEPT_MAX; i++) {
        kept *each = &self->kept[i];
        if (!each->reader || each->index != question->index ||
            each->offset_bytes != question->at.offset_bytes)
            continue;
        sheaf__reader *reader = each->reader;
        each->reader = NULL;
        return reader;
    }
    return NULL;
}

/* In the place of the one that was not used for longest. */
static void keep(remote *self, const sheaf__remote_answer *answer, uint64_t index,
                 sheaf__reader *reader)
{
    kept *place = &self->kept[0];
    for (size_t i = 0; i < KEPT_MAX && place->reader; i++)
        if (!self->kept[i].reader || self->kept[i].used < place->used)
            place = &self->kept[i];
    sheaf__reader_destroy(place->reader);
    *place = (kept){.index = index,
                    .offset_bytes = answer->at.offset_bytes,
                    .used = ++self->n_used,
                    .reader = reader};
}

/* ---- questions and answers ---- */

#ifdef SHEAF_TEST_HOOKS
/* For tests: reading a file of this name ends the process. */
static void crash_if_asked(const char *path)
{
    const char *name = getenv("SHEAF_TEST_CRASH");
    if (name && strstr(path, name)) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
}
#else
static void crash_if_asked(const char *path)
{
    (void)path;
}
#endif

static sheaf_status ask(remote *self, sheaf_worker *worker, const sheaf__remote_question *question,
                        sheaf__chunk **chunk, sheaf_error *err)
{
    sheaf__load_file *file = &self->file;
    void *result = NULL;
    sheaf_status status;
    self->load.chunk_bytes = self->chunk_bytes;
    self->load.pass = (sheaf__pass)question->pass;
    if (question->what == SHEAF__ASK_RANGE) {
        sheaf__range range = {.file = file,
                              .from = question->at,
                              .end_bytes = question->end_bytes,
                              .guess = question->guess};
        status = sheaf__load_range_of(worker, &range, &result, err);
    } else if (question->what == SHEAF__ASK_HEADER) {
        status = sheaf__load_header(worker, file, &result, err);
    } else if (question->what == SHEAF__ASK_FIRST) {
        status = sheaf__load_first(worker, file, &result, err);
    } else {
        uint64_t at = question->at.offset_bytes;
        sheaf__chunk before = {.file = file, .reader = find_kept(self, question)};
        if (!before.reader && question->at.counts.compression != SHEAF__COMPRESSION_NONE &&
            at > self->chunk_bytes)
            self->load.chunk_bytes = at < COMPRESSED_CHUNK_BYTES_MAX ? at
                                                                     : COMPRESSED_CHUNK_BYTES_MAX;
        status = before.reader ? sheaf__load_more(worker, &before, &result, err)
                               : sheaf__load_at(worker, file, &question->at, &result, err);
    }
    *chunk = result;
    return status;
}

static void append(sheaf_reply *reply, sheaf_status *status, const void *bytes, size_t n_bytes)
{
    static const char fill[8];
    size_t n_fill = -n_bytes & 7;
    if (*status == SHEAF_OK && n_bytes > 0)
        *status = sheaf_reply_append(reply, bytes, n_bytes);
    if (*status == SHEAF_OK && n_fill > 0)
        *status = sheaf_reply_append(reply, fill, n_fill);
}

static sheaf__remote_batch sizes_of(const sheaf__batch *batch)
{
    return (sheaf__remote_batch){.n_rows = batch->n_rows,
                                 .n_columns = batch->n_columns,
                                 .n_cells = batch->n_cells,
                                 .has_places = batch->wants_places,
                                 .n_bytes = batch->n_bytes};
}

static void append_batch(sheaf_reply *reply, sheaf_status *status, const sheaf__batch *batch)
{
    append(reply, status, batch->cells, batch->n_cells * sizeof *batch->cells);
    append(reply, status, batch->bytes, batch->n_bytes);
    if (batch->wants_places)
        append(reply, status, batch->places, batch->n_rows * sizeof *batch->places);
}

/* The header's question is answered when the file is known: nothing follows it. */
static sheaf_status answer(remote *self, sheaf_worker *worker,
                           const sheaf__remote_question *question, sheaf__chunk *chunk,
                           sheaf_reply *reply)
{
    sheaf_status status = SHEAF_OK;
    size_t n_events;
    sheaf__remote_event *events = sheaf__traced_pack(self->worker.trace_row, &n_events);
    sheaf__remote_answer head = {.counts = chunk->counts,
                                 .has_header = chunk->header != NULL,
                                 .has_batch = chunk->batch != NULL,
                                 .misjudged = chunk->misjudged,
                                 .has_fault = chunk->fault != NULL,
                                 .split = chunk->split,
                                 .dense = chunk->dense,
                                 .begin = chunk->begin,
                                 .end = chunk->end,
                                 .worker = sheaf_worker_index(worker),
                                 .process = (int32_t)getpid(),
                                 .n_events = n_events,
                                 .digest = chunk->digest,
                                 .n_kinds = chunk->kinds ? chunk->n_kinds : 0,
                                 .n_rejects = chunk->rejects.n,
                                 .n_reject_bytes = chunk->rejects.n_bytes};
    if (chunk->reader && question->what != SHEAF__ASK_HEADER) {
        head.more = true;
        head.at = sheaf__reader_tell(chunk->reader);
        keep(self, &head, question->index, chunk->reader);
        chunk->reader = NULL;
    }
    if (chunk->header)
        head.header = sizes_of(chunk->header);
    if (chunk->batch)
        head.batch = sizes_of(chunk->batch);
    append(reply, &status, &head, sizeof head);
    append(reply, &status, events, n_events * sizeof *events);
    free(events);
    if (chunk->header)
        append_batch(reply, &status, chunk->header);
    if (chunk->batch)
        append_batch(reply, &status, chunk->batch);
    append(reply, &status, chunk->kinds, head.n_kinds * sizeof *chunk->kinds);
    append(reply, &status, chunk->rejects.faults, head.n_rejects * sizeof *chunk->rejects.faults);
    append(reply, &status, chunk->rejects.bytes, head.n_reject_bytes);
    if (chunk->fault)
        append(reply, &status, chunk->fault, sizeof *chunk->fault);
    return status;
}

/* The path means the same file here. If not: /dev/stdin and its kin, or it is gone. */
static bool is_mine(const sheaf_file *file)
{
    struct stat st;
    return stat(file->path, &st) == 0 && st.st_dev == file->device && st.st_ino == file->inode;
}

/* The file that a question is about; what is told of it behind the question stays there. */
static sheaf_status take_question(remote *self, const sheaf__remote_question *question,
                                  size_t n_bytes)
{
    const unsigned char *at = (const unsigned char *)(question + 1);
    const unsigned char *end = (const unsigned char *)question + n_bytes;
    size_t n_asked = question->n_asked * sizeof(sheaf__asked_column);
    sheaf__asked_columns asked = {.items = malloc(n_asked + 1), .n = question->n_asked};
    if (!asked.items)
        return SHEAF_ENOMEM;
    memcpy(asked.items, at, n_asked);
    at += n_asked;
    const uint32_t *from = (const void *)at;
    at += question->n_from * sizeof *from;
    self->found = (sheaf_file){.path = (const char *)at,
                               .kind = (sheaf_file_kind)question->kind,
                               .size_bytes = question->size_bytes,
                               .mtime_ns = question->mtime_ns,
                               .device = question->device,
                               .inode = question->inode};
    free(self->file.asked.items);
    self->file = (sheaf__load_file){.load = &self->load,
                                    .found = &self->found,
                                    .dialect = question->at.counts.dialect,
                                    .n_columns = question->at.counts.n_columns,
                                    .asked = asked,
                                    .layout = SHEAF__NO_NAME,
                                    .fd = -1,
                                    .from = question->n_from > 0 ? from : NULL,
                                    .n_from = question->n_from};
    at += question->n_path;
    self->encoding = (sheaf_file_encoding){.encoding = (const char *)at};
    self->options.encodings = &self->encoding;
    self->options.n_encodings = at < end;
    return SHEAF_OK;
}

static sheaf_status read_for(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                             sheaf_reply *reply, sheaf_error *err)
{
    remote *self = sheaf_worker_local(worker);
    const sheaf__remote_question *question = bytes;
    sheaf__chunk *chunk;
    if (take_question(self, question, n_bytes) < 0)
        return sheaf__error_memory(err, "a file");
    bool is_known = question->what == SHEAF__ASK_MORE || question->what == SHEAF__ASK_RANGE;
    if (!is_known && !is_mine(&self->found))
        return SHEAF_OK; /* an empty answer: the parent is to look itself */
    crash_if_asked(self->found.path);
    if (self->traces && self->worker.trace_row)
        sheaf__trace_clear(self->worker.trace_row); /* of a question that failed */
    sheaf_status status = ask(self, worker, question, &chunk, err);
    if (status < 0)
        return status;
    status = answer(self, worker, question, chunk, reply);
    sheaf__chunk_release(chunk);
    return status < 0 ? sheaf__error_memory(err, "a chunk") : SHEAF_OK;
}

/* A file that the parent reads itself: the answer is empty. */
static sheaf_status skip(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                         sheaf_reply *reply, sheaf_error *err)
{
    (void)worker, (void)bytes, (void)n_bytes, (void)reply, (void)err;
    return SHEAF_OK;
}

const sheaf_function sheaf__remote_functions[] = {
    [SHEAF__REMOTE_BEGIN] = {"sheaf.ingest.begin", begin},
    [SHEAF__REMOTE_END] = {"sheaf.ingest.end", end},
    [SHEAF__REMOTE_READ] = {"sheaf.ingest.read", read_for},
    [SHEAF__REMOTE_SKIP] = {"sheaf.ingest.skip", skip},
};

const sheaf_function *sheaf_ingest_functions(size_t *n)
{
    *n = SHEAF__REMOTE_FUNCTIONS;
    return sheaf__remote_functions;
}
