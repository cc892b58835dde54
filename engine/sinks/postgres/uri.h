/*
 * URIs of PostgreSQL: postgresql://user@host:port/database?option=value, as libpq reads them.
 *
 * They may hold a password, which must never be seen: neither in what a destination is called nor
 * in an error, libpq's own included.
 */
#ifndef SHEAF_SINKS_POSTGRES_URI_H
#define SHEAF_SINKS_POSTGRES_URI_H

#include <stddef.h>

#include <sheaf/status.h>

/* What is seen of one that nobody can look into. */
#define SHEAF__POSTGRES_HIDDEN "postgresql://..."

/* OK; EINVAL: libpq does not understand it; EDATABASE: it is not there (library.h). */
sheaf_status sheaf__postgres_check_uri(const char *uri, sheaf_error *err);

/* What may be seen of it: user, host, port, database and service. Not escaped. */
void sheaf__postgres_show_uri(const char *uri, char *shown, size_t size);

#endif
