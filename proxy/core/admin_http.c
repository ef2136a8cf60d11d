/* Requests to /admin become commands.  A command's ticket is the client's id with the highest bit set, which
 * no other asker uses, so that its answer finds the client again; one that has left is answered by nobody. */
#include "proxy/core/admin_http.h"

#include "base/suggest.h"
#include "base/units.h"
#include "proxy/core/admin.h"
#include "proxy/core/clients.h"
#include <stdio.h>

#define CLIENT_TICKET (UINT64_C(1) << 63)

enum { SEGMENTS_MAX = 4 };

struct path {
    struct str segments[SEGMENTS_MAX + 1]; /* one more than any path has */
    size_t count;
    struct str query;
};

static const struct admin_route {
    const char *method;
    const char *path; /* LSN and INSTANCE stand for one segment */
    enum core_command command;
    const char *meaning;
} routes[] = {
    { "GET", "/admin/pending", CORE_COMMAND_PENDING,
      "writes that are not over, oldest first; `?from=LSN&limit=N` pages" },
    { "GET", "/admin/dead-letters", CORE_COMMAND_LETTERS,
      "accepted writes that an instance refuses for good, with its words; `?from=LSN&limit=N` pages" },
    { "POST", "/admin/dead-letters/LSN/retry", CORE_COMMAND_REDRIVE,
      "sends it again as a new write; refused when younger writes touched its records, but for "
      "`?force=yes`" },
    { "PUT", "/admin/dead-letters/LSN", CORE_COMMAND_EDIT,
      "gives it another body (the request's, a JSON object)" },
    { "DELETE", "/admin/dead-letters/LSN", CORE_COMMAND_DROP, "gives it up" },
    { "POST", "/admin/replay/pause", CORE_COMMAND_PAUSE, "replays nothing any more; live writes go on" },
    { "POST", "/admin/replay/resume", CORE_COMMAND_RESUME, "replays again" },
    { "POST", "/admin/replay/step", CORE_COMMAND_STEP, "while paused: replays one write" },
    { "POST", "/admin/instances/INSTANCE/promote", CORE_COMMAND_PROMOTE,
      "gives that instance the primary's role (failover, and the way back) as soon as it lacks nothing; "
      "`?force=yes` at once, and the answer lists what it lacks; of the one that has it: calls a waiting "
      "promotion off" },
    { "POST", "/admin/instances/INSTANCE/resync", CORE_COMMAND_RESYNC,
      "compares everything on that instance with the other one and makes it equal" },
    { "POST", "/admin/compare", CORE_COMMAND_COMPARE, "compares all collections of both; repairs nothing" },
    { "GET", "/admin/compare", CORE_COMMAND_COMPARED, "what the comparison has found" },
};

enum { ROUTE_COUNT = sizeof(routes) / sizeof(routes[0]) };

static struct path split(struct str target)
{
    struct path path = { .count = 0 };
    struct str rest = str_cut(target, '?', &path.query);
    (void)str_cut(rest, '/', &rest); /* what stands before the first slash: nothing */
    while (rest.size > 0 && path.count <= SEGMENTS_MAX) {
        path.segments[path.count++] = str_cut(rest, '/', &rest);
    }
    return path;
}

bool admin_http_is(const struct client *client)
{
    struct path path = split(client->target);
    return path.count > 0 && str_equal(path.segments[0], STR("admin"));
}

/* ---- the request ---- */

/* Reads what stands for LSN or INSTANCE; false when it cannot be that. */
static bool take_name(const struct core *core, struct str wanted, struct str given, struct core_event *event)
{
    if (str_equal(wanted, STR("LSN"))) {
        return units_parse_u64(given, &event->u.command.lsn, NULL) == 0;
    }
    for (unsigned i = 0; str_equal(wanted, STR("INSTANCE")) && i < core->instance_count; i++) {
        if (str_equal(given, str_of(core->instances[i].name))) {
            event->u.command.instance = i;
            return true;
        }
    }
    return false;
}

static bool matches(const struct core *core, const struct admin_route *route, const struct path *path,
                    struct core_event *event)
{
    struct path wanted = split(str_of(route->path));
    if (wanted.count != path->count) {
        return false;
    }
    for (size_t i = 0; i < wanted.count; i++) {
        if (!str_equal(wanted.segments[i], path->segments[i]) &&
            !take_name(core, wanted.segments[i], path->segments[i], event)) {
            return false;
        }
    }
    return true;
}

static void refuse_path(struct core *core, struct client *client)
{
    const char *paths[ROUTE_COUNT];
    char text[256];
    struct str rest;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        paths[i] = routes[i].path;
    }
    const char *near = suggest_name(str_cut(client->target, '?', &rest), paths, ROUTE_COUNT);
    (void)snprintf(text, sizeof(text), "no such path%s%s; docs/admin.md lists them all",
                   near == NULL ? "" : ": did you mean ", near == NULL ? "" : near);
    client_reply_error(core, client, 404, "NotFound", text, 0);
}

/* True when the query is understood. */
static bool take_query(struct str query, struct core_event *event)
{
    struct str from = http_query_find(query, "from");
    struct str limit = http_query_find(query, "limit");
    struct str force = http_query_find(query, "force");
    event->u.command.force = str_equal(force, STR("yes"));
    return (from.data == NULL || units_parse_u64(from, &event->u.command.lsn, NULL) == 0) &&
           (limit.data == NULL || units_parse_u64(limit, &event->u.command.limit, NULL) == 0) &&
           (force.data == NULL || event->u.command.force || str_equal(force, STR("no")));
}

void admin_http(struct core *core, struct client *client)
{
    struct core_event event = { .kind = CORE_EV_COMMAND };
    struct path path = split(client->target);
    const struct admin_route *other = NULL; /* the path is right, the method is not */
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!matches(core, &routes[i], &path, &event)) {
            continue;
        }
        if (!str_equal(client->method, str_of(routes[i].method))) {
            other = &routes[i];
            continue;
        }
        if (!take_query(path.query, &event)) {
            client_reply_error(core, client, 400, "InvalidQuery",
                               "from and limit are whole numbers, force is yes or no", 0);
            return;
        }
        client->stage = STAGE_ADMIN;
        event.u.command.command = routes[i].command;
        event.u.command.ticket = client->id | CLIENT_TICKET;
        event.u.command.body = client->body;
        admin_command(core, &event);
        return;
    }
    if (other != NULL) {
        client_reply_error(core, client, 405, "MethodNotAllowed", other->method, 0);
        return;
    }
    refuse_path(core, client);
}

bool admin_http_done(struct core *core, uint64_t ticket, int status, struct block *body)
{
    if ((ticket & CLIENT_TICKET) == 0) {
        return false;
    }
    struct client *client = client_find(core, ticket & ~CLIENT_TICKET);
    if (client == NULL || client->stage != STAGE_ADMIN) {
        block_unref(body);
        return true;
    }
    client_reply(core, client, status, client_headers(client, "application/json", false, 0), body);
    return true;
}

void admin_http_manual(struct buf *out)
{
    buf_append_text(out, "| request | what it does |\n|---|---|\n");
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        buf_printf(out, "| `%s %s` | %s |\n", routes[i].method, routes[i].path, routes[i].meaning);
    }
}
