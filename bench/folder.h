/* A folder for a bench's own files, which goes with all that is in it when the program ends. */
#ifndef SHEAF_BENCH_FOLDER_H
#define SHEAF_BENCH_FOLDER_H

/* Make one in the current directory, and make it that: what is measured writes to that disk. */
void bench_enter_folder(void);

#endif
