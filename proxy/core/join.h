/* Understanding a request to write records, and joining several into one (rule 10 of the design).
 *
 * One write costs a Chroma server a transaction with its sync, however many records it holds: ten joined
 * are about 14 times as fast as ten alone, a hundred about 40 times (docs/chroma-wire.md, section 6).  Two
 * requests may be joined when they are neighbours in their collection's order, of one operation, and
 * understood completely: only known keys, equal list lengths, vectors of one encoding and one dimension,
 * nothing that Chroma would refuse as far as one can see.  Everything else travels alone, byte for byte.
 *
 * Pure functions over bytes (base/json_scan.h); no tree is built.  Slices in a part borrow from the body. */
#ifndef WALDRILL_PROXY_CORE_JOIN_H
#define WALDRILL_PROXY_CORE_JOIN_H

#include "base/block.h"
#include "base/chroma_route.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum join_list { JOIN_IDS, JOIN_EMBEDDINGS, JOIN_METADATAS, JOIN_DOCUMENTS, JOIN_URIS, JOIN_LISTS };
enum join_encoding { JOIN_NO_VECTORS, JOIN_ARRAYS, JOIN_BASE64 };

struct join_part {
    size_t records;
    size_t size;    /* of the body */
    uint32_t width; /* numbers in each vector; 0 = it holds no vector */
    enum join_encoding encoding;
    struct str lists[JOIN_LISTS]; /* what stands between the brackets; data NULL = no such list */
};

/* Reads the body of an add, upsert, update or delete by ids; false when it is not fully understood (any other
 * operation, a filter, ...), and then it must travel alone. */
bool join_read(enum chroma_op op, struct str body, struct join_part *out);
/* May b follow a in one request?  Both of one operation and one collection whose vectors have that many
 * numbers (0 = not known, and then nothing with vectors is joined). */
bool join_fits(const struct join_part *a, const struct join_part *b, uint32_t dimension);
/* Bytes that the part adds to a joined request at most. */
size_t join_size(const struct join_part *part);
/* One request with the effect of all parts in their order; NULL when memory is gone. */
struct block *join_compose(const struct join_part *parts, size_t count);

/* Walks the ids of a part's list: *at starts at 0; each id as it stands, quotes included. */
bool join_next_id(const struct join_part *part, size_t *at, struct str *id);

#endif
