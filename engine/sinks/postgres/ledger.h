/*
 * The ledger of a table, in a table beside it: NAME_ledger, in the same transaction as the rows of
 * the files that it tells of.
 *
 *     entry bigint PRIMARY KEY, file text, file_bytes bytea, path text, path_bytes bytea, ...
 *
 * and the other columns of an entry (entry.h), text or bigint; what is not known is null. `entry`
 * counts them from 1, in the order of their loading. A path that is no UTF-8 stands in path_bytes,
 * byte by byte, and escaped in path, for people; of others path_bytes is null. So with `file`.
 * first_row is null: a table of PostgreSQL has no numbers for its rows, nor an order that stays.
 *
 * Whoever appends reads the ledger, and decides by it what is loaded: so loads of one table come
 * one after the other. Each holds an advisory lock, whose number is made of the table's name, from
 * before it reads to the end of its transaction; and where it goes on with another one (per file)
 * it sees that nobody was there meanwhile. No right is needed for such a lock, and it can be taken
 * before there is any table.
 */
#ifndef SHEAF_SINKS_POSTGRES_LEDGER_H
#define SHEAF_SINKS_POSTGRES_LEDGER_H

#include "engine/ledger/ledger.h"
#include "engine/sinks/postgres/copy.h"
#include "engine/sinks/postgres/relation.h"

typedef struct sheaf__postgres_ledger {
    char table[SHEAF__POSTGRES_NAME_BYTES + 1];
    const sheaf__postgres_table *of;
    bool exists;
    bool may_create;
    int64_t last;              /* the number of its last entry; 0: it has none */
    sheaf__postgres_rows rows; /* entries that were not written yet */
    uint64_t n_rows;
} sheaf__postgres_ledger;

/* Wait until no other load writes this table; its schema need not be known. Or EAGAIN: one does. */
sheaf_status sheaf__postgres_ledger_lock(sheaf__postgres *session,
                                         const sheaf__postgres_table *table, sheaf_error *err);
sheaf_status sheaf__postgres_ledger_try_lock(sheaf__postgres *session,
                                             const sheaf__postgres_table *table, sheaf_error *err);

/*
 * Find the ledger of a table, which is there if `appends`; if it is replaced its ledger goes, too.
 *
 * Returns    OK; EEXIST: what is called so is no ledger, or that of a table which is not there;
 *            EDATABASE, ECANCELLED, ENOMEM.
 */
sheaf_status sheaf__postgres_ledger_open(sheaf__postgres_ledger *self, sheaf__postgres *session,
                                         sheaf__postgres_table *table, bool appends,
                                         sheaf_if_exists if_exists, sheaf_error *err);

/*
 * What a table (`oid`) that is there holds: the files of its ledger; that of an empty one is known,
 * too.
 */
sheaf_status sheaf__postgres_ledger_read(sheaf__postgres_ledger *self, sheaf__postgres *session,
                                         const char *oid, sheaf__ledger *ledger, sheaf_error *err);

/* One more file. OK, ENOMEM. Where no ledger is there, and none may be created, none is kept. */
sheaf_status sheaf__postgres_ledger_put(sheaf__postgres_ledger *self,
                                        const sheaf__ledger_file *file, sheaf_error *err);
bool sheaf__postgres_ledger_has_many(const sheaf__postgres_ledger *self);

/* Write them, while nothing else is written. */
sheaf_status sheaf__postgres_ledger_flush(sheaf__postgres_ledger *self, sheaf__postgres *session,
                                          sheaf_error *err);

/* A file that is there was given another time, and nothing else. */
sheaf_status sheaf__postgres_ledger_touch(const sheaf__postgres_ledger *self,
                                          sheaf__postgres *session, const sheaf__ledger_file *file,
                                          int64_t mtime_ns, sheaf_error *err);

/* In another transaction, locked again: has it the entries that we know? OK; ECHANGED, ... */
sheaf_status sheaf__postgres_ledger_check(const sheaf__postgres_ledger *self,
                                          sheaf__postgres *session, sheaf_error *err);

void sheaf__postgres_ledger_end(sheaf__postgres_ledger *self);

#endif
