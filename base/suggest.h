/* The nearest right name for a wrong one: Damerau-Levenshtein, case-blind, at most a third of the
 * name wrong (and at least one edit allowed). */
#ifndef WALDRILL_BASE_SUGGEST_H
#define WALDRILL_BASE_SUGGEST_H

#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>

/* Returns one of names, or NULL when none is near. Ties go to the first. */
const char *suggest_name(struct str wrong, const char *const *names, size_t count);
/* Edit distance, for callers with their own tables. */
size_t suggest_distance(struct str a, struct str b);

#endif
