#include "tests/lib/http.h"

#include "base/memory.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int http_connect(unsigned port, int bound_ms)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons((unsigned short)port),
                                   .sin_addr = { htonl(INADDR_LOOPBACK) } };
    struct timeval bound = { bound_ms / 1000, (bound_ms % 1000) * 1000 };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

bool http_send(int fd, const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t n = send(fd, at, size, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += n;
        size -= (size_t)n;
    }
    return true;
}

struct incoming {
    int fd;
    char *data;
    size_t size;
};

static bool receive_more(struct incoming *in)
{
    in->data = mem_realloc(in->data, in->size + 65536 + 1);
    ssize_t n = recv(in->fd, in->data + in->size, 65536, 0);
    if (n > 0) {
        in->size += (size_t)n;
    }
    in->data[in->size] = '\0';
    return n > 0;
}

static const char *find_header(const char *head, const char *name)
{
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':') {
            return line + 2 + length + 1 + strspn(line + 2 + length + 1, " ");
        }
    }
    return NULL;
}

/* Decodes the chunks from at on in place; true when the last one has come. */
static bool read_chunked(struct incoming *in, size_t at, struct http_reply *reply)
{
    for (;;) {
        char *line_end;
        while ((line_end = strstr(in->data + at, "\r\n")) == NULL) {
            if (!receive_more(in)) {
                return false;
            }
        }
        size_t size = (size_t)strtoull(in->data + at, NULL, 16);
        at = (size_t)(line_end - in->data) + 2;
        while (in->size < at + size + 2) {
            if (!receive_more(in)) {
                return false;
            }
        }
        if (size == 0) {
            return true;
        }
        reply->body = mem_realloc(reply->body, reply->body_size + size + 1);
        memcpy(reply->body + reply->body_size, in->data + at, size);
        reply->body_size += size;
        reply->body[reply->body_size] = '\0';
        at += size + 2;
    }
}

static bool read_plain(struct incoming *in, size_t at, const char *length, struct http_reply *reply)
{
    size_t size = length == NULL ? 0 : (size_t)strtoull(length, NULL, 10);
    while (length == NULL || in->size < at + size) {
        if (!receive_more(in)) {
            break;
        }
    }
    size_t have = in->size - at;
    bool complete = length == NULL || have >= size;
    reply->body_size = length != NULL && have > size ? size : have;
    reply->body = mem_realloc(reply->body, reply->body_size + 1);
    memcpy(reply->body, in->data + at, reply->body_size);
    reply->body[reply->body_size] = '\0';
    return complete;
}

struct http_reply http_receive(int fd, bool is_head)
{
    struct http_reply reply = { .head = mem_strdup(""), .body = mem_strdup("") };
    struct incoming in = { .fd = fd, .data = mem_strdup("") };
    char *end;
    for (;;) {
        while ((end = strstr(in.data, "\r\n\r\n")) == NULL) {
            if (!receive_more(&in)) {
                mem_free(in.data);
                return reply;
            }
        }
        if (strncmp(in.data, "HTTP/1.1 100 ", 13) != 0) {
            break;
        }
        /* "100 Continue" only says that the answer is still to come. */
        in.size -= (size_t)(end - in.data) + 4;
        memmove(in.data, end + 4, in.size + 1);
    }
    size_t at = (size_t)(end - in.data) + 4;
    mem_free(reply.head);
    reply.head = mem_strndup(in.data, at);
    if (sscanf(reply.head, "HTTP/1.%*1c %d", &reply.status) != 1) {
        reply.status = 0;
    }
    const char *coding = find_header(reply.head, "Transfer-Encoding");
    if (is_head || reply.status == 204 || reply.status == 304) {
        reply.complete = true;
    } else if (coding != NULL && strncasecmp(coding, "chunked", 7) == 0) {
        reply.complete = read_chunked(&in, at, &reply);
    } else {
        reply.complete = read_plain(&in, at, find_header(reply.head, "Content-Length"), &reply);
    }
    mem_free(in.data);
    return reply;
}

struct http_reply http_raw(unsigned port, const void *bytes, size_t size, int bound_ms)
{
    int fd = http_connect(port, bound_ms);
    if (fd < 0) {
        return (struct http_reply){ .head = mem_strdup(""), .body = mem_strdup("") };
    }
    /* A server may answer and close before it has read everything: the answer counts. */
    (void)http_send(fd, bytes, size);
    struct http_reply reply = http_receive(fd, false);
    (void)close(fd);
    return reply;
}

struct http_reply http_ask(unsigned port, const char *method, const char *target, const char *headers,
                           const char *body, int bound_ms)
{
    size_t body_size = body == NULL ? 0 : strlen(body);
    size_t room = strlen(method) + strlen(target) + (headers == NULL ? 0 : strlen(headers)) + body_size + 256;
    char *text = mem_alloc(room);
    int n = snprintf(text, room, "%s %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nConnection: close\r\n%s", method,
                     target, port, headers == NULL ? "" : headers);
    size_t at = (size_t)n;
    if (body != NULL) {
        at += (size_t)snprintf(text + at, room - at,
                               "Content-Type: application/json\r\nContent-Length: %zu\r\n", body_size);
    }
    at += (size_t)snprintf(text + at, room - at, "\r\n%s", body == NULL ? "" : body);
    int fd = http_connect(port, bound_ms);
    struct http_reply reply;
    if (fd < 0) {
        reply = (struct http_reply){ .head = mem_strdup(""), .body = mem_strdup("") };
    } else {
        (void)http_send(fd, text, at);
        reply = http_receive(fd, strcmp(method, "HEAD") == 0);
        (void)close(fd);
    }
    mem_free(text);
    return reply;
}

void http_reply_free(struct http_reply *reply)
{
    mem_free(reply->head);
    mem_free(reply->body);
    reply->head = NULL;
    reply->body = NULL;
}

int http_status(unsigned port, const char *method, const char *target, const char *body, int bound_ms)
{
    struct http_reply reply = http_ask(port, method, target, NULL, body, bound_ms);
    int status = reply.status;
    http_reply_free(&reply);
    return status;
}
