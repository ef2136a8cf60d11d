/* Drives a core: hands it one event and carries out all its wishes through the ports. */
#ifndef WALDRILL_PROXY_PORTS_PUMP_H
#define WALDRILL_PROXY_PORTS_PUMP_H

#include "proxy/core/core.h"
#include "proxy/ports/ports.h"

struct pump {
    struct core *core;
    struct ports ports;
    size_t room; /* actions taken per step; 0 = the default. A test sets 1. */
};

/* Not re-entrant: an implementation of a port must not call it. */
void pump_event(struct pump *pump, const struct core_event *event);

#endif
