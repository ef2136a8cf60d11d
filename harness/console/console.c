/* Opening and closing; see console.h. */
#include "harness/console/console.h"

#include "base/memory.h"
#include "base/units.h"
#include "harness/console/internal.h"
#include <time.h>

#define PERIOD_NS     NS_PER_S          /* of the stack's time */
#define PERIOD_MIN_NS (100 * NS_PER_MS) /* of the machine's: more would be load */

static uint64_t machine_ns(clockid_t id)
{
    struct timespec now;
    (void)clock_gettime(id, &now); /* cannot fail for these clocks */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

int64_t console_now_ns(const struct console *c)
{
    return (int64_t)((double)(machine_ns(CLOCK_MONOTONIC) - c->start_ns) * c->setup.time_scale);
}

/* The stack's own texts are written anew when a part of it is started again, in another thread. */
static void console_keep_urls(struct console *c)
{
    for (size_t i = 0; i < 5; i++) {
        const char **url = i < 3 ? &c->setup.urls[i] : &c->setup.controls[i - 3];
        c->own_urls[i] = mem_strdup(*url);
        *url = c->own_urls[i];
    }
}

static void console_free(struct console *c)
{
    for (size_t i = 0; i < 5; i++) {
        mem_free(c->own_urls[i]);
    }
    past_deinit(&c->past);
    past_spans_deinit(&c->alerts);
    past_spans_deinit(&c->faults);
    buf_deinit(&c->status);
    buf_deinit(&c->mocks[0]);
    buf_deinit(&c->mocks[1]);
    (void)pthread_cond_destroy(&c->wake);
    (void)pthread_cond_destroy(&c->wished);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

struct console *console_open(const struct console_setup *setup, struct errmsg *msg)
{
    struct console *c = mem_alloc(sizeof(*c));
    pthread_condattr_t attributes;
    c->setup = *setup;
    console_keep_urls(c);
    c->start_ns = machine_ns(CLOCK_MONOTONIC);
    c->started_ms = (int64_t)(machine_ns(CLOCK_REALTIME) / NS_PER_MS);
    double period_ns = (double)PERIOD_NS / setup->time_scale;
    c->period_ns = period_ns < (double)PERIOD_MIN_NS ? PERIOD_MIN_NS : (uint64_t)period_ns;
    (void)pthread_mutex_init(&c->lock, NULL); /* as they are made here these do not fail */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->wake, &attributes);
    (void)pthread_cond_init(&c->wished, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    past_init(&c->past);
    buf_init(&c->status, CONSOLE_DOCUMENT);
    buf_init(&c->mocks[0], CONSOLE_DOCUMENT);
    buf_init(&c->mocks[1], CONSOLE_DOCUMENT);
    if (front_open(c, msg) != 0) {
        console_free(c);
        return NULL;
    }
    if (watch_begin(c, msg) != 0) {
        front_close(c);
        console_free(c);
        return NULL;
    }
    return c;
}

unsigned console_port(const struct console *c)
{
    return c->port;
}

bool console_wants(struct console *c, enum console_deed *deed)
{
    (void)pthread_mutex_lock(&c->lock);
    bool wants = c->wish.state == WISH_ASKED;
    if (wants) {
        c->wish.state = WISH_TAKEN;
        *deed = c->wish.deed;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return wants;
}

void console_did(struct console *c, int rv, const struct errmsg *msg)
{
    (void)pthread_mutex_lock(&c->lock);
    if (c->wish.state == WISH_TAKEN) { /* else whoever asked has given up waiting */
        c->wish.state = WISH_DONE;
        c->wish.rv = rv;
        c->wish.msg = *msg;
        (void)pthread_cond_broadcast(&c->wished);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void console_close(struct console *c)
{
    if (c != NULL) {
        watch_end(c);
        front_close(c);
        console_free(c);
    }
}
