/* What may be asked of the model; beyond it the answer would be no more than a number. */
#ifndef WALDRILL_HARNESS_CAPACITY_LIMITS_H
#define WALDRILL_HARNESS_CAPACITY_LIMITS_H

#define CAPACITY_WRITE_BYTES_MAX (1024.0 * 1024 * 1024) /* MAX_BODY_BYTES cannot be more */
#define CAPACITY_RATE_MAX        1e6                    /* a second */
#define CAPACITY_RATE_MIN        (1.0 / 86400)          /* one a day */
#define CAPACITY_OUTAGE_S_MAX    (366.0 * 86400)        /* a year */
#define CAPACITY_OUTAGE_S_MIN    1.0
#define CAPACITY_COLLECTIONS_MAX 10000.0
#define CAPACITY_RECORDS_MAX     5461.0 /* REPLAY_BATCH_RECORDS cannot be more */
#define CAPACITY_DIMENSION_MAX   65536.0
#define CAPACITY_BANDWIDTH_MIN   1024.0 /* bytes a second */
#define CAPACITY_BANDWIDTH_MAX   (1024.0 * 1024 * 1024 * 1024)

#endif
