/* Numbers with units, as the guide, the settings and the scenarios write them.
 *
 * Durations: ns us ms s m h d.  Sizes: B, KB MB GB (powers of 1000, as in the guide's "KB" it is
 * 1024: see units_parse_size), KiB MiB GiB.  Rates: "50/min", "200/s", "3/h".  Shares: "80%" or a
 * fraction 0..1.  A plain number is taken as the default unit only where the caller allows it. */
#ifndef WALDRILL_BASE_UNITS_H
#define WALDRILL_BASE_UNITS_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S  UINT64_C(1000000000)

/* plain_unit_ns: what one of a plain number means, 0 = a unit is required.  The message says what is
 * wrong and what would be right: '"30" needs a unit (a duration): write "30s", or "30m" ...'. */
int units_parse_duration(struct str text, uint64_t plain_unit_ns, uint64_t *ns, struct errmsg *msg);
/* KB, MB, GB are 1024-based like KiB, MiB, GiB, because the guide's formula divides by 1024. */
int units_parse_size(struct str text, bool plain_allowed, uint64_t *bytes, struct errmsg *msg);
/* Result in events per hour times 1000 would lose small rates: nanoseconds between two events. */
int units_parse_rate(struct str text, double *per_second, struct errmsg *msg);
/* 0..1 */
int units_parse_share(struct str text, bool plain_allowed, double *share, struct errmsg *msg);
int units_parse_u64(struct str text, uint64_t *out, struct errmsg *msg);
int units_parse_double(struct str text, double *out, struct errmsg *msg);

/* Shortest exact spelling: "1m30s", "250ms", "0s"; "293.0 MiB" for people. */
void units_format_duration(uint64_t ns, char *out, size_t size);
void units_format_size(uint64_t bytes, char *out, size_t size);

#endif
