/* How the adapters tell the core what happened: one function, called from the loop thread, never from
 * within a port function and never from within a callback of libcurl.  Whoever implements it stamps the time.
 */
#ifndef WALDRILL_PROXY_IO_IO_EVENTS_H
#define WALDRILL_PROXY_IO_IO_EVENTS_H

#include "proxy/core/core.h"
#include <stdint.h>

typedef void io_event_cb(void *context, struct core_event *event);

struct io_sink {
    io_event_cb *event;
    void *context;
};

/* A file descriptor in the loop's epoll set; data.ptr points to one of these. */
struct io_watch {
    void (*ready)(void *context, int fd, uint32_t events);
    void *context;
    int fd;
};

#endif
