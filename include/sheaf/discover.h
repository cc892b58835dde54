/*
 * Finding the files.
 *
 * A source is what a user names; discovery turns sources into an ordered list of files:
 *
 *     trips.csv        a file, whatever its ending (a FIFO such as <(cmd) gives too)
 *     trips/           a directory: every *.csv *.tsv *.txt and their .gz and .zst below it
 *     'tr?ps/20*'     a glob: * ? [...] within a name, and ** as a whole name over any number of
 *                      directories; matches files of any ending. A path that exists is never a
 *                      glob.
 *     @list.txt        a file that lists files and directories, one path a line; @- lists on stdin
 *     -                standard input
 *
 * `./@x` and `./-` name files called that. A backslash in a glob takes the meaning from the next
 * character; '?' is one character of UTF-8, in every locale. A line of a list may end with CR LF.
 *
 * Inside a directory and for a glob: symbolic links are followed; one to a directory that it is
 * itself below, within the source or above it, ends there; one that leads nowhere is an error if
 * its name would be taken. FIFOs, sockets and devices are passed over and counted, as are names
 * that begin with a dot (by globs, only those that would have matched). A directory that cannot be
 * listed or an entry that cannot be examined is an error that names it.
 *
 * Nothing is opened but directories and lists: a file that cannot be read is found out when it is
 * read.
 */
#ifndef SHEAF_DISCOVER_H
#define SHEAF_DISCOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

SHEAF_BEGIN_DECLS

/* The order of the list, which is the order of the rows. Names compare as bytes, in no locale. */
typedef enum sheaf_order {
    /* Sources as given, the entries of a list counting as sources; what a directory or a glob
       expands to is sorted as by PATH. */
    SHEAF_ORDER_GIVEN = 0,
    /* The whole list by path: directory by directory, '/' before any other byte. */
    SHEAF_ORDER_PATH,
    /* By path, runs of digits by value: x2.csv before x10.csv (strverscmp(3): digits behind a
       leading zero count as those of a fraction). */
    SHEAF_ORDER_NATURAL,
    /* Oldest first by modification time; equal times by PATH. */
    SHEAF_ORDER_MTIME
} sheaf_order;

typedef enum sheaf_file_kind {
    SHEAF_FILE_REGULAR = 0, /* can be read again, and at any offset */
    SHEAF_FILE_STREAM,      /* a FIFO or device that the user named: can be read once */
    SHEAF_FILE_STDIN        /* standard input, path "-" */
} sheaf_file_kind;

typedef struct sheaf_file {
    const char *path; /* as found: the source's own spelling, with what was below it appended */
    sheaf_file_kind kind;
    uint64_t size_bytes; /* SHEAF_UNKNOWN for a stream and stdin */
    int64_t mtime_ns;    /* nanoseconds since 1970; 0 for stdin */
    uint64_t device;     /* st_dev and st_ino; 0 for a closed stdin */
    uint64_t inode;
} sheaf_file;

typedef struct sheaf_discover_options {
    size_t size; /* sizeof(sheaf_discover_options) */
    sheaf_order order;
    int list_is_nul_separated; /* not 0: paths in an @list end with a NUL byte, not a newline */
} sheaf_discover_options;

/* What was passed over below directories and by globs. */
typedef struct sheaf_discover_counts {
    uint64_t special; /* FIFOs, sockets, devices */
    uint64_t hidden;  /* names that begin with a dot */
    uint64_t other;   /* files of other endings, in directories only */
} sheaf_discover_counts;

typedef struct sheaf_files sheaf_files;

/*
 * Find the files that `sources` name.
 *
 * Shape      n_sources >= 1 NUL-terminated paths. A file that two sources name is listed twice.
 * Returns    OK with at least one file; ENOENT when a source, an entry of a list or what a link
 *            leads to does not exist, a glob or a directory gives no file, or a list is empty; EIO
 *            when a directory cannot be listed, an entry cannot be examined, or a path is longer
 *            than PATH_MAX; EINVAL for a stream named twice, an empty source, a socket, a glob that
 *            can only give directories or has '..' behind a wildcard, a NUL byte in a line of a
 *            list, bad options; ENOMEM.
 * Ownership  *files is the caller's, to end with sheaf_files_release(). sources are copied.
 * Threads    any; reads stdin for "@-".
 * Limits     holds one directory open at a time, whatever the depth; paths of up to PATH_MAX.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_files_discover(const char *const *sources,
                                                             size_t n_sources,
                                                             const sheaf_discover_options *options,
                                                             sheaf_files **files, sheaf_error *err);

/* How many files the list has. */
SHEAF_API size_t sheaf_files_count(const sheaf_files *files);

/* The file at `index` < sheaf_files_count(), valid as long as the list; NULL beyond it. */
SHEAF_API const sheaf_file *sheaf_files_at(const sheaf_files *files, size_t index);

/* What discovery passed over. */
SHEAF_API sheaf_discover_counts sheaf_files_passed_over(const sheaf_files *files);

/* End the list. NULL is allowed. */
SHEAF_API void sheaf_files_release(sheaf_files *files);

SHEAF_END_DECLS

#endif
