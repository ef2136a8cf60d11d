/* A scenario as a file: what scenario_parse reads back as the same run. */
#ifndef WALDRILL_HARNESS_SCENARIO_WRITE_YAML_H
#define WALDRILL_HARNESS_SCENARIO_WRITE_YAML_H

#include "base/buf.h"
#include "harness/scenario/scenario.h"

/* Appends the file to out.  For what campaigns are made of: phases of a fixed length, faults at fixed times,
 * requests as steps, a list of invariants; conditions, expectations, alerts and captures are not written. */
void scenario_write(const struct scenario *s, struct buf *out);

#endif
