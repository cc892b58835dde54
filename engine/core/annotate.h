/*
 * What helgrind cannot see: that an atomic is one, and that it orders what stands around it; and
 * that pthread_once() does.
 *
 * Built with SHEAF_HELGRIND (-DSHEAF_HELGRIND=ON), these become requests to valgrind; else nothing.
 * ThreadSanitizer knows C11's atomics and needs none of this. Pairs: what a thread did before
 * HAPPENS_BEFORE(a) is seen by one that has passed HAPPENS_AFTER(a).
 */
#ifndef SHEAF_CORE_ANNOTATE_H
#define SHEAF_CORE_ANNOTATE_H

#ifdef SHEAF_HELGRIND
#include <valgrind/helgrind.h>
#define SHEAF__HAPPENS_BEFORE(address) ANNOTATE_HAPPENS_BEFORE(address)
#define SHEAF__HAPPENS_AFTER(address) ANNOTATE_HAPPENS_AFTER(address)
/* From here on, no access to these bytes is looked at: they are atomics. */
#define SHEAF__ATOMICS(address, n_bytes) VALGRIND_HG_DISABLE_CHECKING(address, n_bytes)
#define SHEAF__NO_ATOMICS(address, n_bytes) VALGRIND_HG_ENABLE_CHECKING(address, n_bytes)
#else
#define SHEAF__HAPPENS_BEFORE(address) ((void)0)
#define SHEAF__HAPPENS_AFTER(address) ((void)0)
#define SHEAF__ATOMICS(address, n_bytes) ((void)0)
#define SHEAF__NO_ATOMICS(address, n_bytes) ((void)0)
#endif

#define SHEAF__ATOMIC(object) SHEAF__ATOMICS(&(object), sizeof(object))

#endif
