/* Destinations, where the program from outside cannot lead: what they do is cli/test_sinks.py. */
#include <sqlite3.h>

#include "engine/sinks/sink.h"
#include "tests/support.h"

TestSuite(sinks, .init = enter_directory, .fini = leave_directory, .timeout = 60);

/* SQLite has then not even a handle that could be asked. */
Test(sinks, a_database_that_there_is_no_memory_to_open)
{
    static const sheaf__sink_target target = {.kind = SHEAF__SINK_SQLITE, .path = "x.db"};
    sheaf__sink *sink = NULL;
    sheaf_error err;
    cr_assert_eq(sqlite3_initialize(), SQLITE_OK);
    (void)sqlite3_hard_heap_limit64(1);
    cr_assert_eq(sheaf__sink_open(&target, &sink, &err), SHEAF_ENOMEM);
    cr_assert_null(sink);
}
