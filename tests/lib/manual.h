/* Pages of docs/ that hold tables of the code between two marks: the test that they are current. */
#ifndef WALDRILL_TESTS_LIB_MANUAL_H
#define WALDRILL_TESTS_LIB_MANUAL_H

#include "base/str.h"

/* Asserts that docs/PAGE holds exactly these tables between "<!-- tables: begin -->" and "<!-- tables: end
 * -->". When it does not, the right text is left beside the build and the message says where. */
void manual_assert_current(const char *page, struct str tables);

#endif
