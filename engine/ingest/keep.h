/* Rows that a survey keeps, so that their file is not read again: see keep.c. */
#ifndef SHEAF_INGEST_KEEP_H
#define SHEAF_INGEST_KEEP_H

#include "engine/ingest/load.h"

/* What a survey keeps of its file. Lives as long as its task. */
typedef struct sheaf__keeper {
    sheaf__load *load;
    const sheaf__chunk *chunk; /* with the reader and the kinds of what was surveyed */
    const sheaf_type *asked;   /* one for each column, or NULL */
    const sheaf__kinds *guess; /* what its columns hold in the table at least, or NULL */
    size_t n_columns;          /* of the file and added ones */
    bool *is_asked;
    uint32_t *from;    /* each column is its own, or unwanted */
    sheaf_type *types; /* that were kept last: all before can become these */
    sheaf__columns *first;
    sheaf__columns *last;
    size_t n_bytes;
    bool is_on; /* false: nothing is kept, or no longer */
} sheaf__keeper;

/* Before the survey of the chunk's file, whose kinds are empty. Never fails: it keeps nothing. */
void sheaf__keeper_begin(sheaf__keeper *keeper, sheaf_worker *worker, const sheaf__chunk *chunk,
                         const sheaf_type *asked);

/* As sheaf__survey() of the file's next rows, which are kept if that can be. */
void sheaf__keeper_survey(sheaf__keeper *keeper, const sheaf__batch *batch);

/* The survey is over: all rows, or NULL. Those of a file that is not good are not kept. */
sheaf__columns *sheaf__keeper_end(sheaf__keeper *keeper, bool is_good);

void sheaf__guess_destroy(sheaf__guess *guess); /* NULL is allowed */

/* Give back the rows that the chunk has from a survey. */
void sheaf__kept_drop(sheaf__chunk *chunk);

/*
 * In the pass of surveys, for the merge: a range of a file is verified, its rows are kept with
 * those before it; before others are asked for. And: it was the last one.
 */
void sheaf__kept_collect(sheaf__chunk *chunk);
void sheaf__kept_conclude(const sheaf__chunk *last);

/*
 * The file's turn has come, and types are known: the chunk with its rows, or NULL if the file is to
 * be read. For the task that would read it.
 */
sheaf__chunk *sheaf__kept_take(sheaf__load_file *file);

/* Go on to the next of the chunk's rows that were kept: false if there are no more. */
bool sheaf__kept_next(sheaf__chunk *chunk);

#endif
