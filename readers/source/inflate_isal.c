/* Inflating by ISA-L: see inflate.h. What it says is damaged, zlib looks at again (gzip.c). */
#include <stdlib.h>
#include <string.h>

#include <isa-l.h>

#include "readers/source/inflate.h"

#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

static const char *version(void)
{
    return VERSION_TEXT(ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION, ISAL_PATCH_VERSION);
}

static void *create(void)
{
    return malloc(sizeof(struct inflate_state));
}

static void destroy(void *state)
{
    free(state);
}

static bool begin(void *state)
{
    /* All of it: codes that damaged data does not define are looked up in what was there before. */
    struct inflate_state *stream = memset(state, 0, sizeof(struct inflate_state));
    isal_inflate_init(stream);
    stream->crc_flag = ISAL_GZIP;
    return true;
}

static sheaf__inflate_result run(void *state, sheaf__inflate_io *io)
{
    struct inflate_state *stream = state;
    stream->next_in = (uint8_t *)(uintptr_t)io->next_in; /* is not written to */
    stream->avail_in = io->n_in;
    stream->next_out = io->next_out;
    stream->avail_out = io->n_out;
    int result = isal_inflate(stream);
    io->next_in = stream->next_in;
    io->n_in = stream->avail_in;
    io->next_out = stream->next_out;
    io->n_out = stream->avail_out;
    if (result == ISAL_INCORRECT_CHECKSUM)
        io->damage = "incorrect data check";
    else if (result == ISAL_INVALID_WRAPPER || result == ISAL_UNSUPPORTED_METHOD)
        io->damage = "incorrect header check";
    else
        io->damage = "invalid code";
    if (result < 0 || result == ISAL_NEED_DICT)
        return SHEAF__INFLATE_DAMAGED;
    return stream->block_state == ISAL_BLOCK_FINISH ? SHEAF__INFLATE_END : SHEAF__INFLATE_MORE;
}

const sheaf__inflater sheaf__inflate_isal = {.name = "isal",
                                             .version = version,
                                             .create = create,
                                             .destroy = destroy,
                                             .begin = begin,
                                             .run = run};
