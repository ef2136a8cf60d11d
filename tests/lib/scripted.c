#include "tests/lib/scripted.h"

#include "base/memory.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX        65536
#define CONNECTIONS_MAX 256

struct scripted {
    int fd;
    unsigned port;
    pthread_t thread;
    pthread_t workers[CONNECTIONS_MAX];
    int sockets[CONNECTIONS_MAX];
    size_t worker_count;
    pthread_mutex_t lock;
    unsigned requests;
    unsigned connections;
    unsigned closed;
    char last_head[HEAD_MAX];
};

struct worker {
    struct scripted *s;
    int fd;
    size_t index;
    char head[HEAD_MAX];
    size_t head_size;
    char *body;
    size_t body_size;
};

static bool send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        data += n;
        size -= (size_t)n;
    }
    return true;
}

static bool send_text(int fd, const char *text)
{
    return send_all(fd, text, strlen(text));
}

/* Reads one request; false when the connection ended before it was whole. */
static bool read_request(struct worker *w)
{
    size_t length = 0;
    w->head_size = 0;
    w->head[0] = '\0';
    while (strstr(w->head, "\r\n\r\n") == NULL) {
        ssize_t n = recv(w->fd, w->head + w->head_size, 1, 0);
        if (n <= 0 || w->head_size + 2 >= HEAD_MAX) {
            return false;
        }
        w->head[++w->head_size] = '\0';
    }
    const char *told = strcasestr(w->head, "\r\ncontent-length:");
    if (told != NULL) {
        length = (size_t)strtoull(told + 17, NULL, 10);
    }
    mem_free(w->body);
    w->body = mem_alloc(length + 1);
    for (w->body_size = 0; w->body_size < length;) {
        ssize_t n = recv(w->fd, w->body + w->body_size, length - w->body_size, 0);
        if (n <= 0) {
            return false;
        }
        w->body_size += (size_t)n;
    }
    (void)pthread_mutex_lock(&w->s->lock);
    w->s->requests++;
    memcpy(w->s->last_head, w->head, w->head_size + 1);
    (void)pthread_mutex_unlock(&w->s->lock);
    return true;
}

static bool send_filler(int fd, size_t size, bool chunked)
{
    char piece[8192];
    memset(piece, 'x', sizeof(piece));
    while (size > 0) {
        size_t n = size < sizeof(piece) ? size : sizeof(piece);
        char line[32];
        (void)snprintf(line, sizeof(line), "%zx\r\n", n);
        if ((chunked && !send_text(fd, line)) || !send_all(fd, piece, n) ||
            (chunked && !send_text(fd, "\r\n"))) {
            return false;
        }
        size -= n;
    }
    return !chunked || send_text(fd, "0\r\n\r\n");
}

static bool answer_echo(struct worker *w, const char *status)
{
    char head[256];
    size_t line = strcspn(w->head, "\r");
    (void)snprintf(head, sizeof(head),
                   "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n", status,
                   strncmp(w->head, "HEAD ", 5) == 0 ? 7 : line + 1 + w->body_size);
    if (!send_text(w->fd, head) || strncmp(w->head, "HEAD ", 5) == 0) {
        return true;
    }
    return send_all(w->fd, w->head, line) && send_text(w->fd, "\n") && send_all(w->fd, w->body, w->body_size);
}

static bool answer_filler(struct worker *w, const char *kind, size_t n)
{
    char head[160];
    if (strcmp(kind, "chunked") == 0) {
        return send_text(w->fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n") &&
               send_filler(w->fd, n, true);
    }
    if (strcmp(kind, "until-close") == 0) {
        (void)(send_text(w->fd, "HTTP/1.1 200 OK\r\n\r\n") && send_filler(w->fd, n, false));
        return false;
    }
    bool cut = strcmp(kind, "cut") == 0;
    (void)snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nX-Kind: %s\r\nContent-Length: %zu\r\n\r\n", kind,
                   cut ? 2 * n : n);
    return send_text(w->fd, head) && send_filler(w->fd, n, false) && !cut;
}

/* Answers the request; false when the connection is to be closed. */
static bool answer(struct worker *w)
{
    char kind[32] = "";
    char byte;
    char text[160];
    size_t n = 0;
    if (sscanf(w->head, "%*s /%31[a-z-]/%zu", kind, &n) < 1 || strcmp(kind, "echo") == 0) {
        return answer_echo(w, "200 OK");
    }
    if (strcmp(kind, "status") == 0) {
        (void)snprintf(text, sizeof(text),
                       "HTTP/1.1 %zu Status\r\nContent-Type: application/json\r\nContent-Length: "
                       "13\r\n\r\n{\"error\":\"x\"}",
                       n);
        return send_text(w->fd, text);
    }
    if (strcmp(kind, "vanish") == 0) {
        return false;
    }
    if (strcmp(kind, "once") == 0) {
        (void)(answer_echo(w, "200 OK") && read_request(w));
        return false;
    }
    if (strcmp(kind, "silent") == 0) {
        while (recv(w->fd, &byte, 1, 0) > 0) {
        }
        return false;
    }
    if (strcmp(kind, "interim") == 0) {
        return send_text(w->fd, "HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n") && answer_echo(w, "200 OK");
    }
    if (strcmp(kind, "garbage") == 0) {
        (void)send_text(w->fd, "\x01\x02 not at all HTTP\r\n\r\n");
        return false;
    }
    return answer_filler(w, kind, n);
}

static void *serve_connection(void *context)
{
    struct worker *w = context;
    while (read_request(w) && answer(w)) {
    }
    (void)pthread_mutex_lock(&w->s->lock);
    w->s->closed++;
    (void)close(w->fd);
    w->s->sockets[w->index] = -1;
    (void)pthread_mutex_unlock(&w->s->lock);
    mem_free(w->body);
    mem_free(w);
    return NULL;
}

static void *serve(void *context)
{
    struct scripted *s = context;
    for (;;) {
        int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0 || s->worker_count == CONNECTIONS_MAX) {
            if (fd >= 0) {
                (void)close(fd);
            }
            return NULL;
        }
        struct worker *w = mem_alloc(sizeof(*w));
        w->s = s;
        w->fd = fd;
        (void)pthread_mutex_lock(&s->lock);
        w->index = s->worker_count++;
        s->connections++;
        s->sockets[w->index] = fd;
        (void)pthread_mutex_unlock(&s->lock);
        if (pthread_create(&s->workers[w->index], NULL, serve_connection, w) != 0) {
            abort();
        }
    }
}

struct scripted *scripted_start(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t size = sizeof(address);
    struct scripted *s = mem_alloc(sizeof(*s));
    (void)pthread_mutex_init(&s->lock, NULL);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&address, size) != 0 || listen(s->fd, 64) != 0 ||
        getsockname(s->fd, (struct sockaddr *)&address, &size) != 0 ||
        pthread_create(&s->thread, NULL, serve, s) != 0) {
        mem_free(s);
        return NULL;
    }
    s->port = ntohs(address.sin_port);
    return s;
}

unsigned scripted_port(const struct scripted *s)
{
    return s->port;
}

static unsigned read_count(struct scripted *s, const unsigned *count)
{
    (void)pthread_mutex_lock(&s->lock);
    unsigned value = *count;
    (void)pthread_mutex_unlock(&s->lock);
    return value;
}

unsigned scripted_requests(struct scripted *s)
{
    return read_count(s, &s->requests);
}

unsigned scripted_connections(struct scripted *s)
{
    return read_count(s, &s->connections);
}

unsigned scripted_closed(struct scripted *s)
{
    return read_count(s, &s->closed);
}

void scripted_last_head(struct scripted *s, char *out, size_t size)
{
    (void)pthread_mutex_lock(&s->lock);
    (void)snprintf(out, size, "%s", s->last_head);
    (void)pthread_mutex_unlock(&s->lock);
}

void scripted_stop(struct scripted *s)
{
    (void)shutdown(s->fd, SHUT_RDWR); /* wakes accept */
    (void)pthread_join(s->thread, NULL);
    (void)close(s->fd);
    (void)pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->worker_count; i++) {
        if (s->sockets[i] >= 0) {
            (void)shutdown(s->sockets[i], SHUT_RDWR);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->worker_count; i++) {
        (void)pthread_join(s->workers[i], NULL);
    }
    mem_free(s);
}
