/* Inside of struct server, shared by server.c (loop, listening, what the core wants), wire.c (clients)
 * and link.c (the server behind a gateway).
 *
 * Every socket is in the epoll set once, edge-triggered, for reading and writing: no call to epoll_ctl
 * for a request.  So whoever stops before EAGAIN has to come back by itself (the list of the ready).
 * Nothing is freed while the loop may still hold it: what ends goes onto the list of the dead. */
#ifndef WALDRILL_MOCKCHROMA_IO_SERVER_INTERNAL_H
#define WALDRILL_MOCKCHROMA_IO_SERVER_INTERNAL_H

#include "base/block.h"
#include "mockchroma/io/framing.h"
#include "mockchroma/io/server.h"
#include <netinet/in.h>
#include <sys/queue.h>
#include <sys/un.h>
#include <time.h>
#include <uthash.h>

struct link;

/* What is being sent to a client. */
struct outgoing {
    struct buf head; /* status line to empty line; empty when block holds all */
    struct block *block;
    size_t size; /* to send; less than both when cut */
    size_t sent;
    uint64_t rate; /* bytes a second; 0 = no limit */
    uint64_t begin_ns;
    enum mock_after then;
    unsigned waits; /* for the peer to acknowledge, before a reset */
};

/* One accepted connection. */
struct wire {
    UT_hash_handle hh;
    uint64_t id;
    int fd;
    bool readable; /* there may be bytes to read */
    bool departed; /* the client has closed its side */
    bool told;     /* the core knows that it is closed */
    bool dead;     /* on the list of the dead */
    bool sending;  /* out is in use */
    bool keep_alive;
    bool http10;
    uint64_t request; /* with the core; 0 = none */
    struct buf in;
    struct buf body;
    struct framing framing;
    struct outgoing out;
    uint64_t next_ns; /* when to go on sending; UINT64_MAX = when there is room */
    struct link *link;
    bool is_ready;
    TAILQ_ENTRY(wire) in_ready;
    TAILQ_ENTRY(wire) in_paced;
    bool is_paced;
    TAILQ_ENTRY(wire) in_dead;
};
TAILQ_HEAD(wire_list, wire);

/* One connection of a gateway to the server behind it.  It belongs to a wire, and outlives it when an
 * answer is still to come. */
struct link {
    UT_hash_handle hh;
    uint64_t id;
    int fd;
    bool connected;
    bool dead;
    struct wire *wire; /* NULL: on its own */
    uint64_t request;  /* 0: idle */
    struct block *sent;
    size_t sent_size;
    struct buf in;
    struct buf body; /* of no use but to the framing; holds nothing */
    struct framing framing;
    TAILQ_ENTRY(link) in_dead;
};
TAILQ_HEAD(link_list, link);

struct server {
    struct mock *mock;
    struct sockaddr_in address;
    struct sockaddr_un place; /* instead of address; sun_path "" = none */
    struct sockaddr_in upstream;
    bool gateway;
    int listen_fd; /* -1 while refusing */
    int port_fd;   /* bound and never listening: the port stays ours while refusing; -1: there is none */
    int epoll_fd;
    uint64_t next_wire;
    uint64_t next_link;
    uint64_t next_request;
    uint64_t max_body_bytes;
    uint64_t retry_listen_ns; /* 0: no retry pending */
    struct wire *wires;
    struct link *links;
    struct wire_list ready;
    struct wire_list paced;
    struct wire_list dead_wires;
    struct link_list dead_links;
    time_t date_second;
    char date[40];
};

/* server.c */
void server_event(struct server *s, const struct mock_event *event);
struct wire *server_find_wire(struct server *s, uint64_t id);

/* wire.c */
void wire_open(struct server *s, int fd);
void wire_events(struct server *s, uint64_t id, uint32_t events);
void wire_run(struct server *s, struct wire *w);  /* reads and sends what can be */
void wire_send(struct server *s, struct wire *w); /* goes on sending */
void wire_respond(struct server *s, struct wire *w, struct mock_action *action);
void wire_close(struct server *s, struct wire *w, bool reset);
void wire_make_ready(struct server *s, struct wire *w);
void wire_free(struct server *s, struct wire *w);

/* link.c; ids of links are odd, of wires even, so that one epoll set serves both */
void link_forward(struct server *s, struct wire *w, struct mock_action *action);
void link_events(struct server *s, uint64_t id, uint32_t events);
void link_orphan(struct server *s, struct link *l); /* its wire is gone */
void link_end(struct server *s, struct link *l);
void link_free(struct server *s, struct link *l);

#endif
