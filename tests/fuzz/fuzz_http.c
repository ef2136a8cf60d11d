/* Bytes of a client to the whole front: sockets, framing, routes, the server behind them.
 *
 * The stream is played twice on a connection of its own, at once and in pieces; both times the answers must
 * be the same, but for the date and for "100 Continue", which depends on when the head was seen.  The clock
 * stands still, so that heartbeat tells the same. */
#include "base/check.h"
#include "mockchroma/io/server_internal.h"
#include "tests/fuzz/small.h"
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ANSWERS_MAX ((size_t)64 * 1024 * 1024)
#define CONTINUE    "HTTP/1.1 100 Continue\r\n\r\n"
#define DATE_BYTES  (sizeof("date: Thu, 01 Jan 1970 00:00:00 GMT\r\n") - 1)

/* What has come back is kept, without what may differ. */
static void collect(int fd, struct buf *answers)
{
    char bytes[4096];
    for (ssize_t n = 1; n > 0;) {
        n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n > 0) {
            buf_append(answers, bytes, (size_t)n);
        }
    }
}

static void erase(struct buf *answers, const char *what, size_t bytes)
{
    for (char *at = answers->data; answers->size > 0;) {
        at = memmem(at, answers->size - (size_t)(at - answers->data), what, strlen(what));
        size_t behind = at == NULL ? 0 : answers->size - (size_t)(at - answers->data);
        if (behind < bytes) {
            return;
        }
        memmove(at, at + bytes, behind - bytes);
        answers->size -= bytes;
    }
}

static void play(const uint8_t *data, size_t size, size_t step, struct buf *answers)
{
    struct small s;
    struct server_options options = { .host = "127.0.0.1", .max_body_bytes = 1024 * 1024 };
    int ends[2];
    small_init(&s);
    struct server *server = server_new(s.mock, &options, NULL);
    CHECK(server != NULL);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
    wire_open(server, ends[0]);
    for (size_t at = 0; at < size; at += step) {
        (void)send(ends[1], data + at, step < size - at ? step : size - at, MSG_NOSIGNAL);
        (void)server_run(server);
        collect(ends[1], answers);
    }
    (void)close(ends[1]);
    (void)server_run(server);
    CHECK(HASH_COUNT(server->wires) == 0);
    server_free(server);
    small_deinit(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf whole;
    struct buf pieces;
    if (size < 2) {
        return 0;
    }
    server_clock_start(0);
    buf_init(&whole, ANSWERS_MAX);
    buf_init(&pieces, ANSWERS_MAX);
    play(data + 1, size - 1, size, &whole);
    play(data + 1, size - 1, 1 + data[0], &pieces);
    struct buf *both[] = { &whole, &pieces };
    for (size_t i = 0; i < 2; i++) {
        CHECK(!both[i]->failed);
        CHECK(both[i]->size == 0 || str_starts(buf_str(both[i]), STR("HTTP/1.")));
        erase(both[i], CONTINUE, sizeof(CONTINUE) - 1);
        erase(both[i], "date: ", DATE_BYTES);
    }
    CHECK(str_equal(buf_str(&whole), buf_str(&pieces)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
