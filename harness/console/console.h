/* The page of a running stack: what /status, /alerts and the mocks say is looked at about once a second and
 * shown, live and for the last hour, in a browser.
 *
 * How: two threads look (one at the balancer, one at the mocks' control ports, so that a balancer that hangs
 * does not hold up the other), libmicrohttpd serves the page with a thread for each connection, so that a
 * slow client waits alone.  How it fails: a balancer that does not answer is a gap in the curves and words on
 * the page; the page itself goes on. */
#ifndef WALDRILL_HARNESS_CONSOLE_CONSOLE_H
#define WALDRILL_HARNESS_CONSOLE_CONSOLE_H

#include "base/error.h"
#include <stdbool.h>

/* What becomes of the balancer's process; its parent does it. */
enum console_deed { CONSOLE_RESTART, CONSOLE_STOP, CONSOLE_START, CONSOLE_KILL, CONSOLE_FREEZE };

struct console_setup {
    const char *address; /* IPv4, to listen on */
    unsigned port;       /* 0 = any free one */
    bool port_or_any;    /* when it is taken: any free one */
    const char *urls[3]; /* by enum engine_target */
    const char *controls[2];
    const char *token; /* opens /api/act, and the balancer's /admin; NULL: the page can only be looked at */
    double time_scale; /* how many times as fast as the machine's clock the stack runs */
};

struct console; /* opaque */

/* Borrows address and token until console_close.  Signals that the caller waits for are blocked already:
 * the threads inherit that. */
struct console *console_open(const struct console_setup *setup, struct errmsg *msg);
unsigned console_port(const struct console *c);
/* Is something to be done with the balancer's process?  Then the caller does it and says what came of it: 0,
 * or an error with words. */
bool console_wants(struct console *c, enum console_deed *deed);
void console_did(struct console *c, int rv, const struct errmsg *msg);
void console_close(struct console *c); /* NULL allowed */

#endif
