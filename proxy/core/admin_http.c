/* Requests to /admin become commands.  A command's ticket is the client's id with the highest bit set, which
 * no other asker uses, so that its answer finds the client again; one that has left is answered by nobody. */
#include "proxy/core/admin_http.h"

#include "base/suggest.h"
#include "base/units.h"
#include "proxy/core/admin.h"
#include "proxy/core/clients.h"
#include "proxy/core/trail.h"
#include <stdio.h>

#define CLIENT_TICKET (UINT64_C(1) << 63)
#define RATE_LEAST    0.01
#define RATE_MOST     1e6

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
    const char *needs; /* a parameter that has to be there */
} routes[] = {
    { "GET", "/admin/pending", CORE_COMMAND_PENDING,
      "writes that are not over, oldest first; `?from=LSN&limit=N` pages", NULL },
    { "GET", "/admin/dead-letters", CORE_COMMAND_LETTERS,
      "accepted writes that an instance refuses for good, with its words; `?from=LSN&limit=N` pages", NULL },
    { "GET", "/admin/dead-letters/LSN", CORE_COMMAND_LETTER, "one of them, with the body that was sent",
      NULL },
    { "POST", "/admin/dead-letters/LSN/retry", CORE_COMMAND_REDRIVE,
      "sends it again as a new write; refused when younger writes touched its records, but for "
      "`?force=yes`",
      NULL },
    { "PUT", "/admin/dead-letters/LSN", CORE_COMMAND_EDIT,
      "gives it another body (the request's, a JSON object)", NULL },
    { "DELETE", "/admin/dead-letters/LSN", CORE_COMMAND_DROP, "gives it up", NULL },
    { "POST", "/admin/replay/pause", CORE_COMMAND_PAUSE, "replays nothing any more; live writes go on",
      NULL },
    { "POST", "/admin/replay/resume", CORE_COMMAND_RESUME, "replays again", NULL },
    { "POST", "/admin/replay/step", CORE_COMMAND_STEP, "while paused: replays one write", NULL },
    { "POST", "/admin/replay/throttle", CORE_COMMAND_THROTTLE,
      "`?rate=N`: replays at most N writes a second into an instance; 0 = what `REPLAY_RATE` says", "rate" },
    { "GET", "/admin/plan", CORE_COMMAND_PLAN,
      "what replay would do next: per instance and collection how many writes, the next one, how many would "
      "travel "
      "with it, what holds it up; `?limit=N` collections",
      NULL },
    { "POST", "/admin/instances/INSTANCE/promote", CORE_COMMAND_PROMOTE,
      "gives that instance the primary's role (failover, and the way back) as soon as it lacks nothing; "
      "`?force=yes` at once, and the answer lists what it lacks; of the one that has it: calls a waiting "
      "promotion off",
      NULL },
    { "POST", "/admin/instances/INSTANCE/resync", CORE_COMMAND_RESYNC,
      "compares everything on that instance with the other one and makes it equal; what only it has, and is "
      "not "
      "known to have been deleted, stays",
      NULL },
    { "POST", "/admin/instances/INSTANCE/force", CORE_COMMAND_FORCE,
      "`?state=up|down|auto`: it counts as that, whatever the probes say, until `auto`; shown as "
      "`instances[].forced`",
      "state" },
    { "POST", "/admin/compare", CORE_COMMAND_COMPARE, "compares all collections of both; repairs nothing",
      NULL },
    { "GET", "/admin/compare", CORE_COMMAND_COMPARED, "what the comparison has found", NULL },
    { "GET", "/admin/ids", CORE_COMMAND_IDS,
      "collections with the id that clients know and each instance's own; `?from=LSN&limit=N` pages", NULL },
    { "POST", "/admin/log-level", CORE_COMMAND_LOG_LEVEL,
      "`?level=debug|info|warn|error`, until the next restart", "level" },
    { "POST", "/admin/reload", CORE_COMMAND_RELOAD,
      "as SIGHUP: reads the settings again and takes over those that need no restart (docs/settings.md)",
      NULL },
    { "POST", "/admin/drain", CORE_COMMAND_DRAIN,
      "as SIGTERM: takes nothing new, answers what is in flight, ends", NULL },
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

/* ---- its parameters ---- */

static bool take_from(struct str text, struct core_event *event)
{
    return units_parse_u64(text, &event->u.command.lsn, NULL) == 0;
}

static bool take_limit(struct str text, struct core_event *event)
{
    return units_parse_u64(text, &event->u.command.limit, NULL) == 0;
}

static bool take_force(struct str text, struct core_event *event)
{
    event->u.command.force = str_equal(text, STR("yes"));
    return event->u.command.force || str_equal(text, STR("no"));
}

static bool take_rate(struct str text, struct core_event *event)
{
    double *rate = &event->u.command.rate;
    return units_parse_double(text, rate, NULL) == 0 &&
           (*rate == 0 || (*rate >= RATE_LEAST && *rate <= RATE_MOST));
}

static bool take_state(struct str text, struct core_event *event)
{
    static const char *const states[] = {
        [FORCED_AUTO] = "auto", [FORCED_UP] = "up", [FORCED_DOWN] = "down"
    };
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (str_equal(text, str_of(states[i]))) {
            event->u.command.forced = (enum forced)i;
            return true;
        }
    }
    return false;
}

static bool take_level(struct str text, struct core_event *event)
{
    return log_level_parse(text, &event->u.command.level);
}

static const struct param {
    const char *name;
    bool (*take)(struct str text, struct core_event *event);
    const char *expected;
} params[] = {
    { "from", take_from, "from and limit are whole numbers" },
    { "limit", take_limit, "from and limit are whole numbers" },
    { "force", take_force, "force is yes or no" },
    { "rate", take_rate, "rate is writes a second, from 0.01 to 1000000, or 0" },
    { "state", take_state, "state is up, down or auto" },
    { "level", take_level, "level is debug, info, warn or error" },
};

enum { PARAM_COUNT = sizeof(params) / sizeof(params[0]) };

static const struct param *find_param(struct str name)
{
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        if (str_equal(name, str_of(params[i].name))) {
            return &params[i];
        }
    }
    return NULL;
}

static void say_unknown(struct str name, char *why, size_t size)
{
    const char *names[PARAM_COUNT];
    for (size_t i = 0; i < PARAM_COUNT; i++) {
        names[i] = params[i].name;
    }
    const char *near = suggest_name(name, names, PARAM_COUNT);
    (void)snprintf(why, size, "no such parameter%s%s", near == NULL ? "" : ": did you mean ",
                   near == NULL ? "" : near);
}

/* False, and why, when the query is not understood or lacks what the route needs: nothing is done then. */
static bool take_query(const struct admin_route *route, struct str query, struct core_event *event, char *why,
                       size_t size)
{
    if (route->needs != NULL && http_query_find(query, route->needs).data == NULL) {
        (void)snprintf(why, size, "?%s= is missing: %s", route->needs,
                       find_param(str_of(route->needs))->expected);
        return false;
    }
    while (query.size > 0) {
        struct str value;
        struct str name = str_cut(str_cut(query, '&', &query), '=', &value);
        const struct param *param = find_param(name);
        if (param == NULL) {
            say_unknown(name, why, size);
            return false;
        }
        if (!param->take(value, event)) {
            (void)snprintf(why, size, "%s", param->expected);
            return false;
        }
    }
    return true;
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
        char why[160];
        if (!take_query(&routes[i], path.query, &event, why, sizeof(why))) {
            client_reply_error(core, client, 400, "InvalidQuery", why, 0);
            return;
        }
        client->stage = STAGE_ADMIN;
        event.u.command.command = routes[i].command;
        event.u.command.ticket = client->id | CLIENT_TICKET;
        event.u.command.body = client->body;
        if (!str_equal(client->method, STR("GET"))) {
            trail_begin(core, client, event.u.command.ticket);
        }
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
    trail_end(core, ticket, status, body);
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
