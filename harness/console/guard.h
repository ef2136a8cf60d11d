/* Who may talk to the console: the page's own browser, by an address that no foreign name can stand for, and,
 * where something changes, with the token.  Pure. */
#ifndef WALDRILL_HARNESS_CONSOLE_GUARD_H
#define WALDRILL_HARNESS_CONSOLE_GUARD_H

#include "base/str.h"
#include <stdbool.h>

/* Is this value of a Host header localhost or an address in figures, with or without a port?  Any other name
 * may have been bent to this machine by whoever owns it (DNS rebinding). */
bool guard_host(struct str host);
/* Does the value of an Authorization header carry this token, as Bearer?  Takes as long whatever is wrong. */
bool guard_token(struct str token, struct str authorization);
/* Is this IPv4 address one of this machine alone (127.0.0.0/8)? */
bool guard_is_loopback(const char *address);

#endif
