/* `walproxy ctl`: what an operator asks of a running walproxy, over its /status and /admin.
 *
 * Tables for people, or with --json the answer as it came.  It keeps nothing and decides nothing: whatever it
 * can do, curl can do too (docs/admin.md). */
#ifndef WALDRILL_PROXY_CTL_CTL_H
#define WALDRILL_PROXY_CTL_CTL_H

#include "base/buf.h"

/* What the process ends with; docs/ctl.md has them as well. */
enum ctl_exit {
    CTL_DONE = 0,
    CTL_REFUSED = 1,     /* walproxy said no; its words are on stderr */
    CTL_USAGE = 2,       /* a wrong command line: nothing was sent */
    CTL_UNREACHABLE = 3, /* no answer, or not walproxy's */
    CTL_NOT_DONE = 4,    /* what was waited for was called off or took too long; compare: they differ */
};

/* argv[0] is "ctl". */
int ctl_command(int argc, char **argv);
/* The verbs and options, for docs/ctl.md. */
void ctl_manual(struct buf *out);

#endif
