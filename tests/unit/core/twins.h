/* Two small models of Chroma behind the driver, with one collection "docs": its records are ids "r1", "r2",
 * ... with documents "v1", "v2", ...  A request takes effect when the test says so. */
#ifndef WALDRILL_TESTS_UNIT_CORE_TWINS_H
#define WALDRILL_TESTS_UNIT_CORE_TWINS_H

#include "tests/unit/core/driver.h"

#define ROWS_MAX 600

struct twin {
    bool exists;
    bool loose;        /* it shows no dimension */
    unsigned metadata; /* of the collection */
    struct twin_row {
        unsigned id, value;
    } rows[ROWS_MAX]; /* in the order of insertion */
    size_t count;
};

extern struct twin twins[2]; /* by instance */

/* Where the record stands; count: nowhere. */
size_t twin_place_of(const struct twin *m, unsigned id);
/* verb: "add", "upsert", "update". */
void twin_put(struct twin *m, const char *verb, unsigned id, unsigned value);
/* Does the target, before its query, end like that? */
bool twin_asked_for(const struct driver_call *call, const char *tail);
/* The request takes effect; the answer, which the caller frees.  A filter matches every tenth id. */
char *twin_carry_out(const struct driver_call *call, int *status);

#endif
