/* The first thing /status said that was not so.  Private to the status oracle. */
#ifndef WALDRILL_HARNESS_CHECKERS_STATUS_LIE_H
#define WALDRILL_HARNESS_CHECKERS_STATUS_LIE_H

#include "harness/checkers/checkers.h"
#include <stdbool.h>
#include <stdint.h>

struct status_lie {
    bool found;
    int64_t at_ns;
    int64_t since_ns;
    char text[256];
};

/* The first lie is the one that is told. */
void status_lie_note(struct status_lie *lie, int64_t at_ns, int64_t since_ns, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Has it been wrong for so long on end that it is a lie?  since_ns is the caller's: HISTORY_NEVER = not now.
 */
bool status_lie_lasts(int64_t *since_ns, bool wrong, int64_t at_ns, int64_t patience_ns);
/* is_replaying and healthy, held against what was so. */
void status_flags(const struct checker_input *input, struct status_lie *lie);

#endif
