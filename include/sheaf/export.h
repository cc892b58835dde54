/*
 * What a public declaration carries: visibility in the shared library, C linkage for C++, and the
 * attribute that makes the compiler complain when a status is dropped.
 */
#ifndef SHEAF_EXPORT_H
#define SHEAF_EXPORT_H

#if defined(__GNUC__)
#define SHEAF_API __attribute__((visibility("default")))
#define SHEAF_MUST_CHECK __attribute__((warn_unused_result))
#else
#define SHEAF_API
#define SHEAF_MUST_CHECK
#endif

#ifdef __cplusplus
#define SHEAF_BEGIN_DECLS extern "C" {
#define SHEAF_END_DECLS }
#else
#define SHEAF_BEGIN_DECLS
#define SHEAF_END_DECLS
#endif

#endif
