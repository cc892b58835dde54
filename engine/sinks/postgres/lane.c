/* Rows over one connection: see lane.h. */
#include "engine/sinks/postgres/lane.h"

#include "engine/core/error.h"

static const char writing[] = "cannot write rows";

void sheaf__postgres_lane_reset(sheaf__postgres_lane *lane)
{
    lane->n_copied = lane->n_ended = lane->n_marked = 0;
    lane->has_savepoint = lane->wants_savepoint = false;
}

sheaf_status sheaf__postgres_lane_savepoint(sheaf__postgres_lane *lane, sheaf_error *err)
{
    const char *sql = lane->has_savepoint ? "RELEASE SAVEPOINT sheaf_file; SAVEPOINT sheaf_file"
                                          : "SAVEPOINT sheaf_file";
    if (!lane->wants_savepoint)
        return SHEAF_OK;
    lane->wants_savepoint = false;
    lane->has_savepoint = true;
    lane->n_marked = lane->n_ended;
    return sheaf__postgres_run(lane->session, sql, "cannot begin a file", err);
}

sheaf_status sheaf__postgres_lane_begin(sheaf__postgres_lane *lane, sheaf_error *err)
{
    if (lane->session->is_copying)
        return SHEAF_OK;
    lane->n_copied = 0;
    lane->is_headed = false;
    sheaf_status status = sheaf__postgres_lane_savepoint(lane, err);
    return status < 0 ? status
                      : sheaf__postgres_copy_begin(lane->session, lane->copy,
                                                   "cannot write into the table", err);
}

/* The head is sent with the first rows of a COPY. */
static sheaf_status send_rows(sheaf__postgres_lane *lane, sheaf__postgres_rows *rows,
                              uint64_t n_rows, sheaf_error *err)
{
    size_t n_sent = lane->is_headed ? SHEAF__POSTGRES_HEAD_BYTES : 0;
    sheaf_status status = sheaf__postgres_copy_put(lane->session, rows->bytes + n_sent,
                                                   rows->n_bytes - n_sent, err);
    lane->is_headed = true;
    lane->n_copied += n_rows;
    rows->n_bytes = 0;
    return status;
}

sheaf_status sheaf__postgres_lane_put(sheaf__postgres_lane *lane, sheaf__postgres_rows *rows,
                                      uint64_t n_rows, sheaf_error *err)
{
    sheaf__postgres_rows none = {0};
    sheaf_status status = SHEAF_OK;
    if (lane->wants_savepoint) /* a COPY that is under way ends before it */
        status = sheaf__postgres_lane_end(lane, &none, 0, err);
    sheaf__postgres_rows_end(&none);
    if (status == SHEAF_OK)
        status = sheaf__postgres_lane_begin(lane, err);
    return status < 0 ? status : send_rows(lane, rows, n_rows, err);
}

sheaf_status sheaf__postgres_check_count(const sheaf__postgres *session, uint64_t n_written,
                                         uint64_t n_rows, sheaf_error *err)
{
    if (n_written == n_rows)
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_EDATABASE, "the table took %llu of %llu rows",
                    (unsigned long long)n_written, (unsigned long long)n_rows);
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "a trigger of the table leaves rows out: nothing was committed");
    return SHEAF_EDATABASE;
}

sheaf_status sheaf__postgres_lane_end(sheaf__postgres_lane *lane, sheaf__postgres_rows *rows,
                                      uint64_t n_rows, sheaf_error *err)
{
    uint64_t n_written;
    sheaf_status status = n_rows > 0 ? sheaf__postgres_lane_begin(lane, err) : SHEAF_OK;
    if (status < 0 || !lane->session->is_copying)
        return status;
    if ((rows->n_bytes == 0 && !sheaf__postgres_put_head(rows)) || !sheaf__postgres_put_tail(rows))
        return sheaf__error_memory(err, "rows");
    status = send_rows(lane, rows, n_rows, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_end(lane->session, writing, &n_written, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_check_count(lane->session, n_written, lane->n_copied, err);
    lane->n_ended += lane->n_copied;
    return status;
}

sheaf_status sheaf__postgres_lane_take_back(sheaf__postgres_lane *lane, sheaf__postgres_rows *rows,
                                            uint64_t n_rows, sheaf_error *err)
{
    if (lane->wants_savepoint) /* nothing was written since */
        return SHEAF_OK;
    sheaf_status status = sheaf__postgres_lane_end(lane, rows, n_rows, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_run(lane->session, "ROLLBACK TO SAVEPOINT sheaf_file",
                                     "cannot take back the rows of a file", err);
    lane->n_ended = lane->n_marked;
    return status;
}
