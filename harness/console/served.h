/* How a balancer serves its clients: what two looks at its /metrics differ by, as requests a second and as
 * percentiles of how long they took, by kind.  Pure.
 *
 * Of a histogram a percentile is known as well as its buckets are narrow: it is interpolated inside one, and
 * what lies beyond the last bound counts as that.  Counters that have fallen, or another start of the
 * process, are another process: it has counted from 0.  How it fails: a text in which any of it is missing,
 * or in which a histogram is none, is no look, and there are no figures of it. */
#ifndef WALDRILL_HARNESS_CONSOLE_SERVED_H
#define WALDRILL_HARNESS_CONSOLE_SERVED_H

#include "base/str.h"
#include "proxy/core/tally.h"

#define SERVED_KINDS \
    ((size_t)TALLY_OWN) /* read, write, other: what the balancer tells of itself is no load */

struct served_look {
    bool known;
    double start_s; /* of the process, since 1970 */
    double answers[TALLY_OWN][TALLY_OUTCOMES];
    double within[TALLY_OWN][TALLY_BOUNDS + 1]; /* answered within tally_bounds_s[k]; the last: at all */
};

/* -1: nobody knows; of the percentiles also: nothing was answered. */
struct served_figures {
    double per_s[TALLY_OWN]; /* all that was answered, well or not */
    double refused_per_s, failed_per_s;
    double p50_ms[TALLY_OWN], p99_ms[TALLY_OWN]; /* of the core's clock */
};

/* What /metrics says; look->known is returned. */
bool served_read(struct str metrics, struct served_look *look);
/* What was served in the seconds between two looks. */
void served_between(const struct served_look *before, const struct served_look *now, double seconds,
                    struct served_figures *figures);

#endif
