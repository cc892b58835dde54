/* Guessing a dialect: see sniff.h. */
#include "readers/dialect/sniff.h"

sheaf_status sheaf__sniff(const sheaf__sniff_text *text, const sheaf_dialect *told, int hint,
                          sheaf__sniffed *found, sheaf_error *err)
{
    (void)text, (void)err;
    static const sheaf_dialect usual = SHEAF_DIALECT_RFC4180(',');
    *found = (sheaf__sniffed){.dialect = *told};
    sheaf_dialect *d = &found->dialect;
    if (!d->delimiter)
        d->delimiter = hint ? hint : ',';
    if (!d->quote)
        d->quote = usual.quote;
    if (!d->escape)
        d->escape = SHEAF_NONE;
    if (!d->comment)
        d->comment = SHEAF_NONE;
    if (!d->padding)
        d->padding = SHEAF_NONE;
    if (!d->header)
        d->header = 1;
    if (!d->skip_lines)
        d->skip_lines = SHEAF_NONE;
    return SHEAF_OK;
}
