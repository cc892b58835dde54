/* Which formats of compressed files there are, and what they have in common: see decompress.h. */
#include "readers/source/decompress.h"

#include <stdio.h>
#include <string.h>

#include <zstd.h>

#include "engine/core/error.h"
#include "engine/core/path.h"
#include "readers/source/inflate.h"

static const sheaf__decompress_format *const formats[SHEAF__COMPRESSIONS] = {
    [SHEAF__COMPRESSION_GZIP] = &sheaf__decompress_gzip,
    [SHEAF__COMPRESSION_ZSTD] = &sheaf__decompress_zstd,
};

const char sheaf__cut_off[] = "the compressed data is cut off";
const char sheaf__cut_off_hint[] = "the file was not copied whole: fetch it again";

const sheaf__decompress_format *sheaf__compression_format(sheaf__compression compression)
{
    return formats[compression];
}

sheaf__compression sheaf__compression_of_name(const char *path)
{
    for (sheaf__compression i = SHEAF__COMPRESSION_NONE + 1; i < SHEAF__COMPRESSIONS; i++)
        if (sheaf__path_ends_with(path, formats[i]->ending))
            return i;
    return SHEAF__COMPRESSION_NONE;
}

sheaf__compression sheaf__compression_of(const char *path, const uint8_t *bytes, size_t n_bytes)
{
    for (sheaf__compression i = SHEAF__COMPRESSION_NONE + 1; i < SHEAF__COMPRESSIONS; i++)
        if (formats[i]->detect(bytes, n_bytes))
            return i;
    return sheaf__compression_of_name(path);
}

bool sheaf__uncompressed_name_ends_with(const char *path, const char *ending)
{
    const sheaf__decompress_format *format = sheaf__compression_format(
        sheaf__compression_of_name(path));
    char both[16];
    if (!format)
        return sheaf__path_ends_with(path, ending);
    snprintf(both, sizeof both, "%s%s", ending, format->ending);
    return sheaf__path_ends_with(path, both);
}

void sheaf__decompress_describe(char *text, size_t size)
{
    const sheaf__inflater *inflater = sheaf__inflater_get();
    snprintf(text, size, "zlib %s", sheaf__inflate_zlib.version());
    if (inflater && inflater != &sheaf__inflate_zlib)
        snprintf(text + strlen(text), size - strlen(text), ", %s %s", inflater->name,
                 inflater->version());
    snprintf(text + strlen(text), size - strlen(text), ", zstd %s", ZSTD_versionString());
}

void sheaf__decompressor_begin(sheaf__decompressor *decompressor, sheaf__file_source *from,
                               const uint8_t *head, size_t n_bytes)
{
    decompressor->from = from;
    decompressor->format->begin(decompressor, head, n_bytes);
}

bool sheaf__decompressor_has_input(const sheaf__decompressor *decompressor)
{
    return decompressor->format->has_input(decompressor);
}

sheaf_status sheaf__decompressor_read(sheaf__decompressor *decompressor, uint8_t *buffer,
                                      size_t capacity, size_t *n_bytes, sheaf_error *err)
{
    size_t n_max = capacity < SHEAF__DECOMPRESS_BYTES_MAX ? capacity : SHEAF__DECOMPRESS_BYTES_MAX;
    return decompressor->format->read(decompressor, buffer, n_max, n_bytes, err);
}

void sheaf__decompressor_destroy(sheaf__decompressor *decompressor)
{
    if (decompressor)
        decompressor->format->destroy(decompressor);
}

sheaf_status sheaf__decompress_fault(sheaf_error *err, uint64_t offset_bytes, const char *what,
                                     const char *hint)
{
    sheaf_error_set(err, SHEAF_ECOMPRESSED, "%s", what);
    if (err)
        err->offset_bytes = offset_bytes;
    sheaf_error_hint(err, "%s", hint);
    return SHEAF_ECOMPRESSED;
}
