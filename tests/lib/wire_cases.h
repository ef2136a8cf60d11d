/* Tests of what goes over the wire.  Each case runs against a mock and against a gateway, which must not
 * differ.
 *
 * With --url http://127.0.0.1:PORT the gateways stand before a server that runs already: a real Chroma. */
#ifndef WALDRILL_TESTS_LIB_WIRE_CASES_H
#define WALDRILL_TESTS_LIB_WIRE_CASES_H

#include "tests/lib/stage.h"
#include "tests/lib/suite.h"

extern const char wire_version[];      /* GET /version, and the connection's end */
extern const char wire_version_kept[]; /* on a connection that stays */

void wire_both(void (*run)(struct stage *s));
/* A connection; the caller closes it. */
int wire_dial(const struct stage *s);
/* One request on a connection of its own. */
struct wire_bytes wire_ask(const struct stage *s, const char *request, int quiet_ms);
int wire_status(const struct wire_bytes *b); /* 0 = none */
long stage_added(const struct stage *s, long before);
int wire_main(int argc, char **argv, const char *name, const struct suite_test *tests, size_t count);

#endif
