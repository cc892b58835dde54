/*
 * Destinations: where rows come to rest. <sheaf/ingest.h> says how one is named.
 */
#ifndef SHEAF_DESTINATION_H
#define SHEAF_DESTINATION_H

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

/* What to do when the destination already holds something. */
typedef enum sheaf_if_exists {
    SHEAF_IF_EXISTS_FAIL = 0, /* EEXIST, before anything is read */
    SHEAF_IF_EXISTS_REPLACE   /* put the new rows in its place, when all of them are there */
} sheaf_if_exists;

SHEAF_END_DECLS

#endif
