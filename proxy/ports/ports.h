/* What the core asks of the world, as plain structs of functions.
 *
 * proxy/io/ implements them over sockets and files, harness/sim/ over a virtual network and disk.
 * Rules for every implementation: a port function only takes note and returns; it never calls back
 * into the pump before returning; what happened comes as an event, later, from the loop.  Pointers
 * are borrowed for the call; an implementation that keeps a block takes a reference. */
#ifndef WALDRILL_PROXY_PORTS_PORTS_H
#define WALDRILL_PROXY_PORTS_PORTS_H

#include "base/block.h"
#include "base/log_line.h"
#include <stdbool.h>
#include <stdint.h>

/* The clients' side. */
struct client_port {
    void *context;
    void (*collect)(void *context, uint64_t client, uint64_t limit);
    void (*reply)(void *context, uint64_t client, int status, struct block *headers, struct block *body);
    void (*relay)(void *context, uint64_t client, uint64_t call, struct block *headers);
    void (*abort)(void *context, uint64_t client);
};

/* The instances' side. */
struct upstream_request {
    uint64_t call;
    unsigned instance;
    struct block *request; /* "METHOD target\n" and header lines */
    struct block *body;    /* NULL = none */
    bool head_first;
    bool fresh;
    uint64_t answer_limit;
};
struct upstream_port {
    void *context;
    void (*call)(void *context, const struct upstream_request *request);
    void (*collect)(void *context, uint64_t call, uint64_t limit);
    void (*cancel)(void *context, uint64_t call);
};

/* The log. */
struct log_port {
    void *context;
    void (*append)(void *context, uint64_t lsn, uint8_t type, struct block *meta, struct block *body,
                   bool sync);
    void (*read)(void *context, uint64_t lsn);
    void (*trim)(void *context, uint64_t lsn);
};

/* The process. */
struct process_port {
    void *context;
    void (*line)(void *context, enum log_level level, struct block *text);
    void (*audit)(void *context, struct block *text);   /* NULL where nobody keeps them */
    void (*level)(void *context, enum log_level level); /* NULL where all lines are taken */
    /* CORE_COMMAND_SETTINGS follows, with that ticket. */
    void (*reload)(void *context, uint64_t ticket);
    void (*stopped)(void *context);
    /* The answer to a command that carried a ticket; NULL where none is ever given one. */
    void (*answered)(void *context, uint64_t ticket, int status, struct block *body);
};

struct ports {
    struct client_port client;
    struct upstream_port upstream;
    struct log_port log;
    struct process_port process;
};

#endif
