/* Signals as a descriptor of the loop: SIGTERM and SIGINT end (a second one at once), SIGHUP reads the
 * settings again.  SIGPIPE is ignored.  Other threads must block all of them. */
#ifndef WALDRILL_PROXY_IO_SIGNALS_H
#define WALDRILL_PROXY_IO_SIGNALS_H

#include "base/error.h"
#include "proxy/io/io_events.h"
#include <stdbool.h>

struct signals {
    int fd; /* -1 = not open */
    struct io_watch watch;
    unsigned ends; /* SIGTERM and SIGINT that have come */
    int end_signal;
    bool reload; /* SIGHUP has come; whoever acts on it sets it back */
};

int signals_open(struct signals *s, struct errmsg *msg);
void signals_close(struct signals *s);

#endif
