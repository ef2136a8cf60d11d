/* The proxy's own housekeeping, answered as an instance would that holds the
 * collections of driver_make and no records: marks are kept, listings and objects shown, counts are zero. */
#include "tests/unit/core/driver.h"

#include "base/memory.h"
#include <stdio.h>

static bool holds(const struct driver_call *call, const char *text)
{
    return strstr(call->request, text) != NULL;
}

bool driver_is_mark(const struct driver_call *call)
{
    return holds(call, "/api/v2/tenants/walproxy/") ||
           (holds(call, "POST /api/v2/tenants\n") && call->body != NULL &&
            strstr(call->body, "\"walproxy\"") != NULL);
}

bool driver_is_resync(const struct driver_call *call)
{
    return holds(call, "x-request-id: resync\r\n");
}

void driver_unmark(struct driver *d, unsigned instance)
{
    mem_free(d->mark[instance]);
    d->mark[instance] = NULL;
}

static int mark(struct driver *d, const struct driver_call *call, char *out, size_t size)
{
    if (d->marks_fail && strncmp(call->request, "GET", 3) != 0) {
        (void)snprintf(out, size, "%s", NOT_NOW);
        return 503;
    }
    bool collection =
        strncmp(call->request, "GET", 3) != 0 && call->body != NULL && strstr(call->body, "\"lsn\"") != NULL;
    if (collection) {
        driver_unmark(d, call->instance);
        d->mark[call->instance] = mem_strdup(strstr(call->body, "{\"log\""));
        d->mark[call->instance][strcspn(d->mark[call->instance], "}") + 1] = '\0';
    }
    bool shown =
        strncmp(call->request, "PUT", 3) != 0 && (collection || strncmp(call->request, "GET", 3) == 0);
    if (!shown) {
        (void)snprintf(out, size, "{}");
        return 200;
    }
    if (d->mark[call->instance] == NULL) {
        (void)snprintf(out, size, "%s", NOT_FOUND);
        return 404;
    }
    (void)snprintf(out, size, "{\"id\":\"%s\",\"name\":\"mark\",\"metadata\":%s}",
                   driver_id(call->instance, 99), d->mark[call->instance]);
    return 200;
}

static int resync(struct driver *d, const struct driver_call *call, char *out, size_t size)
{
    if (holds(call, "/databases\n")) {
        (void)snprintf(out, size, "[{\"name\":\"default_database\",\"tenant\":\"default_tenant\"}]");
    } else if (holds(call, "/count\n")) {
        (void)snprintf(out, size, "0");
    } else if (holds(call, "/get\n")) {
        (void)snprintf(out, size, "{\"ids\":[]}");
    } else if (holds(call, "GET " C_PATH "\n")) {
        size_t used = (size_t)snprintf(out, size, "[");
        for (unsigned i = 0; i < d->made_count; i++) {
            used +=
                (size_t)snprintf(out + used, size - used, "%s%s", i == 0 ? "" : ",",
                                 driver_object(driver_id(call->instance, d->made[i].nth), d->made[i].name));
        }
        (void)snprintf(out + used, size - used, "]");
    } else if (holds(call, "GET " C_PATH "/")) {
        const char *name = strstr(call->request, C_PATH "/") + sizeof(C_PATH);
        for (unsigned i = 0; i < d->made_count; i++) {
            if (strncmp(name, d->made[i].name, strcspn(name, "\n")) == 0) {
                (void)snprintf(out, size, "%s",
                               driver_object(driver_id(call->instance, d->made[i].nth), d->made[i].name));
                return 200;
            }
        }
        (void)snprintf(out, size, "%s", NOT_FOUND);
        return 404;
    } else {
        (void)snprintf(out, size, "{}");
    }
    return 200;
}

int driver_house(struct driver *d, const struct driver_call *call, char *out, size_t size)
{
    return driver_is_mark(call) ? mark(d, call, out, size) : resync(d, call, out, size);
}
