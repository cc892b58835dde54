/*
 * Discovery: sources in, an ordered list of files out. See <sheaf/discover.h> for what a source may
 * be.
 *
 * Sources are taken in turn. What a source is follows from its first byte ('-', '@'), then from
 * what stat() says, and only what does not exist can be a glob. walk.c looks below directories,
 * glob.c matches names, list.c reads lists, files.c holds and sorts what was found.
 *
 * With GIVEN each source's own files are sorted as soon as they are complete, and the entries of a
 * list count as sources: `@list` gives the same as its lines would on the command line. The other
 * orders sort once, at the end.
 */
#include <sheaf/discover.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/text.h"
#include "engine/discover/files.h"
#include "engine/discover/glob.h"
#include "engine/discover/list.h"
#include "engine/discover/walk.h"

enum { SCRATCH_CHUNK = 64 * 1024, SCRATCH_KEPT = 1024 * 1024 };

typedef struct discovery {
    sheaf_discover_options options;
    sheaf_files *files;
    sheaf_arena *scratch; /* reset after each walk */
    sheaf_error *err;
} discovery;

/* Escape a path to show it inside a message. Of a long one the end is kept, which tells more. */
static const char *show(const char *path, char *text, size_t size)
{
    sheaf__text_escape_end(path, strlen(path), text, size);
    return text;
}

/* ---- a path that exists ---- */

static sheaf_status found_nothing_below(const discovery *find, const char *path,
                                        const sheaf_discover_counts *passed_over)
{
    char shown[160];
    sheaf_error_set(
        find->err, SHEAF_ENOENT,
        "no file below this directory ends in .csv, .tsv, .txt, or one of these and .gz "
        "or .zst (passed over: %" PRIu64 " of other endings, %" PRIu64 " hidden, %" PRIu64
        " special)",
        passed_over->other, passed_over->hidden, passed_over->special);
    sheaf__error_source(find->err, path);
    sheaf_error_hint(find->err, "name the files, or use a glob such as '%s%s**/*.dat'",
                     show(path, shown, sizeof shown), path[strlen(path) - 1] == '/' ? "" : "/");
    return SHEAF_ENOENT;
}

/* Look below a directory (glob NULL) or a glob's base, and put what is found in order. */
static sheaf_status add_below(discovery *find, const char *root, const sheaf__glob *glob,
                              sheaf__walk_report *report)
{
    size_t begin = sheaf_files_count(find->files);
    sheaf_status status = sheaf__walk(root, glob, find->files, find->scratch, report, find->err);
    if (status < 0)
        return status;
    sheaf__files_pass_over(find->files, &report->passed_over);
    if (find->options.order == SHEAF_ORDER_GIVEN)
        sheaf__files_sort(find->files, begin, SHEAF_ORDER_PATH);
    return SHEAF_OK;
}

static sheaf_status add_directory(discovery *find, const char *path)
{
    size_t before = sheaf_files_count(find->files);
    sheaf__walk_report report;
    sheaf_status status = add_below(find, path, NULL, &report);
    sheaf__arena_reset(find->scratch, SCRATCH_KEPT);
    if (status == SHEAF_OK && sheaf_files_count(find->files) == before)
        return found_nothing_below(find, path, &report.passed_over);
    return status;
}

static sheaf_status add_existing(discovery *find, const char *path, const struct stat *about)
{
    if (S_ISDIR(about->st_mode))
        return add_directory(find, path);
    if (S_ISSOCK(about->st_mode)) {
        sheaf_error_set(find->err, SHEAF_EINVAL,
                        "this is a socket, which cannot be read as a file");
        sheaf__error_source(find->err, path);
        return SHEAF_EINVAL;
    }
    return sheaf__files_add(find->files, path, about, find->err);
}

/* Say that a path does not exist, or cannot be examined. */
static sheaf_status path_failed(const discovery *find, const char *path, int os_error, bool is_link)
{
    const char *what = is_link ? "this symbolic link leads to nothing" : "cannot find this";
    if (os_error != ENOENT && os_error != ENOTDIR)
        what = "cannot examine this";
    return sheaf__error_system(find->err, os_error, what, path);
}

/* ---- globs ---- */

static sheaf_status found_no_match(const discovery *find, const char *text, const sheaf__glob *glob,
                                   const sheaf__walk_report *report)
{
    const sheaf_discover_counts *passed_over = &report->passed_over;
    char shown[160];
    if (report->base_is_missing)
        sheaf_error_set(find->err, SHEAF_ENOENT,
                        "this glob matches no file: there is no directory '%s'",
                        show(sheaf__glob_base(glob), shown, sizeof shown));
    else
        sheaf_error_set(find->err, SHEAF_ENOENT, "this glob matches no file");
    sheaf__error_source(find->err, text);
    if (find->err)
        find->err->os_error = ENOENT;
    if (report->directories > 0)
        sheaf_error_hint(find->err,
                         "it matches directories (%" PRIu64
                         "); '**/*.csv' behind it finds files in them",
                         report->directories);
    else if (passed_over->hidden > 0)
        sheaf_error_hint(find->err,
                         "wildcards leave out names that begin with a dot (%" PRIu64
                         " here): write it out",
                         passed_over->hidden);
    else if (passed_over->special > 0)
        sheaf_error_hint(find->err,
                         "FIFOs, sockets and devices (%" PRIu64
                         " here) must be named without wildcards",
                         passed_over->special);
    else if (strchr(text, '['))
        sheaf_error_hint(find->err, "[abc] is one of these characters; '[[]' is a bracket itself");
    return SHEAF_ENOENT;
}

static sheaf_status add_glob(discovery *find, const char *text)
{
    size_t before = sheaf_files_count(find->files);
    sheaf__walk_report report;
    sheaf__glob *glob;
    sheaf_status status = sheaf__glob_create(text, find->scratch, &glob, find->err);
    if (status == SHEAF_OK)
        status = add_below(find, sheaf__glob_base(glob), glob, &report);
    if (status == SHEAF_OK && sheaf_files_count(find->files) == before)
        status = found_no_match(find, text, glob, &report);
    sheaf__glob_destroy(glob);
    sheaf__arena_reset(find->scratch, SCRATCH_KEPT);
    return status;
}

/* ---- lists ---- */

static sheaf_status entry_failed(const discovery *find, const sheaf__list *list, int os_error)
{
    const char *entry = list->entry;
    char shown[160], reason[96];
    sheaf_status status = sheaf__error_system(find->err, os_error, "", NULL);
    sheaf_error_set(find->err, status, "the list names '%s': %s", show(entry, shown, sizeof shown),
                    strerror_r(os_error, reason, sizeof reason));
    sheaf__error_source(find->err, list->path);
    if (find->err) {
        find->err->os_error = os_error;
        find->err->line = list->line;
    }
    if (entry[0] == '@' || strcmp(entry, "-") == 0 || sheaf__glob_is(entry))
        sheaf_error_hint(
            find->err, "a list names files and directories; globs, @ and - have no meaning in it");
    else if (entry[0] != '/')
        sheaf_error_hint(find->err, "relative paths in a list begin in the current directory");
    return status;
}

static sheaf_status add_entry(discovery *find, const sheaf__list *list)
{
    struct stat about;
    if (stat(list->entry, &about) == 0)
        return add_existing(find, list->entry, &about);
    int os_error = errno;
    /* A list from Windows: its lines end with CR LF. */
    size_t n_bytes = strlen(list->entry);
    if (list->delimiter == '\n' && list->entry[n_bytes - 1] == '\r') {
        list->entry[n_bytes - 1] = '\0';
        if (n_bytes == 1)
            return SHEAF_OK;
        if (stat(list->entry, &about) == 0)
            return add_existing(find, list->entry, &about);
    }
    return entry_failed(find, list, os_error);
}

static sheaf_status add_list(discovery *find, const char *path)
{
    size_t before = sheaf_files_count(find->files);
    sheaf__list list;
    sheaf_status status = sheaf__list_open(&list, path, find->options.list_is_nul_separated,
                                           find->err);
    while (status == SHEAF_OK) {
        status = sheaf__list_next(&list, find->err);
        if (status == SHEAF_OK)
            status = add_entry(find, &list);
    }
    sheaf__list_close(&list);
    if (status < 0)
        return status;
    if (sheaf_files_count(find->files) == before) {
        sheaf_error_set(find->err, SHEAF_ENOENT, "the list names no file");
        sheaf__error_source(find->err, path);
        return SHEAF_ENOENT;
    }
    return SHEAF_OK;
}

/* ---- sources ---- */

static sheaf_status add_source(discovery *find, const char *source)
{
    if (strcmp(source, "-") == 0)
        return sheaf__files_add(find->files, source, NULL, find->err);
    if (source[0] == '@')
        return add_list(find, source + 1);
    struct stat about;
    if (stat(source, &about) == 0)
        return add_existing(find, source, &about);
    int os_error = errno;
    bool is_link = lstat(source, &about) == 0;
    if (!is_link && sheaf__glob_is(source))
        return add_glob(find, source);
    return path_failed(find, source, os_error, is_link);
}

/*
 * Two readers of one stream would share its bytes between them, and each would make records of its
 * part.
 */
static sheaf_status refuse_same_stream(const discovery *find)
{
    const sheaf_file *again = sheaf__files_same_stream(find->files);
    if (!again)
        return SHEAF_OK;
    sheaf_error_set(find->err, SHEAF_EINVAL, "this is named twice, and can be read once");
    sheaf__error_source(find->err, again->path);
    sheaf_error_hint(find->err, "name it once, or put what it gives into a file");
    return SHEAF_EINVAL;
}

static sheaf_status check_options(const sheaf_discover_options *options, sheaf_error *err)
{
    if ((unsigned)options->order > SHEAF_ORDER_MTIME)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no order %d", (int)options->order);
    return SHEAF_OK;
}

static sheaf_status check_sources(const char *const *sources, size_t n_sources, sheaf_error *err)
{
    if (!sources || n_sources == 0)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no source");
    size_t n_stdin = 0;
    for (size_t i = 0; i < n_sources; i++) {
        if (!sources[i] || sources[i][0] == '\0')
            return sheaf_error_set(err, SHEAF_EINVAL, "source %zu is empty", i + 1);
        if (strcmp(sources[i], "@") == 0) {
            sheaf_error_set(err, SHEAF_EINVAL, "source %zu is '@' with no list behind it", i + 1);
            sheaf_error_hint(err, "@list.txt reads a list, @- reads it from standard input");
            return SHEAF_EINVAL;
        }
        n_stdin += strcmp(sources[i], "-") == 0 || strcmp(sources[i], "@-") == 0;
    }
    if (n_stdin > 1) {
        sheaf_error_set(err, SHEAF_EINVAL,
                        "standard input is named %zu times, and can be read once", n_stdin);
        sheaf_error_hint(err, "a file called '-' is named './-'");
        return SHEAF_EINVAL;
    }
    return SHEAF_OK;
}

sheaf_status sheaf_files_discover(const char *const *sources, size_t n_sources,
                                  const sheaf_discover_options *options, sheaf_files **files,
                                  sheaf_error *err)
{
    sheaf_error_clear(err);
    if (!files)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no place for the list of files");
    *files = NULL;
    discovery find = {.err = err};
    sheaf_status status = sheaf__options_read(&find.options, sizeof find.options, options,
                                              "sheaf_discover_options", err);
    if (status == SHEAF_OK)
        status = check_options(&find.options, err);
    if (status == SHEAF_OK)
        status = check_sources(sources, n_sources, err);
    if (status < 0)
        return status;
    find.files = sheaf__files_create();
    find.scratch = sheaf__arena_create(NULL, SCRATCH_CHUNK);
    if (!find.files || !find.scratch) {
        status = sheaf__error_memory(err, "the list of files");
        goto end;
    }
    for (size_t i = 0; i < n_sources && status == SHEAF_OK; i++)
        status = add_source(&find, sources[i]);
    if (status == SHEAF_OK)
        status = refuse_same_stream(&find);
    if (status < 0)
        goto end;
    if (find.options.order != SHEAF_ORDER_GIVEN)
        sheaf__files_sort(find.files, 0, find.options.order);
    *files = find.files;
    find.files = NULL;
end:
    sheaf__arena_destroy(find.scratch);
    sheaf_files_release(find.files);
    return status;
}
