/*
 * The quick way for plain texts, which most are: one look at all of it by a scan kernel.
 *
 * A text is plain when all records have the width of the first one, which is two or more; when the
 * first one is made of words, and no other usual delimiter stands in it; and when there is nothing
 * that could have another meaning: no backslash, no apostrophe at a field's beginning, no quote
 * where none may stand. Then no other delimiter has a chance (candidate.h), and the words are the
 * header, whatever is below them (columns.h). What is found here is what is found without it.
 */
#ifndef SHEAF_DIALECT_PLAIN_H
#define SHEAF_DIALECT_PLAIN_H

#include "readers/dialect/sniff.h"

/* False: the text may still be plain, but somebody has to take a closer look. */
bool sheaf__sniff_plain(const sheaf__sniff_text *text, const sheaf_dialect *told, int hint,
                        sheaf__sniffed *found);

/* The long way, for all texts. `sheaf__sniff()` is one of the two. */
sheaf_status sheaf__sniff_closely(const sheaf__sniff_text *text, const sheaf_dialect *told,
                                  int hint, sheaf__sniffed *found, sheaf_error *err);

#endif
