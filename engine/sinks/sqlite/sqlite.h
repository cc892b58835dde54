/* What the sink for SQLite shares with who reads a quarantine in the same transaction. */
#ifndef SHEAF_SINKS_SQLITE_SQLITE_H
#define SHEAF_SINKS_SQLITE_SQLITE_H

#include <sqlite3.h>

#include "engine/sinks/sink.h"

/* The database that a sink of this kind has open, in its transaction, and the name of its table. */
sqlite3 *sheaf__sqlite_database(sheaf__sink *sink, const char **table);

#endif
