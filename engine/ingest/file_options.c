#include "engine/ingest/file_options.h"

#include <fnmatch.h>
#include <string.h>

#include "engine/core/error.h"
#include "readers/dialect/check.h"
#include "readers/scan/scan.h"
#include "readers/source/inflate.h"

#define RECORD_BYTES_LIMIT (1 << 30) /* cells have 32-bit offsets */

enum { RECORD_BYTES_MAX = 64 << 20 };

/* What values become, and what may be done to records. */
static sheaf_status check_values(const sheaf_ingest_options *options, sheaf_error *err)
{
    if ((unsigned)options->typing > SHEAF_TYPING_TEXT)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such way to find out types");
    for (size_t i = 0; i < options->n_types; i++)
        if ((unsigned)options->types[i].type - 1 >= SHEAF_TYPES - 1)
            return sheaf_error_set(err, SHEAF_EINVAL, "there is no such type to ask for");
    if (options->fixes & ~(unsigned)(SHEAF_FIX_PAD | SHEAF_FIX_TRIM | SHEAF_FIX_QUOTES))
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such way to repair records");
    return SHEAF_OK;
}

sheaf_status sheaf__file_options_check(const sheaf_ingest_options *options, sheaf_error *err)
{
    if (options->record_bytes_max > RECORD_BYTES_LIMIT)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "the limit of a record's size can be %d bytes at most",
                               RECORD_BYTES_LIMIT);
    sheaf_status status = check_values(options, err);
    if (status == SHEAF_OK)
        status = sheaf__dialect_check(&options->dialect, err);
    if (status == SHEAF_OK)
        status = sheaf__inflate_check(err);
    for (size_t i = 0; i < options->n_encodings && status == SHEAF_OK; i++)
        status = sheaf__encoding_check(options->encodings[i].encoding, err);
    return status < 0 ? status : sheaf__scan_check(err);
}

const char *sheaf__encoding_of(const sheaf_ingest_options *options, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    for (size_t i = options->n_encodings; i > 0; i--) {
        const sheaf_file_encoding *each = &options->encodings[i - 1];
        if (!each->pattern || fnmatch(each->pattern, path, 0) == 0 ||
            fnmatch(each->pattern, name, 0) == 0)
            return each->encoding;
    }
    return NULL;
}

sheaf__reader_options sheaf__file_options(const sheaf_ingest_options *options, const char *path,
                                          const sheaf_dialect *dialect)
{
    bool is_tsv = sheaf__uncompressed_name_ends_with(path, ".tsv");
    const char *encoding = sheaf__encoding_of(options, path);
    size_t record_max = options->record_bytes_max;
    sheaf__reader_options made = {.encoding = encoding ? sheaf__encoding_parse(encoding)
                                                       : SHEAF__ENCODING_AUTO,
                                  .encoding_name = encoding,
                                  .dialect = *dialect,
                                  .delimiter_hint = is_tsv ? '\t' : 0,
                                  .by_libcsv = options->parser == SHEAF_PARSER_LIBCSV,
                                  .fixes = options->fixes,
                                  .record_bytes_max = record_max ? record_max : RECORD_BYTES_MAX};
    if (dialect->delimiter == SHEAF_BY_NAME)
        made.dialect.delimiter = is_tsv ? '\t' : ',';
    return made;
}
