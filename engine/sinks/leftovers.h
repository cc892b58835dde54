/* Temporary files of processes that were killed. */
#ifndef SHEAF_SINKS_LEFTOVERS_H
#define SHEAF_SINKS_LEFTOVERS_H

/*
 * Remove those in a directory: called as ours are (output.c), of our user, and locked by nobody.
 * What cannot be removed stays.
 */
void sheaf__leftovers_remove(const char *directory);

#endif
