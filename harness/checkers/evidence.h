/* A history made ready for judging: for every operation, what each instance did with it.
 *
 * "Application" is always a 2xx of the instance itself to that very write (same collection, same record)
 * that is still in the instance's memory at the end: what a restart took away does not count. */
#ifndef WALDRILL_HARNESS_CHECKERS_EVIDENCE_H
#define WALDRILL_HARNESS_CHECKERS_EVIDENCE_H

#include "harness/checkers/checkers.h"
#include "harness/checkers/keyed.h"
#include "harness/history.h"
#include <stdbool.h>
#include <stdint.h>

#define EVIDENCE_NOWHERE UINT32_MAX
#define EVIDENCE_FOREVER INT64_MAX
#define INSTANCE_COUNT   2

/* What one instance did with one operation.  Positions count the instance's applications in the order
 * in which it carried them out. */
struct trace {
    uint32_t first, last;      /* positions; EVIDENCE_NOWHERE = never (or forgotten) */
    int64_t first_ns, last_ns; /* of those */
    int64_t ever_ns;           /* first application, forgotten ones too; EVIDENCE_FOREVER = none */
    int64_t known_ns;          /* when the last answer that told of it left; EVIDENCE_FOREVER = none did */
    bool settled;              /* applied, or answered as done already (409 to a create, 404 to a delete) */
    bool by_copy;              /* first is where a copy of the record arrived; the write itself did not */
    bool forgotten;            /* was applied, but a restart of the instance took it away */
    uint32_t misplaced;        /* index of an effect on another collection or record; EVIDENCE_NOWHERE */
    int64_t refused_ns;        /* last refusal; HISTORY_NEVER = none */
    int refused_status;
};

struct evidence {
    const struct history *h;
    unsigned instances;                   /* 1 or 2 */
    uint32_t *op_of_effect;               /* index into h->ops; HISTORY_NONE */
    struct trace *traces[INSTANCE_COUNT]; /* by operation */
    bool lost_state[INSTANCE_COUNT];      /* the instance forgot something, or was filled by copying */
    struct keyed
        *repairs[INSTANCE_COUNT]; /* (record's key, position) of what copies wrote or removed, sorted */
    size_t repair_count[INSTANCE_COUNT];
    bool renames;       /* a collection may have changed its name */
    struct keyed *tags; /* (tag, op) sorted; NULL when by_tag is used */
    size_t tag_count;
    uint32_t *by_tag;
    uint64_t by_tag_size;
    bool borrowed; /* what it points to belongs to the input's evidence */
};

/* What checkers_prepare has made ready is borrowed, else made. */
void evidence_init(struct evidence *e, const struct checker_input *input);
void evidence_deinit(struct evidence *e);
/* Index of the operation with that tag; HISTORY_NONE. */
uint32_t evidence_op(const struct evidence *e, uint64_t tag);
/* A copy has set that record of the instance right after that position: what stood there is gone. */
bool evidence_repaired(const struct evidence *e, uint32_t instance, uint64_t key, uint32_t position);

/* Acknowledged: the client was told 2xx. */
bool op_acknowledged(const struct op_record *op);
/* Refused: the client was told 4xx, which promises that nothing happened.  408 promises nothing. */
bool op_refused(const struct op_record *op);
/* When the operation was over for certain: an outcome the client does not know is never over. */
int64_t op_over_ns(const struct op_record *op);
/* A write to one record; key = that record.  A write to a collection itself; key = the collection. */
bool op_writes_record(const struct op_record *op);
bool op_writes_collection(const struct op_record *op);
uint64_t op_key(const struct op_record *op);
bool status_ok(int status);

#endif
