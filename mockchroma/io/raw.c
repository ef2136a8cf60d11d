/* Answers that are not whole, or not at once: cut after so many bytes, dribbled, followed by a reset
 * or by nothing.  libmicrohttpd can do none of these, so the bytes go straight to its socket while it
 * believes the connection suspended; afterwards the connection is closed or reset, never used again.
 *
 * A reset would take back what still lies in the send queue, so it waits until the peer has got it. */
#include "mockchroma/io/server_internal.h"
#include "base/http_head.h"
#include "base/memory.h"
#include "base/units.h"
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define RAW_LIMIT     ((size_t)4 * 1024 * 1024 * 1024)
#define RATE_STEP_NS  (20 * NS_PER_MS)
#define DRAIN_STEP_NS (2 * NS_PER_MS)
#define DRAIN_STEPS   500

void raw_start(struct server *s, struct wire *w, const struct mock_action *a)
{
    struct buf out;
    struct str body = block_str(a->body);
    buf_init(&out, RAW_LIMIT);
    buf_printf(&out, "HTTP/1.1 %d %s\r\n", a->status, http_reason(a->status));
    buf_append_str(&out, block_str(a->headers));
    buf_append_text(&out, "\r\n");
    buf_append_str(&out, body);
    w->raw = true;
    w->raw_bytes = out.data;
    w->raw_size = out.failed ? 0 : out.size;
    if (a->cut_after >= 0 && (uint64_t)a->cut_after < w->raw_size) {
        w->raw_size = (size_t)a->cut_after;
    }
    w->raw_sent = 0;
    w->raw_rate = a->bytes_per_second;
    w->raw_then = a->then;
    w->raw_begin_ns = server_now_ns();
    w->raw_next_ns = w->raw_begin_ns;
    w->raw_waits = 0;
    TAILQ_INSERT_TAIL(&s->raw_wires, w, in_raw);
}

void raw_stop(struct server *s, struct wire *w)
{
    if (w->raw) {
        TAILQ_REMOVE(&s->raw_wires, w, in_raw);
        mem_free(w->raw_bytes);
        w->raw_bytes = NULL;
        w->raw = false;
    }
}

static size_t allowed(const struct wire *w, uint64_t now_ns)
{
    if (w->raw_rate == 0) {
        return w->raw_size;
    }
    double due = (double)(now_ns - w->raw_begin_ns) / (double)NS_PER_S * (double)w->raw_rate;
    return due < (double)w->raw_size ? (size_t)due : w->raw_size;
}

static void finish(struct server *s, struct wire *w)
{
    int queued = 0;
    if (w->raw_then == MOCK_THEN_HANG) {
        w->raw_next_ns = UINT64_MAX;
        return;
    }
    bool reset = w->raw_then == MOCK_THEN_RESET;
    if (reset && ioctl(w->fd, SIOCOUTQ, &queued) == 0 && queued > 0 && w->raw_waits++ < DRAIN_STEPS) {
        w->raw_next_ns = server_now_ns() + DRAIN_STEP_NS;
        return;
    }
    server_close_wire(s, w, reset);
}

void raw_advance(struct server *s, struct wire *w)
{
    uint64_t now = server_now_ns();
    size_t until = allowed(w, now);
    while (w->raw_sent < until) {
        ssize_t n = send(w->fd, w->raw_bytes + w->raw_sent, until - w->raw_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
            server_close_wire(s, w, false);
            return;
        }
        if (n <= 0) {
            break;
        }
        w->raw_sent += (size_t)n;
    }
    if (w->raw_sent == w->raw_size) {
        finish(s, w);
        return;
    }
    w->raw_next_ns = now + (w->raw_rate == 0 ? DRAIN_STEP_NS : RATE_STEP_NS);
}
