/* What the guide says of a /status: its health check, its table of levels, its alerts and criteria of
 * escalation (docs/WAL_OPERATIONS_GUIDE.md).  Works on the answer of any balancer that has a write_ahead_log
 * in it; a figure that it does not tell is unknown and counts for nothing.  Pure: no I/O, no clock but now.
 */
#ifndef WALDRILL_HARNESS_CLI_CHECK_JUDGE_H
#define WALDRILL_HARNESS_CLI_CHECK_JUDGE_H

#include "base/buf.h"
#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

enum check_level { CHECK_NORMAL, CHECK_WARNING, CHECK_CRITICAL, CHECK_UNKNOWN };
extern const char *const check_level_names[]; /* "normal", "warning", "critical", "not told" */

#define CHECK_NOT_TOLD (-1.0)

struct check_seen {
    double pending, failed, total_replayed; /* CHECK_NOT_TOLD */
    double oldest_s;                        /* age in seconds; 0 = none is pending */
    int replaying, memory_warning;          /* 0, 1; -1 = not told */
    int primary_healthy, replica_healthy;
    enum check_level
        replaying_level; /* as the balancer itself says it, which knows for how long; else CHECK_UNKNOWN */
    double status_s;     /* what the answer took */
};

/* ERR_INVALID with words: it is no JSON object; ERR_NOT_FOUND: it has no write_ahead_log.  now_s: seconds
 * since 1970, for balancers that tell a time of day instead of an age. */
int check_read(struct str answer, double now_s, struct check_seen *out, struct errmsg *msg);

/* The guide's table "WAL Status Interpretation". */
enum check_level check_level_pending(const struct check_seen *s);
enum check_level check_level_replaying(const struct check_seen *s);
enum check_level check_level_failed(const struct check_seen *s);
enum check_level check_level_oldest(const struct check_seen *s);

/* The last line of wal_health_check.sh, without its line feed. */
const char *check_health_line(const struct check_seen *s);

/* The worst of all: levels, firing alerts, unhealthy instances, a slow answer. */
enum check_level check_worst(const struct check_seen *s);

/* "normal", or "critical: the primary is not healthy; pending_writes 12". */
void check_verdict(const struct check_seen *s, struct buf *out);

/* The whole report, as a person reads it.  colour: of a terminal. */
void check_tell(const struct check_seen *s, bool colour, struct buf *out);
/* One JSON object. */
void check_tell_json(const struct check_seen *s, struct buf *out);

#endif
