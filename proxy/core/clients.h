/* A client's request from its head to its end. */
#ifndef WALDRILL_PROXY_CORE_CLIENTS_H
#define WALDRILL_PROXY_CORE_CLIENTS_H

#include "proxy/core/state.h"

void client_head(struct core *core, const struct core_event *event);
void client_body(struct core *core, const struct core_event *event);
void client_done(struct core *core, uint64_t id, bool delivered);
void client_timed_out(struct core *core, struct client *client);
/* The request is complete (again, after learning): route it. */
void client_route(struct core *core, struct client *client);
struct client *client_find(struct core *core, uint64_t id);

/* Answers.  Blocks: the references are taken over.  extra: more header lines, may be empty. */
void client_reply(struct core *core, struct client *client, int status, struct block *headers,
                  struct block *body);
void client_reply_when_durable(struct core *core, struct client *client, uint64_t lsn, int status,
                               struct block *headers, struct block *body);
/* Chroma's error shape; retry_after_s 0 = no such header. */
void client_reply_error(struct core *core, struct client *client, int status, const char *error,
                        const char *message, unsigned retry_after_s);
/* 401, which says what is wanted. */
void client_reply_unauthorized(struct core *core, struct client *client, const char *message);
void client_flush_durable(struct core *core);
/* Header lines for an answer of the proxy's own: request id, content type, X-Wal-Status when queued. */
struct block *client_headers(const struct client *client, const char *content_type, bool queued,
                             unsigned retry_after_s);
struct block *client_headers_of_promise(const struct client *client); /* X-Wal-Status: durable (promise.h) */
void clients_log_failed(struct core *core);
void clients_free(struct core *core);

#endif
