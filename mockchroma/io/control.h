/* The control API: faults, journal, dump, status, kill and restart, as JSON over HTTP on a port of its
 * own, so that no fault of the data port can lock its controller out.  docs/faults.md describes it. */
#ifndef WALDRILL_MOCKCHROMA_IO_CONTROL_H
#define WALDRILL_MOCKCHROMA_IO_CONTROL_H

#include "base/error.h"
#include "mockchroma/core/mock.h"
#include "mockchroma/io/journal_log.h"
#include "mockchroma/io/server.h"
#include <stdint.h>

struct control;

/* All three are borrowed.  Listens on the given numeric address, loopback unless told otherwise. */
struct control *control_new(struct mock *mock, struct server *server, struct journal_log *journal,
                            const char *host, uint16_t port, struct errmsg *msg);
void control_free(struct control *c);
uint16_t control_port(const struct control *c);
int control_epoll_fd(const struct control *c);
uint64_t control_wait_ns(const struct control *c);
void control_run(struct control *c);

#endif
