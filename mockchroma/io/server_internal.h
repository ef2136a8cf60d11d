/* Inside of struct server, shared by server.c (sockets, loop), request.c (libmicrohttpd's callbacks)
 * and raw.c (answers that are not whole). */
#ifndef WALDRILL_MOCKCHROMA_IO_SERVER_INTERNAL_H
#define WALDRILL_MOCKCHROMA_IO_SERVER_INTERNAL_H

#include "base/block.h"
#include "mockchroma/io/server.h"
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/queue.h>
#include <uthash.h>

struct exchange;

/* One accepted connection; owned by the server, freed when libmicrohttpd says that it is closed. */
struct wire {
    UT_hash_handle hh;
    uint64_t id;
    int fd;
    struct MHD_Connection *connection;
    struct exchange *exchange; /* the request being handled; NULL between requests */
    bool suspended;
    bool doomed;    /* the handler answers MHD_NO: libmicrohttpd closes it */
    bool peer_gone; /* the client has closed its side */
    bool told;      /* the core knows that it is closed */
    /* An answer written by hand (raw.c). */
    bool raw;
    TAILQ_ENTRY(wire) in_raw;
    char *raw_bytes;
    size_t raw_size; /* to send; may be less than the answer */
    size_t raw_sent;
    uint64_t raw_rate;
    uint64_t raw_begin_ns;
    uint64_t raw_next_ns;
    unsigned raw_waits;
    enum mock_after raw_then;
};

/* One request from its first byte to its last answer byte. */
struct exchange {
    uint64_t request;
    char *target;
    bool begun; /* the handler has been called once, with the head only */
    bool submitted;
    bool answered;
    struct buf body;
    struct MHD_Response *response;
    int status;
};

TAILQ_HEAD(wire_list, wire);

struct server {
    struct mock *mock;
    struct MHD_Daemon *daemon;
    struct sockaddr_in address;
    int listen_fd; /* -1 while refusing */
    int epoll_fd;
    int mhd_fd;
    uint64_t next_wire;
    uint64_t next_request;
    uint64_t max_body_bytes;
    uint64_t retry_listen_ns; /* 0: no retry pending */
    bool kick;                /* libmicrohttpd must be run: something was resumed or added */
    struct wire *wires;
    struct wire_list raw_wires;
    time_t date_second;
    char date[40];
};

/* server.c */
void server_event(struct server *s, const struct mock_event *event);
void server_close_wire(struct server *s, struct wire *w, bool reset);
void server_resume(struct server *s, struct wire *w);
void server_tell_closed(struct server *s, struct wire *w);

/* request.c */
enum MHD_Result request_handle(void *context, struct MHD_Connection *connection, const char *url,
                               const char *method, const char *version, const char *upload_data,
                               size_t *upload_data_size, void **request_context);
void *request_begin(void *context, const char *uri, struct MHD_Connection *connection);
void request_completed(void *context, struct MHD_Connection *connection, void **request_context,
                       enum MHD_RequestTerminationCode code);
void request_respond(struct server *s, struct wire *w, struct mock_action *action);
struct wire *request_wire(struct MHD_Connection *connection);

/* raw.c */
void raw_start(struct server *s, struct wire *w, const struct mock_action *action);
void raw_advance(struct server *s, struct wire *w);
void raw_stop(struct server *s, struct wire *w);

#endif
