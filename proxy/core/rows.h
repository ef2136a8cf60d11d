/* Records as a get answers them, read, compared and written again, without a tree.
 *
 * A row is slices of the answer it was read from: the raw JSON texts of its fields.  Two servers print the
 * same value alike but for the order of a metadata object's keys, so texts are compared first and values
 * only where texts differ. */
#ifndef WALDRILL_PROXY_CORE_ROWS_H
#define WALDRILL_PROXY_CORE_ROWS_H

#include "base/block.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>

/* Each field is the raw JSON text; a field that the answer did not include is empty. */
struct row {
    struct str id, embedding, document, metadata, uri;
};

struct rows {
    struct block *answer; /* what the slices point into; one reference */
    struct row *list;
    size_t count;
};

/* False when the body is no answer to a get, or its lists do not fit together; rows is then empty. */
bool rows_read(struct rows *rows, struct block *body);
void rows_free(struct rows *rows);
/* Sorted by the text of the id, for rows_find. */
void rows_sort(struct rows *rows);
const struct row *rows_find(const struct rows *sorted, struct str id);
/* The fields in which they differ, as a sum of: */
enum row_field { ROW_EMBEDDING = 1, ROW_DOCUMENT = 2, ROW_METADATA = 4, ROW_URI = 8 };
unsigned rows_difference(const struct row *a, const struct row *b);
bool rows_equal(const struct row *a, const struct row *b);
/* Adds the digest of the whole row, whatever the order of its metadata's keys. */
struct digest_sum;
void row_digest(const struct row *row, struct digest_sum *sum);
/* Values of two JSON texts are the same: keys of objects in any order, {} as null, floats but for the last
 * digits that going through a Chroma once more may change (docs/resync.md). */
bool rows_same_value(struct str a, struct str b);

/* The body of an add of list[from..], at most up to to, ending before a row that would take it over limit
 * (one row always goes in); returns where it stopped.  NULL in *body: no memory. */
size_t rows_add_body(const struct row *const *list, size_t from, size_t to, size_t limit,
                     struct block **body);
/* {"ids":[...],"include":[...]} of a get or, without fields, of a count of which are there; or
 * {"ids":[...]} of a delete. */
enum rows_ask { ROWS_ASK_WHOLE, ROWS_ASK_IDS, ROWS_ASK_DELETE };
struct block *rows_ids_body(const struct row *const *list, size_t count, enum rows_ask ask);
/* One page: {"limit":...,"offset":...,"include":[...]}. */
struct block *rows_page_body(size_t limit, size_t offset, enum rows_ask ask);

#endif
