/* What a load records in a trace: see traced.h. */
#include "engine/ingest/traced.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/core/trace.h"
#include "engine/ingest/load.h"

enum { MOMENT_NS = 2000 };

static const char *const names[SHEAF__WORKS] = {
    [SHEAF__WORK_SNIFF] = "sniff",   [SHEAF__WORK_OPEN] = "open", [SHEAF__WORK_GUESS] = "guess",
    [SHEAF__WORK_SURVEY] = "survey", [SHEAF__WORK_READ] = "read", [SHEAF__WORK_CONVERT] = "convert",
    [SHEAF__WORK_FORMAT] = "format"};

typedef struct sheaf__traced_process {
    int64_t id;
    sheaf_trace_row *row;
} process;

/* ---- the merge ---- */

void sheaf__traced_begin(sheaf__traced *traced, sheaf_trace *trace)
{
    *traced = (sheaf__traced){.trace = trace,
                              .merge = sheaf_trace_add_row(trace, "merge"),
                              .sink = sheaf_trace_add_row(trace, "sink")};
}

void sheaf__traced_expect_waits(sheaf__traced *traced)
{
    traced->waits = sheaf_trace_add_row(traced->trace, "waits");
}

void sheaf__traced_end(sheaf__traced *traced)
{
    free(traced->processes);
}

void sheaf__traced_phase(sheaf_trace_row *row, int64_t *begun, const char *name)
{
    if (!row || sheaf_trace_now(row) - *begun < MOMENT_NS)
        return;
    sheaf_trace_add(row, *begun,
                    &(sheaf_trace_event){.name = name,
                                         .first_byte = SHEAF_UNKNOWN,
                                         .bytes = SHEAF_UNKNOWN,
                                         .records = SHEAF_UNKNOWN});
    *begun = sheaf_trace_now(row);
}

void sheaf__traced_wait(const sheaf__traced *traced, int64_t begun, const char *what,
                        const sheaf_file *file, uint64_t first_byte)
{
    if (!traced->waits || sheaf_trace_now(traced->waits) - begun < MOMENT_NS)
        return;
    sheaf_trace_add(traced->waits, begun,
                    &(sheaf_trace_event){.name = what,
                                         .file = file->path,
                                         .first_byte = first_byte,
                                         .bytes = SHEAF_UNKNOWN,
                                         .records = SHEAF_UNKNOWN});
}

void sheaf__traced_records(sheaf_trace_row *row, int64_t begun, const char *what, const char *path,
                           uint64_t n_records)
{
    if (!row)
        return;
    sheaf_trace_add(row, begun,
                    &(sheaf_trace_event){.name = what,
                                         .file = path,
                                         .first_byte = SHEAF_UNKNOWN,
                                         .bytes = SHEAF_UNKNOWN,
                                         .records = n_records});
}

/* ---- workers ---- */

sheaf__span sheaf__span_begin(const sheaf_worker *worker, const sheaf__chunk *chunk)
{
    const sheaf__load_worker *local = sheaf_worker_local(worker);
    if (!local->trace_row)
        return (sheaf__span){0};
    return (sheaf__span){.row = local->trace_row,
                         .begun = sheaf_trace_now(local->trace_row),
                         .chunk = chunk,
                         .first_byte = SHEAF_UNKNOWN};
}

sheaf__span sheaf__span_begin_reading(const sheaf_worker *worker, const sheaf__chunk *chunk)
{
    sheaf__span span = sheaf__span_begin(worker, chunk);
    if (!span.row)
        return span;
    sheaf__reader_position at = sheaf__reader_tell(chunk->reader);
    bool in_blocks = chunk->split && at.counts.compression != SHEAF__COMPRESSION_NONE;
    span.reads = true;
    span.first_byte = in_blocks ? sheaf__reader_first_block(chunk->reader) : at.offset_bytes;
    span.text_bytes = at.offset_bytes;
    span.records = at.counts.records;
    return span;
}

void sheaf__span_end(const sheaf__span *span, sheaf__work work)
{
    if (!span->row)
        return;
    sheaf_trace_event event = {.name = names[work],
                               .file = span->chunk->file->found->path,
                               .first_byte = span->first_byte,
                               .bytes = SHEAF_UNKNOWN,
                               .records = SHEAF_UNKNOWN};
    if (span->reads) {
        sheaf__reader_position at = sheaf__reader_tell(span->chunk->reader);
        event.bytes = at.offset_bytes - span->text_bytes;
        event.records = at.counts.records - span->records;
    }
    sheaf_trace_add(span->row, span->begun, &event);
}

/* ---- worker processes ---- */

static uint64_t work_of(const char *name)
{
    uint64_t work = 0;
    while (work < SHEAF__WORKS && names[work] != name)
        work++;
    return work;
}

sheaf__remote_event *sheaf__traced_pack(sheaf_trace_row *row, size_t *n)
{
    *n = 0;
    if (!row)
        return NULL;
    size_t n_events;
    const sheaf__trace_record **sorted = sheaf__trace_sort(row, &n_events);
    sheaf__remote_event *events = sorted ? calloc(n_events + 1, sizeof *events) : NULL;
    for (size_t i = 0; events && i < n_events; i++)
        events[i] = (sheaf__remote_event){.begun_ns = sorted[i]->begun_ns,
                                          .ended_ns = sorted[i]->ended_ns,
                                          .work = work_of(sorted[i]->event.name),
                                          .first_byte = sorted[i]->event.first_byte,
                                          .bytes = sorted[i]->event.bytes,
                                          .records = sorted[i]->event.records};
    *n = events ? n_events : 0;
    free(sorted);
    sheaf__trace_clear(row);
    return events;
}

/* The row of a process: a worker that was lost has another one in its place. */
static sheaf_trace_row *row_of(sheaf__traced *traced, int index, int64_t id)
{
    for (size_t i = 0; i < traced->n_processes; i++)
        if (traced->processes[i].id == id)
            return traced->processes[i].row;
    process *more = realloc(traced->processes, (traced->n_processes + 1) * sizeof *more);
    if (!more)
        return NULL;
    char name[SHEAF__TRACE_NAME_BYTES];
    snprintf(name, sizeof name, "sheaf_%d, process %" PRId64, index, id);
    traced->processes = more;
    more[traced->n_processes] = (process){.id = id,
                                          .row = sheaf_trace_add_row(traced->trace, name)};
    return more[traced->n_processes++].row;
}

void sheaf__traced_unpack(sheaf__traced *traced, int index, int64_t process_id,
                          const sheaf_file *file, const sheaf__remote_event *events, size_t n)
{
    sheaf_trace_row *row = n > 0 && traced->trace ? row_of(traced, index, process_id) : NULL;
    for (size_t i = 0; i < n; i++) {
        sheaf__trace_record record = {
            .begun_ns = events[i].begun_ns,
            .ended_ns = events[i].ended_ns,
            .event = {.name = names[events[i].work < SHEAF__WORKS ? events[i].work : 0],
                      .file = file->path,
                      .first_byte = events[i].first_byte,
                      .bytes = events[i].bytes,
                      .records = events[i].records}};
        sheaf__trace_put(row, &record);
    }
}
