/* URIs of PostgreSQL: see uri.h. */
#include "engine/sinks/postgres/uri.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/sinks/postgres/library.h"

static const char *value_of(const PQconninfoOption *options, const char *keyword)
{
    for (; options && options->keyword; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val && options->val[0] ? options->val : NULL;
    return NULL;
}

static sheaf_status refuse(const char *what, const char *hint, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EINVAL, "this is no address of a PostgreSQL database: %s", what);
    sheaf_error_hint(err, "%s", hint);
    return SHEAF_EINVAL;
}

/*
 * What comes behind a '@' or '/' that should have been written otherwise seems to be a host or a
 * port, and would be shown as such.
 */
static sheaf_status check_password_is_whole(const PQconninfoOption *options, sheaf_error *err)
{
    const char *host = value_of(options, "host");
    const char *port = value_of(options, "port");
    if (host && host[0] != '@' && host[0] != '/' && strchr(host, '@'))
        return refuse("there is more than one '@'", "a '@' in a password is written %40", err);
    if (port && strspn(port, "0123456789,") != strlen(port))
        return refuse("the port is no number", "a '/' in a password is written %2F", err);
    return SHEAF_OK;
}

void sheaf__postgres_show_uri(const char *uri, char *shown, size_t size)
{
    bool is_there = sheaf__pq_load(NULL) == SHEAF_OK;
    PQconninfoOption *options = is_there ? sheaf__pq.conninfoParse(uri, NULL) : NULL;
    const char *user = value_of(options, "user");
    const char *host = value_of(options, "host");
    const char *port = value_of(options, "port");
    const char *database = value_of(options, "dbname");
    const char *service = value_of(options, "service");
    if (!host)
        host = value_of(options, "hostaddr");
    if (options && check_password_is_whole(options, NULL) == SHEAF_OK)
        snprintf(shown, size, "postgresql://%s%s%s%s%s%s%s%s%s", user ? user : "", user ? "@" : "",
                 host ? host : "", port ? ":" : "", port ? port : "", database ? "/" : "",
                 database ? database : "", service ? "?service=" : "", service ? service : "");
    else
        snprintf(shown, size, SHEAF__POSTGRES_HIDDEN);
    if (options)
        sheaf__pq.conninfoFree(options);
}

sheaf_status sheaf__postgres_check_uri(const char *uri, sheaf_error *err)
{
    char *reason = NULL;
    char shown[200] = "there is no memory";
    sheaf_status status = sheaf__pq_load(err);
    if (status < 0)
        return status;
    PQconninfoOption *options = sheaf__pq.conninfoParse(uri, &reason);
    if (options) {
        status = check_password_is_whole(options, err);
        sheaf__pq.conninfoFree(options);
        return status;
    }
    if (reason) { /* what is quoted in it may be the password, or a part of it */
        size_t n = strcspn(reason, "\"\n");
        while (n > 0 && (reason[n - 1] == ' ' || reason[n - 1] == ':'))
            n--;
        sheaf_text_escape(reason, n, shown, sizeof shown);
        sheaf__pq.freemem(reason);
    }
    return refuse(shown,
                  "postgresql://USER@HOST:PORT/DATABASE; what is special in a part of it "
                  "is written %XX",
                  err);
}
