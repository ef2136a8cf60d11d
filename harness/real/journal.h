/* Journals of the mocks, read over their control ports into the history, and the mapping of their clocks. */
#ifndef WALDRILL_HARNESS_REAL_JOURNAL_H
#define WALDRILL_HARNESS_REAL_JOURNAL_H

#include "base/error.h"
#include "harness/history.h"
#include <stdint.h>

struct journal_reader {
    uint32_t instance;
    uint64_t last;        /* number of the last entry read; the first is 1 */
    uint64_t incarnation; /* of the instance's memory */
    int64_t shift_ns;     /* mock time + shift = scenario time */
    /* Only collections whose names begin with it are ours, and are noted without it; NULL = all are. */
    const char *mark;
    uint64_t foreign;      /* with mark: writes of others that were carried out */
    char foreign_name[64]; /* the collection of the first of them */
};

/* Measures the mock's clock against ours; scenario_ns tells scenario time now. */
int journal_measure(struct journal_reader *reader, const char *control,
                    uint64_t (*scenario_ns)(void *context), void *context, struct errmsg *msg);
/* What the journal has told up to now is not ours to read. */
int journal_skip(struct journal_reader *reader, const char *control, struct errmsg *msg);
/* Reads what is new. */
int journal_pull(struct journal_reader *reader, const char *control, struct history *history,
                 struct errmsg *msg);

#endif
