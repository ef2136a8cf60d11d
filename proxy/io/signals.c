#include "proxy/io/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void take(void *context, int fd, uint32_t events)
{
    struct signals *s = context;
    struct signalfd_siginfo info;
    (void)events;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            s->reload = true;
        } else {
            s->end_signal = (int)info.ssi_signo;
            s->ends++;
        }
    }
}

int signals_open(struct signals *s, struct errmsg *msg)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)signal(SIGPIPE, SIG_IGN);
    *s = (struct signals){ .fd = -1 };
    if (sigprocmask(SIG_BLOCK, &set, NULL) == 0) {
        s->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    s->watch = (struct io_watch){ take, s, -1 };
    return s->fd >= 0 ? 0 : error_set(msg, ERR_IO, "signals: %s", strerror(errno));
}

void signals_close(struct signals *s)
{
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
}
