/* Where in the guide an operator is: which symptoms of which scenario are there now, and which step is next.
 *
 * From the live state alone, not from what somebody has ticked off: a step counts as done when its outcome
 * can be seen.  Pure. */
#ifndef WALDRILL_HARNESS_CONSOLE_STEPS_H
#define WALDRILL_HARNESS_CONSOLE_STEPS_H

#include "base/json_writer.h"
#include "harness/console/guide.h"
#include "harness/runner/status_doc.h"
#include <stdbool.h>

struct steps_facts {
    bool answered; /* the balancer does */
    bool primary_healthy;
    bool primary_troubled; /* it counts as healthy, and yet something is wrong there */
    bool active;           /* the log is needed */
    bool rising;           /* more writes wait than a while ago */
    bool replaying, stuck; /* stuck: the balancer says so, at level critical */
    bool pending_critical, oldest_critical;
    bool pending_escalates, oldest_escalates, memory_warning;
    bool waits_for_nothing; /* the primary is there, writes wait, none is replayed */
    double pending, failed_replays, dead_letters;
    double quota_used; /* of what the log may hold, 0 to 1 */
};

struct steps_now {
    bool symptoms[GUIDE_SCENARIOS][GUIDE_SYMPTOMS];
    unsigned scenario; /* 1 to 3; 0 = none */
    unsigned step;     /* 1 to the number of its steps */
    const char *why;   /* for people */
};

/* What a /status says; pending_before: how many writes waited a while ago, -1 = nobody knows. */
void steps_look(const struct status_doc *status, double pending_before, struct steps_facts *out);
void steps_find(const struct steps_facts *facts, struct steps_now *out);
void steps_write(const struct steps_now *now, struct json_writer *w);

#endif
