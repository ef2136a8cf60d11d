/* Do libmicrohttpd and libcurl follow the clock that leaps?  If the program was built so that they do not, a
 * run would hang or prove nothing, so the engine asks first. */
#ifndef WALDRILL_HARNESS_LEAP_SELFTEST_H
#define WALDRILL_HARNESS_LEAP_SELFTEST_H

#include "base/error.h"
#include <stdint.h>

/* With the clock on.  leap: goes forward by ns (a test gives one that does not).  ERR_UNSUPPORTED with the
 * name of the library that did not follow. */
int leap_selftest(void (*leap)(uint64_t ns), struct errmsg *msg);

#endif
