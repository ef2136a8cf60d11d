/* The matrix of a scenario: paths of plain values, and the runs that their combinations make.  Private to
 * harness/scenario. */
#ifndef WALDRILL_HARNESS_SCENARIO_MATRIX_H
#define WALDRILL_HARNESS_SCENARIO_MATRIX_H

#include "base/buf.h"
#include "harness/scenario/reading.h"

/* Puts the values of one run (counted from 0) into the tree and notes its name in r->s->variant.  Returns how
 * many runs there are; 1 without a matrix, or after a complaint about it. */
size_t matrix_apply(struct reading *r, struct yaml_node *root, size_t run);
/* Do two paths name the same value?  "topology.lb.x" is "lb.x". */
bool matrix_paths_equal(struct str a, struct str b);
/* The node at "lb.wal_mode", "load.writer.rate", "seed"; NULL when nothing stands there. */
const struct yaml_node *matrix_find(const struct yaml_node *root, const char *path);
/* Is it a path that runs can differ in?  It lies inside of the node's text; false after a complaint. */
bool matrix_path_is_sound(struct reading *r, const struct yaml_node *node, struct str path);

#endif
