/* Rows behind those that a table has: see append.h. */
#include "engine/sinks/postgres/append.h"

#include <string.h>

#include "engine/core/error.h"

/*
 * What the server's last word says of the rows, and not of itself or of us: a value or a constraint
 * (classes 22, 23, 44), a row that is too big for a page or an index (54000), or what a trigger
 * raises (P0, and 45, which SQL leaves to users; the standard has no classes from I on).
 */
static bool is_refusal(const sheaf__postgres *session)
{
    static const char *const classes[] = {"22", "23", "44", "45", "54000"};
    const char *state = session->state;
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp(state, classes[i], strlen(classes[i])) == 0)
            return true;
    return state[0] >= 'I' && state[0] <= 'Z' && strncmp(state, "XX", 2) != 0;
}

static sheaf_status write_rows(sheaf__postgres *session, const char *copy,
                               const sheaf__postgres_rows *rows, uint64_t *n_written,
                               sheaf_error *err)
{
    static const char what[] = "the table refuses the row";
    sheaf_status status = sheaf__postgres_copy_begin(session, copy, what, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_put(session, rows->bytes, rows->n_bytes, err);
    return status < 0 ? status : sheaf__postgres_copy_end(session, what, n_written, err);
}

sheaf_status sheaf__postgres_append(sheaf__postgres *session, const char *copy,
                                    const sheaf__postgres_rows *rows, uint64_t n, sheaf_error *err)
{
    static const char what[] = "cannot write into the table";
    uint64_t n_written = 0;
    sheaf_status status = sheaf__postgres_run(session, "SAVEPOINT sheaf_rows", what, err);
    if (status < 0)
        return status;
    session->state[0] = '\0';
    status = write_rows(session, copy, rows, &n_written, err);
    if (status == SHEAF_OK && n_written == n)
        return sheaf__postgres_run(session, "RELEASE SAVEPOINT sheaf_rows", what, err);
    if (status == SHEAF_OK)
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "the table refuses the row: a trigger of the table leaves it out");
    else if (status != SHEAF_EDATABASE || !is_refusal(session))
        return status;
    sheaf_status back = sheaf__postgres_run(
        session, "ROLLBACK TO SAVEPOINT sheaf_rows; RELEASE SAVEPOINT sheaf_rows", what, NULL);
    if (back == SHEAF_OK)
        return SHEAF_END;
    return status < 0 ? status : sheaf_error_set(err, back, "%s", what);
}
