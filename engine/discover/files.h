/*
 * The list that discovery makes: how it grows and how it is put in order. Reading it is
 * <sheaf/discover.h>.
 */
#ifndef SHEAF_DISCOVER_FILES_H
#define SHEAF_DISCOVER_FILES_H

#include <sys/stat.h>

#include <sheaf/discover.h>

/* An empty list; NULL when there is no memory. */
sheaf_files *sheaf__files_create(void);

/*
 * Append a file. The path is copied; `about` is what stat() says of it, NULL for standard input.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__files_add(sheaf_files *files, const char *path, const struct stat *about,
                              sheaf_error *err);

/*
 * Two entries that are the same FIFO, device or standard input, which can be read once: the second;
 * or NULL.
 */
const sheaf_file *sheaf__files_same_stream(const sheaf_files *files);

/* Sort the files from index `begin` to the end. GIVEN sorts as PATH does. */
void sheaf__files_sort(sheaf_files *files, size_t begin, sheaf_order order);

/* Add to what the list says was passed over. */
void sheaf__files_pass_over(sheaf_files *files, const sheaf_discover_counts *counts);

#endif
