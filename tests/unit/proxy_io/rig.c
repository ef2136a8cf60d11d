#include "tests/unit/proxy_io/rig.h"

#include "proxy/io/io_clock.h"
#include "proxy/io/listen.h"
#include "tests/lib/scripted.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void reply(struct rig *rig, uint64_t client, int status, const char *headers, struct block *body)
{
    struct block *lines = block_copy(headers, strlen(headers));
    rig->client_port.reply(rig->client_port.context, client, status, lines, body);
    block_unref(lines);
}

void rig_reply_text(struct rig *rig, uint64_t client, int status, const char *text)
{
    struct block *body = text[0] == '\0' ? NULL : block_copy(text, strlen(text));
    reply(rig, client, status, "Content-Type: text/plain\r\nX-Mine: yes\r\n", body);
    block_unref(body);
}

static void on_head(struct rig *rig, struct core_event *event)
{
    uint64_t client = event->u.client_head.client;
    const struct http_head *head = event->u.client_head.head;
    rig->heads++;
    rig->last = client;
    rig->loopback = event->u.client_head.loopback;
    rig->content_length = head->content_length;
    (void)snprintf(rig->target, sizeof(rig->target), "%.*s", STR_ARGS(head->target));
    if (str_starts(head->target, STR("/collect"))) {
        rig->client_port.collect(rig->client_port.context, client, RIG_LIMIT);
    } else if (str_starts(head->target, STR("/later"))) {
        rig->later = client;
        rig->later_turns = 3;
    } else if (str_starts(head->target, STR("/relay/"))) {
        struct block *request = NULL;
        char text[256];
        int n = snprintf(text, sizeof(text), "%.*s %.*s\n", STR_ARGS(head->method),
                         (int)head->target.size - 6, head->target.data + 6);
        request = block_copy(text, (size_t)n);
        rig->relaying = client;
        struct upstream_request call = { .call = client, .request = request, .head_first = true };
        rig->up_port.call(rig->up_port.context, &call);
        block_unref(request);
    } else if (str_starts(head->target, STR("/abort"))) {
        rig->client_port.abort(rig->client_port.context, client);
    } else if (!str_starts(head->target, STR("/never"))) {
        rig_reply_text(rig, client, 200, "hello");
    }
}

static void on_event(void *context, struct core_event *event)
{
    struct rig *rig = context;
    if (event->kind == CORE_EV_CLIENT_HEAD) {
        on_head(rig, event);
    } else if (event->kind == CORE_EV_CLIENT_BODY) {
        rig->bodies++;
        rig->too_large += event->u.client_body.too_large;
        rig->failed += event->u.client_body.failed;
        if (event->u.client_body.too_large || event->u.client_body.failed) {
            CU_ASSERT_PTR_NULL(event->u.client_body.body);
            rig_reply_text(rig, event->u.client_body.client, event->u.client_body.failed ? 503 : 413, "no");
        } else {
            reply(rig, event->u.client_body.client, 201, "", event->u.client_body.body);
        }
    } else if (event->kind == CORE_EV_CLIENT_DONE) {
        rig->dones++;
        rig->delivered += event->u.client_done.delivered;
    } else if (event->kind == CORE_EV_CALL_HEAD) {
        struct block *lines = block_copy("X-Served-By: primary\r\n", 22);
        rig->client_port.relay(rig->client_port.context, rig->relaying, event->u.call_head.call, lines);
        block_unref(lines);
    } else if (event->kind == CORE_EV_CALL_END) {
        rig->call_ends++;
    }
}

static struct relay *open_relay(void *context, uint64_t call, struct http_head *head)
{
    struct rig *rig = context;
    relay_unref(rig->relay);
    struct relay *relay = upstream_relay(rig->up, call, head);
    rig->relay = relay == NULL ? NULL : relay_ref(relay);
    return relay;
}

void rig_open(struct rig *rig)
{
    static char url[64];
    struct settings_draft draft;
    struct errmsg msg = { "" };
    int fd = -1;
    memset(rig, 0, sizeof(*rig));
    rig->server = scripted_start();
    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->server);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", scripted_port(rig->server));
    settings_draft_init(&draft);
    CU_ASSERT_EQUAL_FATAL(settings_set(&draft, STR("PRIMARY_URL"), str_of(url), SETTINGS_FLAG, &msg), 0);
    CU_ASSERT_EQUAL_FATAL(settings_set(&draft, STR("PORT"), STR("0"), SETTINGS_FLAG, &msg), 0);
    CU_ASSERT_EQUAL_FATAL(settings_finish(&draft, &msg), 0);
    CU_ASSERT_EQUAL_FATAL(listen_bind(&draft.values, &fd, &rig->port, &msg), 0);
    CU_ASSERT_EQUAL_FATAL(listen_begin(fd, &msg), 0);
    rig->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    struct io_sink sink = { on_event, rig };
    struct upstream_options to = { .urls = { url, "" }, .epoll_fd = rig->epoll_fd, .sink = sink };
    CU_ASSERT_EQUAL_FATAL(upstream_open(&rig->up, &to, &msg), 0);
    struct clients_options options = { .listen_fd = fd,
                                       .connections_max = 100,
                                       .idle_timeout_s = 30,
                                       .epoll_fd = rig->epoll_fd,
                                       .sink = sink,
                                       .relay_open = open_relay,
                                       .relay_context = rig };
    CU_ASSERT_EQUAL_FATAL(clients_open(&rig->clients, &options, &msg), 0);
    rig->client_port = clients_port(rig->clients);
    rig->up_port = upstream_port(rig->up);
}

void rig_close(struct rig *rig)
{
    clients_close(rig->clients);
    upstream_close(rig->up);
    scripted_stop(rig->server);
    relay_unref(rig->relay);
    (void)close(rig->epoll_fd);
    CU_ASSERT_EQUAL(block_bytes_live(), 0);
}

void rig_turn(struct rig *rig)
{
    struct epoll_event events[16];
    uint64_t now = io_clock_real_ns();
    clients_turn(rig->clients, now);
    upstream_turn(rig->up, now);
    while (upstream_deliver(rig->up) | clients_deliver(rig->clients)) {
    }
    if (rig->relay != NULL && relay_held(rig->relay) > rig->held_max) {
        rig->held_max = relay_held(rig->relay);
    }
    if (rig->later != 0 && rig->later_turns-- == 0) {
        rig_reply_text(rig, rig->later, 200, "at last");
        rig->later = 0;
    }
    bool idle = upstream_deadline(rig->up) > now && clients_deadline(rig->clients, now) > now;
    int n = epoll_wait(rig->epoll_fd, events, 16, idle ? 10 : 0);
    for (int i = 0; i < n; i++) {
        struct io_watch *watch = events[i].data.ptr;
        watch->ready(watch->context, watch->fd, events[i].events);
    }
}
