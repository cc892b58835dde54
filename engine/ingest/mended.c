/* One record from memory: see mended.h. */
#include "engine/ingest/mended.h"
#include "engine/ingest/rejects.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/ingest/load.h"
#include "readers/repair.h"

sheaf_status sheaf__mended_init(sheaf__mended *mended, sheaf_error *err)
{
    *mended = (sheaf__mended){.fd = memfd_create("sheaf-retry", MFD_CLOEXEC),
                              .reader = sheaf__reader_create(),
                              .parser = sheaf__parser_create(),
                              .batch = sheaf__batch_create(NULL)};
    if (mended->fd < 0)
        return sheaf__error_system(err, errno, "there is no memory file", NULL);
    return mended->reader && mended->parser && mended->batch ? SHEAF_OK
                                                             : sheaf__error_memory(err, "a retry");
}

void sheaf__mended_end(sheaf__mended *mended)
{
    sheaf__reader_destroy(mended->reader);
    sheaf__parser_destroy(mended->parser);
    sheaf__batch_destroy(mended->batch);
    sheaf__rejects_end(&mended->rejects);
    if (mended->fd >= 0)
        close(mended->fd);
}

/* The file holds the text, and nothing else. */
static sheaf_status put(const sheaf__mended *mended, const uint8_t *raw, size_t n_raw,
                        sheaf_file *file, sheaf_error *err)
{
    struct stat st;
    bool good = ftruncate(mended->fd, 0) == 0;
    for (size_t at = 0; at < n_raw && good;) {
        ssize_t n = pwrite(mended->fd, raw + at, n_raw - at, (off_t)at);
        good = n > 0 || (n < 0 && errno == EINTR);
        if (n == 0)
            errno = ENOSPC;
        at += n > 0 ? (size_t)n : 0;
    }
    if (!good || fstat(mended->fd, &st) != 0)
        return sheaf__error_system(err, errno, "cannot keep a record in memory", NULL);
    *file = (sheaf_file){.path = "",
                         .size_bytes = (uint64_t)st.st_size,
                         .mtime_ns = sheaf__nanoseconds(st.st_mtim),
                         .device = st.st_dev,
                         .inode = st.st_ino};
    return SHEAF_OK;
}

/* A failure that is the record's fault, and not the machine's. */
static bool is_fault(sheaf_status status)
{
    return status == SHEAF_ESHAPE || status == SHEAF_EQUOTE || status == SHEAF_EENCODING ||
           status == SHEAF_ELIMIT || status == SHEAF_ETYPE;
}

static sheaf_status tell_count(const sheaf__mended_from *from, size_t n_records, sheaf_error *told,
                               const char **code)
{
    *code = "count";
    if (n_records == 0)
        sheaf_error_set(told, SHEAF_ESHAPE, "there is no record in the text");
    else
        sheaf_error_set(told, SHEAF_ESHAPE, "there are %zu records in the text, not one",
                        n_records);
    sheaf_error_hint(told, "a text holds one record; a line end is part of it in quotes only");
    told->line = from->line;
    told->record = from->record;
    return SHEAF_END;
}

/* Whether what begins in the text is one record at least up to its fault: a quote that is open. */
static bool is_open(const sheaf__rejects *rejects)
{
    return rejects->faults[0].status == SHEAF_EQUOTE || rejects->faults[0].open;
}

/* What is wrong with the record. */
static sheaf_status tell_fault(sheaf__mended *mended, sheaf_error *told, const char **code)
{
    const sheaf__fault *fault = &mended->rejects.faults[0];
    mended->advice = sheaf__repair_advice(fault, mended->rejects.bytes);
    sheaf__fault_tell(fault, mended->rejects.bytes, told);
    *code = sheaf__reject_code(fault);
    return SHEAF_END;
}

static sheaf_status read_all(sheaf__mended *mended, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK)
        status = sheaf__reader_next(mended->reader, mended->parser, mended->batch, SIZE_MAX / 2,
                                    err);
    mended->repairs = sheaf__reader_counts_get(mended->reader).repairs;
    return status;
}

sheaf_status sheaf__mended_read(sheaf__mended *mended, const sheaf__mended_from *from,
                                const uint8_t *raw, size_t n_raw, sheaf_error *told,
                                const char **code, sheaf_error *err)
{
    sheaf_file file;
    sheaf__reader_position position = {.line = from->line, .n_columns = from->n_columns};
    position.counts.records = from->record - 1;
    position.counts.dialect = from->options->dialect;
    position.counts.n_columns = from->n_columns;
    position.counts.encoding = SHEAF__ENCODING_UTF_8;
    sheaf_status status = put(mended, raw, n_raw, &file, err);
    if (status == SHEAF_OK)
        status = sheaf__reader_open_range(mended->reader, &file, from->options, &position,
                                          UINT64_MAX, mended->fd, err);
    if (status < 0)
        return status;
    mended->advice = NULL;
    sheaf__batch_clear(mended->batch, SIZE_MAX);
    sheaf__rejects_end(&mended->rejects);
    sheaf__reader_set_aside(mended->reader, &mended->rejects);
    sheaf__reader_check_types(mended->reader, from->asked);
    status = read_all(mended, told);
    sheaf__reader_close(mended->reader);
    size_t n = mended->rejects.n + mended->batch->n_rows;
    if (mended->rejects.n > 0 &&
        (n == 1 || (mended->batch->n_rows == 0 && is_open(&mended->rejects))))
        return tell_fault(mended, told, code);
    *code = "limit"; /* of fields: any other fault would have been set aside */
    if (status < 0 && is_fault(status))
        return SHEAF_END;
    if (status < 0) {
        sheaf__error_copy(err, told);
        return status;
    }
    return n == 1 ? SHEAF_OK : tell_count(from, n, told, code);
}
