/*
 * The walk: a stack of directories still to be listed. One is taken off, opened, listed to its end
 * and closed; the directories in it go onto the stack. So one is open at a time, whatever the
 * depth.
 *
 * A directory knows its parent, and those above the root are put above it before the walk begins.
 * One that has the device and inode of a directory above itself was reached by a link that leads
 * back: it is left out. That bounds every path, so the walk ends.
 *
 * This is not fts(3), because glibc's takes an error of readdir() for the end of the directory: a
 * disk that fails in the middle of a listing would lose files without a word. It also calls stat()
 * for every entry, where the type that readdir() gives spares most of that.
 */
#include "engine/discover/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/discover/files.h"
#include "readers/source/decompress.h"

typedef struct directory {
    struct directory *next;   /* on the stack */
    struct directory *parent; /* NULL above the topmost */
    const char *path;         /* ends with '/', or is "" for the current directory */
    const uint64_t *places;   /* where the glob stands in it */
    dev_t device;             /* of it and inode: known once it is opened */
    ino_t inode;
} directory;

typedef struct walker {
    const sheaf__glob *glob;
    sheaf_files *files;
    sheaf_arena *scratch;
    sheaf__walk_report *report;
    sheaf_error *err;
    directory *pending;
    uint64_t *below; /* the places below the entry that is looked at */
    char path[PATH_MAX + NAME_MAX + 2];
} walker;

/* What the name of an entry says about it. */
typedef struct verdict {
    bool take;   /* when it is a file */
    bool enter;  /* when it is a directory */
    bool hidden; /* and the dot at its beginning is why it would be neither */
} verdict;

static bool ends_like_csv(const char *name)
{
    static const char *const endings[] = {".csv", ".tsv", ".txt"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (sheaf__uncompressed_name_ends_with(name, endings[i]))
            return true;
    return false;
}

static sheaf_status judge(walker *walk, const directory *in, const char *name, verdict *of)
{
    *of = (verdict){.take = false};
    if (!walk->glob) {
        of->hidden = name[0] == '.';
        of->enter = true;
        of->take = ends_like_csv(name);
        return SHEAF_OK;
    }
    sheaf__glob_match match;
    sheaf_status status = sheaf__glob_step(walk->glob, in->places, name, false, walk->below, &match,
                                           walk->err);
    if (status == SHEAF_OK && name[0] == '.' && !match.file && !match.directory) {
        of->hidden = true;
        status = sheaf__glob_step(walk->glob, in->places, name, true, walk->below, &match,
                                  walk->err);
    }
    of->take = match.file;
    of->enter = match.directory;
    return status;
}

/* Write the path of an entry into walk->path. */
static sheaf_status join(walker *walk, const directory *in, const char *name)
{
    size_t n_path = strlen(in->path), n_name = strlen(name);
    if (n_path + n_name >= PATH_MAX)
        return sheaf__error_system(walk->err, ENAMETOOLONG, "cannot go on below this directory",
                                   in->path);
    memcpy(walk->path, in->path, n_path);
    memcpy(walk->path + n_path, name, n_name + 1);
    return SHEAF_OK;
}

/* Put a directory that walk->path names onto the stack. */
static sheaf_status push(walker *walk, directory *parent, const uint64_t *places)
{
    size_t n_path = strlen(walk->path);
    if (n_path > 0 && walk->path[n_path - 1] != '/') {
        walk->path[n_path++] = '/';
        walk->path[n_path] = '\0';
    }
    size_t n_words = walk->glob ? sheaf__glob_words(walk->glob) : 0;
    directory *made = sheaf_arena_new(walk->scratch, directory, 1);
    char *path = sheaf__arena_copy(walk->scratch, walk->path, n_path);
    uint64_t *places_copy = sheaf_arena_new(walk->scratch, uint64_t, n_words);
    if (!made || !path || !places_copy)
        return sheaf__error_memory(walk->err, "walking a directory");
    if (n_words > 0)
        memcpy(places_copy, places, n_words * sizeof *places);
    *made = (directory){
        .next = walk->pending, .parent = parent, .path = path, .places = places_copy};
    walk->pending = made;
    return SHEAF_OK;
}

/*
 * An entry that stat() refuses. A link that leads to nothing is a fault only where a file is looked
 * for.
 */
static sheaf_status examine_failed(walker *walk, const directory *in, int fd, const char *name,
                                   const verdict *of, int os_error)
{
    struct stat link;
    bool leads_nowhere = (os_error == ENOENT || os_error == ENOTDIR || os_error == ELOOP) &&
                         fstatat(fd, name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
                         S_ISLNK(link.st_mode);
    if (leads_nowhere && !of->take) {
        walk->report->passed_over.other += !walk->glob;
        return SHEAF_OK;
    }
    sheaf_status status = join(walk, in, name);
    if (status < 0)
        return status;
    status = sheaf__error_system(
        walk->err, os_error,
        leads_nowhere ? "this symbolic link leads to nothing" : "cannot examine this", walk->path);
    if (leads_nowhere)
        sheaf_error_hint(walk->err, "repair or remove the link");
    return status;
}

/* Count a hidden name. Below a glob only one counts that it would have matched or looked into. */
static void count_hidden(walker *walk, int fd, const struct dirent *entry, const verdict *of)
{
    struct stat about = {.st_mode = DTTOIF(entry->d_type)};
    if (walk->glob && !of->take) {
        if (entry->d_type == DT_UNKNOWN || entry->d_type == DT_LNK)
            fstatat(fd, entry->d_name, &about, 0);
        if (!S_ISDIR(about.st_mode))
            return;
    }
    walk->report->passed_over.hidden++;
}

/* Whether an entry has to be examined, or what the directory says of it (DT_*) is enough. */
static bool needs_stat(unsigned char type, const verdict *of)
{
    return type == DT_UNKNOWN || type == DT_LNK || (type == DT_REG && of->take);
}

static sheaf_status visit(walker *walk, directory *in, int fd, const struct dirent *entry)
{
    verdict of;
    sheaf_status status = judge(walk, in, entry->d_name, &of);
    if (status < 0 || (!of.take && !of.enter))
        return status;
    if (of.hidden) {
        count_hidden(walk, fd, entry, &of);
        return SHEAF_OK;
    }
    struct stat about = {.st_mode = DTTOIF(entry->d_type)};
    if (needs_stat(entry->d_type, &of) && fstatat(fd, entry->d_name, &about, 0) != 0)
        return examine_failed(walk, in, fd, entry->d_name, &of, errno);
    bool is_directory = S_ISDIR(about.st_mode), is_file = S_ISREG(about.st_mode);
    if ((is_directory && of.enter) || (is_file && of.take)) {
        status = join(walk, in, entry->d_name);
        if (status < 0)
            return status;
        return is_directory ? push(walk, in, walk->below)
                            : sheaf__files_add(walk->files, walk->path, &about, walk->err);
    }
    if (is_directory)
        walk->report->directories++;
    else if (is_file)
        walk->report->passed_over.other += !walk->glob;
    else
        walk->report->passed_over.special += of.take || !walk->glob;
    return SHEAF_OK;
}

static bool is_below_itself(const directory *self)
{
    for (const directory *above = self->parent; above; above = above->parent)
        if (above->inode == self->inode && above->device == self->device)
            return true;
    return false;
}

static sheaf_status list_failed(walker *walk, const directory *self, int os_error)
{
    return sheaf__error_system(walk->err, os_error, "cannot list this directory",
                               self->path[0] ? self->path : ".");
}

static sheaf_status list_directory(walker *walk, directory *self, DIR *stream)
{
    int fd = dirfd(stream);
    struct stat about;
    if (fstat(fd, &about) != 0)
        return list_failed(walk, self, errno);
    self->device = about.st_dev;
    self->inode = about.st_ino;
    if (is_below_itself(self))
        return SHEAF_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (!entry)
            return errno == 0 ? SHEAF_OK : list_failed(walk, self, errno);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        sheaf_status status = visit(walk, self, fd, entry);
        if (status < 0)
            return status;
    }
}

/*
 * Put the directories above the root above it, up to the topmost, so that a link to one of them
 * ends too. What cannot be examined is not known to be above: the walk still ends, because it is
 * then met again.
 */
static sheaf_status add_those_above(walker *walk, directory *root)
{
    char path[PATH_MAX];
    size_t n_bytes = strlen(root->path);
    struct stat below, about;
    if (n_bytes >= sizeof path || stat(root->path[0] ? root->path : ".", &below) != 0)
        return SHEAF_OK;
    memcpy(path, root->path, n_bytes);
    for (directory *last = root; n_bytes + sizeof "../" <= sizeof path; below = about) {
        memcpy(path + n_bytes, "../", sizeof "../");
        n_bytes += strlen("../");
        if (stat(path, &about) != 0 ||
            (about.st_ino == below.st_ino && about.st_dev == below.st_dev))
            break;
        directory *above = sheaf_arena_new(walk->scratch, directory, 1);
        if (!above)
            return sheaf__error_memory(walk->err, "walking a directory");
        *above = (directory){.path = "", .device = about.st_dev, .inode = about.st_ino};
        last->parent = above;
        last = above;
    }
    return SHEAF_OK;
}

/* Put the root onto the stack. */
static sheaf_status begin(walker *walk, const char *root)
{
    size_t n_root = strlen(root);
    if (n_root >= PATH_MAX)
        return sheaf__error_system(walk->err, ENAMETOOLONG, "cannot list this directory", root);
    memcpy(walk->path, root, n_root + 1);
    if (walk->glob) {
        walk->below = sheaf_arena_new(walk->scratch, uint64_t, sheaf__glob_words(walk->glob));
        if (!walk->below)
            return sheaf__error_memory(walk->err, "walking a directory");
        sheaf__glob_begin(walk->glob, walk->below);
    }
    sheaf_status status = push(walk, NULL, walk->below);
    return status < 0 ? status : add_those_above(walk, walk->pending);
}

sheaf_status sheaf__walk(const char *root, const sheaf__glob *glob, sheaf_files *files,
                         sheaf_arena *scratch, sheaf__walk_report *report, sheaf_error *err)
{
    *report = (sheaf__walk_report){.directories = 0};
    walker walk = {.glob = glob, .files = files, .scratch = scratch, .report = report, .err = err};
    sheaf_status status = begin(&walk, root);
    bool is_root = true;
    while (status == SHEAF_OK && walk.pending) {
        directory *self = walk.pending;
        walk.pending = self->next;
        DIR *stream = opendir(self->path[0] ? self->path : ".");
        if (stream) {
            status = list_directory(&walk, self, stream);
            closedir(stream);
        } else if (glob && is_root && (errno == ENOENT || errno == ENOTDIR)) {
            report->base_is_missing = true;
        } else {
            status = list_failed(&walk, self, errno);
        }
        is_root = false;
    }
    return status;
}
