/* where and where_document: parsed into a tree of conditions, then asked record by record.
 *
 * Regular expressions are PCRE2 (in UTF mode), whose syntax covers that of Rust's regex crate for
 * everything Rust accepts in practice; look-around and back-references, which Rust refuses, are
 * refused here too. */
#ifndef WALDRILL_MOCKCHROMA_CORE_FILTER_H
#define WALDRILL_MOCKCHROMA_CORE_FILTER_H

#include "mockchroma/core/arena.h"
#include "mockchroma/core/serde.h"
#include "mockchroma/core/store.h"

struct filter;

/* NULL filter with success: no condition.  On failure message gets Chroma's text (answered 400).
 * Filters live in the arena but hold compiled expressions: filter_free. */
bool filter_parse(struct arena *arena, const struct value *where, const struct value *where_document,
                  struct filter **out, struct buf *message);
bool filter_matches(const struct filter *filter, const struct record *record);
void filter_free(struct filter *filter); /* NULL allowed */

#endif
