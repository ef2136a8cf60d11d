#include "proxy/core/access.h"

#include "base/secret.h"
#include "base/units.h"
#include "proxy/core/clients.h"
#include <stdio.h>

#define TELL_INTERVAL_NS (10 * NS_PER_S)

/* What follows "Bearer "; empty when there is none. */
static struct str given_token(const struct http_head *head)
{
    struct str rest;
    struct str value = str_trim(http_header_find(head->headers, head->header_count, "authorization"));
    struct str scheme = str_cut(value, ' ', &rest);
    return str_equal_nocase(scheme, STR("Bearer")) ? str_trim(rest) : STR("");
}

static void tell_refused(struct core *core, enum access what, bool loopback, const char *why)
{
    char tries[24];
    core->access.refused++;
    core->access.untold++;
    if (core->access.told_ns != 0 && core->now_ns - core->access.told_ns < TELL_INTERVAL_NS) {
        return;
    }
    (void)snprintf(tries, sizeof(tries), "%llu", (unsigned long long)core->access.untold);
    core_line(core, LOG_WARN, "access_refused", "to", what == ACCESS_ADMIN ? "admin" : "status", "from",
              loopback ? "this machine" : "elsewhere", "why", why, "tries", tries, NULL);
    core->access.told_ns = core->now_ns;
    core->access.untold = 0;
}

static bool refuse(struct core *core, struct client *client, enum access what, bool loopback,
                   const struct str *token)
{
    if (token == NULL) {
        tell_refused(core, what, loopback, "no ADMIN_TOKEN is set");
        client_reply_error(core, client, 403, "Forbidden",
                           "/admin answers connections from this machine only, unless ADMIN_TOKEN is set", 0);
        return false;
    }
    tell_refused(core, what, loopback, token->size == 0 ? "no token" : "wrong token");
    client_reply_unauthorized(core, client,
                              token->size == 0 ? "expected the header Authorization: Bearer TOKEN"
                                               : "this token does not open this endpoint");
    return false;
}

bool access_allows(struct core *core, struct client *client, enum access what, const struct http_head *head,
                   bool loopback)
{
    struct str admin = str_of(core->settings.admin_token);
    struct str status = str_of(core->settings.status_token);
    if (what == ACCESS_ALL || (what == ACCESS_STATUS && status.size == 0)) {
        return true;
    }
    if (what == ACCESS_ADMIN && admin.size == 0) {
        return loopback || refuse(core, client, what, loopback, NULL);
    }
    struct str token = given_token(head);
    bool opens = secret_equal(admin, token);
    opens = (what == ACCESS_STATUS && secret_equal(status, token)) || opens;
    return opens || refuse(core, client, what, loopback, &token);
}
