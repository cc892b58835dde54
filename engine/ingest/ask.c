/*
 * How the merge asks for a chunk of a file: of a thread, which gives the chunk itself, or of
 * another process, which gives it as bytes (remote.h). See load.h.
 *
 * A stream can be read by this process only, and so can a file that is named by a descriptor of it
 * (/dev/stdin): among files that processes read such a one is given to a thread when its turn has
 * come.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/ingest/remote.h"

static bool goes_elsewhere(const sheaf__load *load, const sheaf__load_file *file)
{
    return load->remote && file->found->kind == SHEAF_FILE_REGULAR && !file->here && !file->faulty;
}

/* ---- executors ---- */

static sheaf_status start_threads(sheaf__load *load, sheaf_executor_kind kind, int workers,
                                  sheaf_executor **executor, sheaf_error *err)
{
    sheaf_executor_options options = {.size = sizeof options,
                                      .kind = kind,
                                      .max_workers = workers,
                                      .thread_name_prefix = "sheaf",
                                      .initializer = sheaf__load_init_worker,
                                      .init_arg = load,
                                      .finalizer = sheaf__load_end_worker,
                                      .trace = load->traced.trace};
    return sheaf_executor_create(&options, executor, err);
}

static sheaf_status start_processes(sheaf__load *load, int shared_fd, sheaf_error *err)
{
    const sheaf_ingest_options *given = load->options;
    sheaf__remote_settings settings = {.record_bytes_max = given->record_bytes_max,
                                       .chunk_bytes = load->chunk_bytes,
                                       .on_error = (int32_t)given->on_error,
                                       .parent = getpid(),
                                       .shared_fd = shared_fd,
                                       .fixes = given->fixes,
                                       .wants_rows = load->wants_rows,
                                       .surveys = load->surveys,
                                       .range_bytes = load->range_bytes,
                                       .blocks_range_bytes = load->blocks_range_bytes,
                                       .sets_aside = load->sets_aside,
                                       .digests = load->digests,
                                       .judges = load->judges,
                                       .traces = load->traced.trace != NULL,
                                       .parser = (int32_t)given->parser};
    size_t n_typing;
    void *typing = sheaf__typing_pack(&load->typing, &n_typing);
    unsigned char *bytes = typing ? malloc(sizeof settings + n_typing) : NULL;
    if (!bytes) {
        free(typing);
        return sheaf__error_memory(err, "a worker process");
    }
    memcpy(bytes, &settings, sizeof settings);
    memcpy(bytes + sizeof settings, typing, n_typing);
    free(typing);
    sheaf_executor_options options = {
        .size = sizeof options,
        .kind = SHEAF_EXECUTOR_PROCESSES,
        .max_workers = load->summary->workers,
        .thread_name_prefix = "sheaf",
        .child_lost = SHEAF_CHILD_LOST_RESTART,
        .init_function = &sheaf__remote_functions[SHEAF__REMOTE_BEGIN],
        .init_bytes = bytes,
        .n_init_bytes = sizeof settings + n_typing,
        .end_function = &sheaf__remote_functions[SHEAF__REMOTE_END]};
    sheaf_status status = sheaf_executor_create(&options, &load->executor, err);
    free(bytes);
    return status;
}

sheaf_status sheaf__ask_start(sheaf__load *load, int shared_fd, sheaf_error *err)
{
    sheaf_executor_kind kind = load->options->executor;
    load->remote = kind == SHEAF_EXECUTOR_PROCESSES;
    if (load->summary->workers == 1 && kind == SHEAF_EXECUTOR_THREADS && !load->wants_rows)
        kind = SHEAF_EXECUTOR_SEQUENTIAL; /* nothing is written meanwhile: wake nobody up */
    if (kind != SHEAF_EXECUTOR_SEQUENTIAL)
        sheaf__traced_expect_waits(&load->traced);
    if (load->remote)
        return start_processes(load, shared_fd, err);
    if (load->summary->workers > 1)
        sheaf__load_find_help(load);
    return start_threads(load, kind, load->summary->workers, &load->executor, err);
}

/* An executor starts no thread before it is given a task: one that is not needed costs nothing. */
sheaf_status sheaf__ask_help_sink(sheaf__load *load, sheaf_error *err)
{
    sheaf__sink *sink = load->sink;
    sheaf_status status = SHEAF_OK;
    sink->workers = (size_t)load->summary->workers;
    sink->waits = load->traced.waits;
    if (load->options->executor == SHEAF_EXECUTOR_SEQUENTIAL)
        return SHEAF_OK;
    if (load->remote) {
        sheaf_executor_options options = {.size = sizeof options,
                                          .max_workers = load->summary->workers,
                                          .thread_name_prefix = "sheaf-sink",
                                          .trace = load->traced.trace};
        status = sheaf_executor_create(&options, &load->sink_executor, err);
    }
    sink->executor = load->remote ? load->sink_executor : load->executor;
    return status;
}

/* Who reads this file, or what is left of it. */
static sheaf_status executor_of(sheaf__load *load, const sheaf__load_file *file,
                                sheaf_executor **executor, sheaf_error *err)
{
    if (load->remote && !goes_elsewhere(load, file))
        return sheaf__ask_threads(load, executor, err);
    *executor = load->executor;
    return SHEAF_OK;
}

sheaf_status sheaf__ask_threads(sheaf__load *load, sheaf_executor **executor, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    if (load->remote && !load->stream_executor)
        status = start_threads(load, SHEAF_EXECUTOR_THREADS, 1, &load->stream_executor, err);
    *executor = load->remote ? load->stream_executor : load->executor;
    return status;
}

/* ---- questions ---- */

/* `before` is for ASK_MORE, `range` for ASK_RANGE. */
static sheaf_status make_call(const sheaf__load *load, sheaf__ask what,
                              const sheaf__load_file *file, const sheaf__chunk *before,
                              const sheaf__range *range, sheaf_call **call, sheaf_error *err)
{
    if (!goes_elsewhere(file->load, file))
        return sheaf_call_create(&sheaf__remote_functions[SHEAF__REMOTE_SKIP], NULL, 0, call, err);
    const sheaf_file *found = file->found;
    const char *encoding = sheaf__encoding_of(load->options, found->path);
    size_t n_path = strlen(found->path) + 1;
    size_t n_encoding = encoding ? strlen(encoding) + 1 : 0;
    sheaf__remote_question question = {.what = what,
                                       .kind = found->kind,
                                       .index = sheaf__load_index(file),
                                       .size_bytes = found->size_bytes,
                                       .pass = load->pass,
                                       .mtime_ns = found->mtime_ns,
                                       .device = found->device,
                                       .inode = found->inode};
    if (before)
        question.at = before->at;
    if (range) {
        question.at = range->from;
        question.end_bytes = range->end_bytes;
        question.guess = range->guess;
    }
    question.at.counts.dialect = file->dialect;
    question.at.counts.n_columns = file->n_columns;
    question.n_path = n_path;
    question.n_asked = file->asked.n;
    size_t n_asked = file->asked.n * sizeof *file->asked.items;
    size_t n_columns;
    uint32_t *from;
    if (sheaf__digest_columns(file, &from, &n_columns, err) < 0)
        return SHEAF_ENOMEM;
    question.n_from = n_columns;
    size_t n_from = question.n_from * sizeof *from;
    unsigned char *bytes = malloc(sizeof question + n_asked + n_from + n_path + n_encoding);
    sheaf_status status = SHEAF_ENOMEM;
    if (bytes) {
        unsigned char *at = bytes;
        at = mempcpy(at, &question, sizeof question);
        if (n_asked > 0)
            at = mempcpy(at, file->asked.items, n_asked);
        if (from)
            at = mempcpy(at, from, n_from);
        at = mempcpy(at, found->path, n_path);
        if (encoding)
            at = mempcpy(at, encoding, n_encoding);
        status = sheaf_call_create(&sheaf__remote_functions[SHEAF__REMOTE_READ], bytes,
                                   (size_t)(at - bytes), call, err);
    } else {
        sheaf__error_memory(err, "a file");
    }
    free(bytes);
    free(from);
    return status;
}

static sheaf_task thread_task(sheaf__ask what, sheaf__load_file *file, sheaf__chunk *before)
{
    static const sheaf_task_fn run[] = {[SHEAF__ASK_HEADER] = sheaf__load_header,
                                        [SHEAF__ASK_FIRST] = sheaf__load_first,
                                        [SHEAF__ASK_MORE] = sheaf__load_more};
    return (sheaf_task){.run = run[what],
                        .arg = what == SHEAF__ASK_MORE ? (void *)before : (void *)file,
                        .drop_result = sheaf__chunk_release};
}

static sheaf_task call_task(sheaf_call *call)
{
    return (sheaf_task){.run = sheaf_call_run,
                        .arg = call,
                        .drop_arg = sheaf_call_drop,
                        .drop_result = sheaf_block_drop};
}

static sheaf_status submit(sheaf__load *load, sheaf__ask what, sheaf__load_file *file,
                           sheaf__chunk *before, sheaf_future **future, sheaf_error *err)
{
    sheaf_executor *executor;
    sheaf_call *call = NULL;
    sheaf_task task = thread_task(what, file, before);
    sheaf_status status = executor_of(load, file, &executor, err);
    if (status == SHEAF_OK && goes_elsewhere(load, file)) {
        status = make_call(load, what, file, before, NULL, &call, err);
        task = call_task(call);
    }
    if (status < 0)
        return status;
    status = sheaf_executor_submit(executor, &task, future, err);
    if (status < 0)
        sheaf_call_drop(call);
    else
        sheaf__budget_asked(load);
    return status;
}

sheaf_status sheaf__ask_range(sheaf__load *load, const sheaf__range *range, sheaf_future **future,
                              sheaf_error *err)
{
    sheaf_executor *executor;
    sheaf_call *call = NULL;
    sheaf__range *copy = malloc(sizeof *copy);
    sheaf_task task = {.run = sheaf__load_range,
                       .arg = copy,
                       .drop_arg = free,
                       .drop_result = sheaf__chunk_release};
    if (!copy)
        return sheaf__error_memory(err, "a range");
    *copy = *range;
    sheaf_status status = executor_of(load, range->file, &executor, err);
    if (status == SHEAF_OK && goes_elsewhere(load, range->file)) {
        status = make_call(load, SHEAF__ASK_RANGE, range->file, NULL, range, &call, err);
        free(copy);
        copy = NULL;
        task = call_task(call);
    }
    if (status == SHEAF_OK)
        status = sheaf_executor_submit(executor, &task, future, err);
    if (status < 0) {
        free(copy);
        sheaf_call_drop(call);
    } else {
        sheaf__budget_asked(load);
    }
    return status;
}

sheaf_status sheaf__ask_more(sheaf__load *load, sheaf__chunk *before, sheaf_future **future,
                             sheaf_error *err)
{
    *future = NULL;
    return before->more ? submit(load, SHEAF__ASK_MORE, before->file, before, future, err)
                        : SHEAF_OK;
}

/* ---- answers ---- */

typedef struct bytes_left {
    const unsigned char *at;
    size_t n;
} bytes_left;

static const void *take(bytes_left *left, size_t n_bytes)
{
    size_t filled_up = (n_bytes + 7) & ~(size_t)7;
    const void *at = left->at;
    if (filled_up < n_bytes || filled_up > left->n)
        return NULL;
    left->at += filled_up;
    left->n -= filled_up;
    return at;
}

static sheaf_status damaged(sheaf_error *err)
{
    return sheaf_error_set(err, SHEAF_EBROKEN, "a worker process answered what cannot be read");
}

static sheaf_status read_batch(sheaf__load *load, const sheaf__remote_batch *sizes,
                               bytes_left *left, sheaf__batch **batch, sheaf_error *err)
{
    const void *cells = sizes->n_cells < SIZE_MAX / sizeof(sheaf__cell)
                            ? take(left, sizes->n_cells * sizeof(sheaf__cell))
                            : NULL;
    const void *bytes = cells ? take(left, sizes->n_bytes) : NULL;
    size_t n_places = sizes->has_places ? sizes->n_rows : 0;
    const void *places = bytes && n_places <= sizes->n_cells
                             ? take(left, n_places * sizeof(sheaf__row_place))
                             : NULL;
    if (!places)
        return damaged(err);
    sheaf__batch *made = *batch = sheaf__load_take_batch(load, NULL);
    if (!made || sheaf__batch_reserve(made, sizes->n_bytes + 1, sizes->n_cells + 1) < 0)
        return sheaf__error_memory(err, "a batch");
    if (n_places > 0 && sheaf__batch_reserve_places(made, n_places) < 0)
        return sheaf__error_memory(err, "a batch");
    if (n_places > 0)
        memcpy(made->places, places, n_places * sizeof *made->places);
    memcpy(made->cells, cells, sizes->n_cells * sizeof(sheaf__cell));
    memcpy(made->bytes, bytes, sizes->n_bytes);
    made->n_cells = sizes->n_cells;
    made->n_bytes = sizes->n_bytes;
    made->n_columns = sizes->n_columns;
    made->n_rows = sizes->n_rows;
    return SHEAF_OK;
}

static sheaf_status read_kinds(size_t n_kinds, bytes_left *left, sheaf__chunk *chunk,
                               sheaf_error *err)
{
    const void *kinds = n_kinds < SIZE_MAX / sizeof(sheaf__kinds)
                            ? take(left, n_kinds * sizeof(sheaf__kinds))
                            : NULL;
    if (!kinds)
        return damaged(err);
    chunk->kinds = malloc(n_kinds * sizeof(sheaf__kinds));
    if (!chunk->kinds)
        return sheaf__error_memory(err, "a survey");
    memcpy(chunk->kinds, kinds, n_kinds * sizeof(sheaf__kinds));
    chunk->n_kinds = n_kinds;
    return SHEAF_OK;
}

static sheaf_status read_rejects(const sheaf__remote_answer *answer, bytes_left *left,
                                 sheaf__rejects *rejects, sheaf_error *err)
{
    const sheaf__fault *faults = answer->n_rejects < SIZE_MAX / sizeof *faults
                                     ? take(left, answer->n_rejects * sizeof *faults)
                                     : NULL;
    const uint8_t *raw = faults ? take(left, answer->n_reject_bytes) : NULL;
    if (!raw)
        return damaged(err);
    const uint8_t *end = raw + answer->n_reject_bytes;
    for (size_t i = 0; i < answer->n_rejects; i++) {
        if (faults[i].n_raw > (size_t)(end - raw))
            return damaged(err);
        if (sheaf__rejects_add(rejects, &faults[i], raw) < 0)
            return sheaf__error_memory(err, "records that are set aside");
        raw += faults[i].n_raw;
    }
    return SHEAF_OK;
}

static sheaf_status read_events(sheaf__load *load, const sheaf__remote_answer *answer,
                                bytes_left *left, const sheaf__load_file *file, sheaf_error *err)
{
    const sheaf__remote_event *events = answer->n_events < SIZE_MAX / sizeof *events
                                            ? take(left, answer->n_events * sizeof *events)
                                            : NULL;
    if (!events)
        return damaged(err);
    sheaf__traced_unpack(&load->traced, answer->worker, answer->process, file->found, events,
                         answer->n_events);
    return SHEAF_OK;
}

static sheaf_status read_answer(sheaf__load *load, const sheaf_block *block, sheaf__chunk *chunk,
                                sheaf_error *err)
{
    bytes_left left = {block->bytes, block->n_bytes};
    const sheaf__remote_answer *answer = take(&left, sizeof *answer);
    if (!answer)
        return damaged(err);
    chunk->counts = answer->counts;
    chunk->at = answer->at;
    chunk->more = answer->more;
    chunk->split = answer->split;
    chunk->dense = answer->dense;
    chunk->misjudged = answer->misjudged;
    chunk->begin = answer->begin;
    chunk->end = answer->end;
    chunk->digest = answer->digest;
    sheaf_status status = read_events(load, answer, &left, chunk->file, err);
    if (status == SHEAF_OK && answer->has_header)
        status = read_batch(load, &answer->header, &left, &chunk->header, err);
    if (answer->has_header && status == SHEAF_OK &&
        sheaf__types_ask(chunk->file, chunk->header) < 0)
        status = sheaf__error_memory(err, "the types");
    if (status == SHEAF_OK && answer->has_batch)
        status = read_batch(load, &answer->batch, &left, &chunk->batch, err);
    if (status == SHEAF_OK && answer->n_kinds > 0)
        status = read_kinds(answer->n_kinds, &left, chunk, err);
    if (status == SHEAF_OK && answer->n_rejects > 0)
        status = read_rejects(answer, &left, &chunk->rejects, err);
    if (status < 0 || !answer->has_fault)
        return status;
    const void *fault = take(&left, sizeof *chunk->fault);
    chunk->fault = fault ? malloc(sizeof *chunk->fault) : NULL;
    if (!chunk->fault)
        return fault ? sheaf__error_memory(err, "an error") : damaged(err);
    memcpy(chunk->fault, fault, sizeof *chunk->fault);
    return SHEAF_OK;
}

sheaf_status sheaf__ask_wait(sheaf__load *load, const sheaf__load_file *file, uint64_t first_byte,
                             sheaf_future *future, void **result, sheaf_error *err)
{
    int64_t begun = sheaf_trace_now(load->traced.waits);
    sheaf_status status = sheaf_future_take(future, -1, result, err);
    sheaf_future_release(future);
    sheaf__traced_wait(&load->traced, begun, "wait for its rows", file->found, first_byte);
    return status;
}

/* The turn of a file that only we can read, or whose fault was met before. */
static sheaf_status read_here(sheaf__load *load, sheaf__ask what, sheaf__load_file *file,
                              sheaf__chunk **chunk, sheaf_error *err)
{
    sheaf_future *future;
    void *result = NULL;
    sheaf_status status = submit(load, what, file, NULL, &future, err);
    if (status < 0)
        return status;
    status = sheaf__ask_wait(load, file, 0, future, &result, err);
    *chunk = result;
    return status;
}

/* Whatever ends processes in a run that was told to stop was meant for all of it. */
static sheaf_status unless_stopped(const sheaf__load *load, sheaf_status status, sheaf_error *err)
{
    if (status >= 0 || !load->remote ||
        !atomic_load_explicit(&load->shared->stop, memory_order_relaxed))
        return status;
    return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled: nothing was committed");
}

/* A process was lost with this file: that is the file's fault, if it is anybody's. */
static sheaf_status blame_file(sheaf__load_file *file, sheaf__chunk **chunk, sheaf_error *err)
{
    sheaf_error fault = *err;
    sheaf_error_hint(&fault, "reading this file ends its worker process: please report it");
    *chunk = sheaf__chunk_of_fault(file, &fault);
    if (!*chunk)
        return sheaf__error_memory(err, "an error");
    (*chunk)->lost = true;
    return SHEAF_OK;
}

/*
 * What was found out of the file's dialect need not be found out again. Only while no other task of
 * the file is under way: those that read its ranges look at it.
 */
static void note_dialect(sheaf__load_file *file, const sheaf__chunk *chunk)
{
    if (!chunk || !chunk->counts.dialect.delimiter)
        return;
    file->dialect = chunk->counts.dialect;
    file->n_columns = chunk->counts.n_columns;
}

static sheaf_status take_answer(sheaf__load *load, sheaf__ask what, sheaf__load_file *file,
                                sheaf_status status, void *result, sheaf__chunk **chunk,
                                sheaf_error *err)
{
    *chunk = NULL;
    status = unless_stopped(load, status, err);
    if (status == SHEAF_EWORKER && load->remote)
        return blame_file(file, chunk, err);
    if (status < 0)
        return status;
    bool is_chunk = what == SHEAF__ASK_MORE || what == SHEAF__ASK_RANGE;
    if (!load->remote || (is_chunk && !goes_elsewhere(load, file))) {
        *chunk = result;
        return SHEAF_OK;
    }
    sheaf__budget_answered(load);
    sheaf_block *block = result;
    if (block->n_bytes == 0 && is_chunk) {
        status = damaged(err);
    } else if (block->n_bytes == 0) {
        file->here = true;
        status = read_here(load, what, file, chunk, err);
    } else {
        sheaf__chunk *made = sheaf__chunk_create(file);
        status = made ? read_answer(load, block, made, err) : sheaf__error_memory(err, "a chunk");
        if (status == SHEAF_OK)
            sheaf__budget_hold(made);
        if (status < 0)
            sheaf__chunk_release(made);
        else
            *chunk = made;
    }
    sheaf_block_drop(block);
    return status;
}

sheaf_status sheaf__ask_answer(sheaf__load *load, sheaf__ask what, sheaf__load_file *file,
                               sheaf_status status, void *result, sheaf__chunk **chunk,
                               sheaf_error *err)
{
    status = take_answer(load, what, file, status, result, chunk, err);
    if (what == SHEAF__ASK_HEADER || what == SHEAF__ASK_FIRST)
        note_dialect(file, *chunk);
    return status;
}

/* ---- mapping over the files ---- */

/* The next file from `index` on that this pass is about. */
static size_t skip_files(const sheaf__load *load, size_t index)
{
    if (load->pass != SHEAF__PASS_SURVEY)
        return index;
    while (index < load->survey_end && !load->states[index].late)
        index++;
    return index < load->survey_end ? index : load->n_files;
}

static bool has_room(void *source)
{
    const sheaf__ask_cursor *cursor = source;
    return sheaf__budget_has_room(cursor->load);
}

static sheaf_status next_question(void *source, void **argument, sheaf_error *err)
{
    sheaf__ask_cursor *cursor = source;
    sheaf__load *load = cursor->load;
    cursor->next = skip_files(load, cursor->next);
    if (cursor->next == load->n_files)
        return SHEAF_END;
    sheaf__load_file *file = &load->states[cursor->next++];
    cursor->n_asked++;
    sheaf__budget_asked(load);
    if (!load->remote) {
        *argument = file;
        return SHEAF_OK;
    }
    sheaf_call *call;
    sheaf_status status = make_call(load, cursor->what, file, NULL, NULL, &call, err);
    *argument = call;
    return status;
}

sheaf_status sheaf__ask_open(sheaf__load *load, sheaf__ask what, sheaf__ask_cursor *cursor,
                             sheaf_error *err)
{
    *cursor = (sheaf__ask_cursor){.load = load, .what = what};
    sheaf_task task = thread_task(what, NULL, NULL);
    sheaf_map_options options = {.size = sizeof options,
                                 .run = load->remote ? sheaf_call_run : task.run,
                                 .next = next_question,
                                 .source = cursor,
                                 .drop_arg = load->remote ? sheaf_call_drop : NULL,
                                 .drop_result = load->remote ? sheaf_block_drop : task.drop_result,
                                 .buffersize = load->window,
                                 .has_room = has_room,
                                 .yield_failures = load->remote};
    return sheaf_map_open(load->executor, &options, &cursor->map, err);
}

sheaf_status sheaf__ask_next(sheaf__ask_cursor *cursor, sheaf__chunk **chunk, sheaf_error *err)
{
    static const char *const waits[] = {[SHEAF__ASK_HEADER] = "wait for its header",
                                        [SHEAF__ASK_FIRST] = "wait for its first rows"};
    sheaf__load *load = cursor->load;
    void *result = NULL;
    size_t index = skip_files(load, cursor->taken);
    atomic_store_explicit(&load->budget.turn, index, memory_order_relaxed);
    int64_t begun = sheaf_trace_now(load->traced.waits);
    sheaf_status status = sheaf_map_next(cursor->map, &result, err);
    if (index < load->n_files)
        sheaf__traced_wait(&load->traced, begun, waits[cursor->what], load->states[index].found, 0);
    if (status == SHEAF_END || (status < 0 && cursor->n_taken == cursor->n_asked))
        return unless_stopped(load, status, err); /* over, or a question could not be asked */
    sheaf__load_file *file = &load->states[index];
    cursor->taken = index + 1;
    cursor->n_taken++;
    status = sheaf__ask_answer(load, cursor->what, file, status, result, chunk, err);
    if (status < 0 || !(*chunk)->declined)
        return status;
    sheaf__chunk_release(*chunk); /* it was not its turn then */
    *chunk = NULL;
    status = read_here(load, cursor->what, file, chunk, err);
    note_dialect(file, *chunk);
    return status;
}

void sheaf__ask_close(sheaf__ask_cursor *cursor)
{
    sheaf_map_close(cursor->map);
}
