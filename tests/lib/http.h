/* A plain HTTP/1.1 client for tests: one exchange on a connection of its own, or raw bytes for the
 * unfriendly ones.  Blocking, with a bound. */
#ifndef WALDRILL_TESTS_LIB_HTTP_H
#define WALDRILL_TESTS_LIB_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct http_reply {
    int status;    /* 0 = no answer: refused, cut or too late */
    bool complete; /* the answer ended as its framing says */
    char *head;    /* status line and headers, terminated; "" without an answer */
    char *body;    /* decoded, terminated; "" without one */
    size_t body_size;
};

/* headers: lines "Name: value\r\n" or NULL.  body NULL = none. */
struct http_reply http_ask(unsigned port, const char *method, const char *target, const char *headers,
                           const char *body, int bound_ms);
/* Sends bytes as they are and reads one answer. */
struct http_reply http_raw(unsigned port, const void *bytes, size_t size, int bound_ms);
void http_reply_free(struct http_reply *reply);
/* The status of an exchange without keeping its answer. */
int http_status(unsigned port, const char *method, const char *target, const char *body, int bound_ms);

/* For tests that hold a connection themselves: -1 when refused; fd with send and receive timeouts set. */
int http_connect(unsigned port, int bound_ms);
bool http_send(int fd, const void *bytes, size_t size);
struct http_reply http_receive(int fd, bool is_head);

#endif
