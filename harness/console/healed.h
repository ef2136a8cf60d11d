/* Is everything back as it was before somebody broke it?  Pure. */
#ifndef WALDRILL_HARNESS_CONSOLE_HEALED_H
#define WALDRILL_HARNESS_CONSOLE_HEALED_H

#include "base/json_writer.h"

/* A list of what is not, in words for people; empty: all is healed.  status: a /status, answered: of now;
 * mocks: the status of each mock, empty when it does not answer. */
void healed_write(bool answered, struct str status, const struct str mocks[2], struct json_writer *w);

#endif
