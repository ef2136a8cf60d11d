#include "proxy/core/own.h"

#include "base/check.h"
#include "proxy/core/alerts.h"
#include "proxy/core/clients.h"
#include "proxy/core/metrics.h"
#include "proxy/core/status.h"

#define ANSWER_LIMIT ((size_t)1 << 20)

static void answer_health(struct core *core, struct client *client)
{
    const char *why = status_ill(core);
    if (why != NULL) {
        client_reply_error(core, client, 503, "Unhealthy", why, 1);
        return;
    }
    struct block *body = block_copy("{\"status\":\"healthy\"}", 20);
    client_reply(core, client, 200, client_headers(client, "application/json", false, 0), body);
}

static const struct own_page {
    const char *path;
    const char *type;
    void (*write)(const struct core *core, struct buf *out); /* NULL: /health, whose status varies */
} pages[] = {
    { "/status", "application/json", status_write },
    { "/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_write },
    { "/alerts", "application/json", alerts_write },
    { "/health", NULL, NULL },
};

static const struct own_page *page_of(const struct client *client)
{
    struct str query;
    struct str path = str_cut(client->target, '?', &query);
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (str_equal(path, str_of(pages[i].path))) {
            return &pages[i];
        }
    }
    return NULL;
}

/* A load balancer that asks for the health of the proxy has no token. */
enum access own_access(const struct client *client)
{
    const struct own_page *page = page_of(client);
    CHECK(page != NULL);
    return page->write == NULL ? ACCESS_ALL : ACCESS_STATUS;
}

bool own_is(const struct client *client)
{
    return page_of(client) != NULL;
}

void own_answer(struct core *core, struct client *client)
{
    const struct own_page *page = page_of(client);
    CHECK(page != NULL);
    if (!str_equal(client->method, STR("GET")) && !str_equal(client->method, STR("HEAD"))) {
        client_reply_error(core, client, 405, "MethodNotAllowed", "only GET", 0);
        return;
    }
    if (page->write == NULL) {
        answer_health(core, client);
        return;
    }
    struct buf b;
    buf_init(&b, ANSWER_LIMIT);
    alerts_look(core); /* what has become due by this very instant counts */
    page->write(core, &b);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    client_reply(core, client, 200, client_headers(client, page->type, false, 0), body);
}
