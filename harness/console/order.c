/* See order.h. */
#include "harness/console/order.h"

#include "base/check.h"
#include "base/json_writer.h"
#include "base/suggest.h"
#include "base/units.h"
#include "mockchroma/core/fault.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define ORDER_DOCUMENT ((size_t)2 << 20)
#define ORDER_KEYS     4
#define ORDER_NAMES    32

const struct order_preset order_presets[] = {
    { "outage", "connections are refused: it is down", "{\"do\":\"refuse\"}" },
    { "blackhole", "takes every request and never answers", "{\"do\":\"blackhole\"}" },
    { "503s", "six in ten answers are 503", "{\"do\":\"respond\",\"status\":503,\"share\":\"60%\"}" },
    { "replay-failures", "every write is answered 503: replay fails while health checks pass",
      "{\"do\":\"respond\",\"status\":503,\"match\":{\"op\":\"write\"}}" },
    { "dead-letters", "record writes are refused for good (400): what is queued becomes dead letters",
      "{\"do\":\"respond\",\"status\":400,\"match\":{\"op\":\"record\"}}" },
    { "slow-recovery", "back, but warming up for a minute: little capacity, errors, latency",
      "{\"do\":\"recover\",\"capacity\":{\"from\":\"10%\",\"to\":\"100%\",\"over\":\"60s\"},"
      "\"errors\":{\"from\":\"40%\",\"to\":\"0%\",\"over\":\"60s\"},"
      "\"latency\":{\"from\":\"500ms\",\"to\":\"0ms\",\"over\":\"60s\"}}" },
    { "slow", "every answer takes two seconds longer", "{\"do\":\"delay\",\"by\":\"2s\"}" },
    { "flapping", "down for ten seconds, up for ten, and so on",
      "{\"do\":\"flap\",\"up\":\"10s\",\"down\":\"10s\"}" },
    { "lost-answers", "adds are carried out, their answers lost",
      "{\"do\":\"unanswered\",\"match\":{\"op\":\"add\"},\"then\":\"reset\"}" },
    { "overload", "falls over for five seconds above fifty writes a second",
      "{\"do\":\"cliff\",\"limit\":50,\"collapse\":\"5s\",\"match\":{\"op\":\"write\"}}" },
    { NULL, NULL, NULL },
};

/* --- reading -------------------------------------------------------------------------------------------- */

struct reading {
    json_t *root;
    uint64_t lease_ns;
    struct order *order;
    struct errmsg *msg;
};

/* A member that must be one of some words; its index, or -1. */
static int one_of(const struct reading *r, const char *key, const char *const *names)
{
    const char *text = json_string_value(json_object_get(r->root, key));
    size_t count = 0;
    for (; names[count] != NULL; count++) {
        if (text != NULL && strcmp(text, names[count]) == 0) {
            return (int)count;
        }
    }
    if (text == NULL) {
        (void)error_set(r->msg, ERR_INVALID, "%s is missing, or no text", key);
        return -1;
    }
    const char *near = suggest_name(str_of(text), names, count);
    (void)error_set(r->msg, ERR_INVALID, "%s is \"%.60s\"%s%s", key, text,
                    near == NULL ? ", which is not known" : "; did you mean ", near == NULL ? "" : near);
    return -1;
}

/* A whole number of the range; false after words. */
static bool number_of(const struct reading *r, const char *key, uint64_t least, uint64_t most,
                      uint64_t *value)
{
    const json_t *given = json_object_get(r->root, key);
    json_int_t number = json_integer_value(given);
    if (!json_is_integer(given) || number < (json_int_t)least || (uint64_t)number > most) {
        (void)error_set(r->msg, ERR_INVALID, "%s is a whole number from %llu to %llu", key,
                        (unsigned long long)least, (unsigned long long)most);
        return false;
    }
    *value = (uint64_t)number;
    return true;
}

/* "?force=yes" where {"force": true} stands. */
static const char *forced(const struct reading *r)
{
    return json_is_true(json_object_get(r->root, "force")) ? "?force=yes" : "";
}

static const char *const instance_names[] = { "primary", "replica", NULL };

/* The control port that an order is for. */
static bool mock_of(const struct reading *r)
{
    int instance = one_of(r, "instance", instance_names);
    r->order->to = instance == 1 ? ORDER_REPLICA : ORDER_PRIMARY;
    return instance >= 0;
}

__attribute__((format(printf, 3, 4))) static bool ask(const struct reading *r, const char *method,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): begun above */
    int size = vsnprintf(r->order->path, sizeof(r->order->path), format, args);
    va_end(args);
    CHECK(size > 0 && size < ORDER_PATH);
    r->order->method = method;
    return true;
}

static bool put_json(const struct reading *r, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    if (text != NULL) {
        buf_append_text(&r->order->body, text);
    }
    free(text); /* jansson's */
    if (text == NULL || r->order->body.failed) {
        (void)error_set(r->msg, ERR_LIMIT, "the document is too large");
        return false;
    }
    return true;
}

/* --- the actions ---------------------------------------------------------------------------------------- */

static const struct order_preset *preset_of(const struct reading *r)
{
    const char *names[ORDER_NAMES];
    size_t count = 0;
    for (; order_presets[count].name != NULL; count++) {
        names[count] = order_presets[count].name;
    }
    names[count] = NULL;
    int which = one_of(r, "preset", names);
    return which < 0 ? NULL : &order_presets[which];
}

/* A new reference; NULL after words. */
static json_t *fault_of(const struct reading *r)
{
    json_t *given = json_object_get(r->root, "fault");
    if (given == NULL) {
        const struct order_preset *preset = preset_of(r);
        json_t *fault = preset == NULL ? NULL : json_loads(preset->document, 0, NULL);
        if (fault != NULL) {
            (void)json_object_set_new(fault, "name", json_string(preset->name));
        }
        return fault;
    }
    if (!json_is_object(given)) {
        (void)error_set(r->msg, ERR_INVALID, "fault is an object, {\"do\": ...}");
        return NULL;
    }
    return json_incref(given);
}

static bool read_fault(const struct reading *r)
{
    char lease[32];
    json_t *fault = fault_of(r);
    if (fault == NULL) {
        return false;
    }
    units_format_duration(r->lease_ns, lease, sizeof(lease));
    (void)json_object_set_new(fault, "lease", json_string(lease));
    r->order->is_fault = true;
    bool good = mock_of(r) && put_json(r, fault) && ask(r, "POST", "/faults");
    json_decref(fault);
    return good;
}

static bool read_clear(const struct reading *r)
{
    uint64_t id;
    if (!mock_of(r)) {
        return false;
    }
    if (json_object_get(r->root, "id") == NULL) {
        return ask(r, "DELETE", "/faults");
    }
    return number_of(r, "id", 1, INT64_MAX, &id) && ask(r, "DELETE", "/faults/%llu", (unsigned long long)id);
}

static bool read_kill(const struct reading *r)
{
    return mock_of(r) && ask(r, "POST", "/kill");
}

static bool read_revive(const struct reading *r)
{
    static const char *const kept[] = { "keep", "empty", NULL };
    bool told = json_object_get(r->root, "data") != NULL;
    int data = told ? one_of(r, "data", kept) : 0;
    if (data < 0 || !mock_of(r)) {
        return false;
    }
    buf_printf(&r->order->body, "{\"data\":\"%s\"}", kept[data]);
    return ask(r, "POST", "/restart");
}

static bool read_pause(const struct reading *r)
{
    return ask(r, "POST", "/admin/replay/pause");
}

static bool read_resume(const struct reading *r)
{
    return ask(r, "POST", "/admin/replay/resume");
}

static bool read_step(const struct reading *r)
{
    return ask(r, "POST", "/admin/replay/step");
}

static bool read_throttle(const struct reading *r)
{
    uint64_t rate;
    return number_of(r, "rate", 0, 1000000, &rate) &&
           ask(r, "POST", "/admin/replay/throttle?rate=%llu", (unsigned long long)rate);
}

static bool read_promote(const struct reading *r)
{
    int instance = one_of(r, "instance", instance_names);
    return instance >= 0 &&
           ask(r, "POST", "/admin/instances/%s/promote%s", instance_names[instance], forced(r));
}

static bool read_force(const struct reading *r)
{
    static const char *const states[] = { "up", "down", "auto", NULL };
    int instance = one_of(r, "instance", instance_names);
    int state = instance < 0 ? -1 : one_of(r, "state", states);
    return state >= 0 &&
           ask(r, "POST", "/admin/instances/%s/force?state=%s", instance_names[instance], states[state]);
}

static bool read_resync(const struct reading *r)
{
    int instance = one_of(r, "instance", instance_names);
    return instance >= 0 && ask(r, "POST", "/admin/instances/%s/resync", instance_names[instance]);
}

static bool read_retry(const struct reading *r)
{
    uint64_t lsn;
    return number_of(r, "lsn", 1, INT64_MAX, &lsn) &&
           ask(r, "POST", "/admin/dead-letters/%llu/retry%s", (unsigned long long)lsn, forced(r));
}

static bool read_drop(const struct reading *r)
{
    uint64_t lsn;
    return number_of(r, "lsn", 1, INT64_MAX, &lsn) &&
           ask(r, "DELETE", "/admin/dead-letters/%llu", (unsigned long long)lsn);
}

static bool read_edit(const struct reading *r)
{
    uint64_t lsn;
    const json_t *body = json_object_get(r->root, "body");
    if (!json_is_object(body)) {
        (void)error_set(r->msg, ERR_INVALID, "body is the request's new body, a JSON object");
        return false;
    }
    return number_of(r, "lsn", 1, INT64_MAX, &lsn) && put_json(r, body) &&
           ask(r, "PUT", "/admin/dead-letters/%llu", (unsigned long long)lsn);
}

static bool read_balancer(const struct reading *r)
{
    static const char *const states[] = { "restart", "stop", "start", "kill", "freeze", NULL };
    int state = one_of(r, "state", states);
    r->order->to = ORDER_PROCESS;
    r->order->deed = (enum console_deed)(state < 0 ? 0 : state);
    return state >= 0;
}

static bool read_write(const struct reading *r)
{
    r->order->to = ORDER_WRITE;
    return number_of(r, "count", 1, ORDER_WRITES, &r->order->count);
}

static bool read_heal(const struct reading *r)
{
    r->order->to = ORDER_HEAL;
    return true;
}

static const struct action {
    const char *name;
    bool (*read)(const struct reading *r);
    const char *keys[ORDER_KEYS];
    const char *says;
} actions[] = {
    { "fault",
      read_fault,
      { "instance", "preset", "fault" },
      "breaks an instance: a preset by name, or any document of [faults.md](faults.md) as `fault`" },
    { "clear", read_clear, { "instance", "id" }, "ends one fault, or without `id` all of that instance" },
    { "kill", read_kill, { "instance" }, "the mock dies: connections reset, nothing accepted" },
    { "revive",
      read_revive,
      { "instance", "data" },
      "and comes back; `data` is `keep` (unless told otherwise) or `empty`" },
    { "pause", read_pause, { NULL }, "replays nothing any more" },
    { "resume", read_resume, { NULL }, "replays again" },
    { "step", read_step, { NULL }, "while paused: replays one write" },
    { "throttle",
      read_throttle,
      { "rate" },
      "replays at most so many writes a second; 0 = as the settings say" },
    { "promote",
      read_promote,
      { "instance", "force" },
      "gives that instance the primary's role, and back; with `force` at once" },
    { "force", read_force, { "instance", "state" }, "it counts as `up` or `down`, until `auto`" },
    { "resync", read_resync, { "instance" }, "compares it with the other one and makes it equal" },
    { "retry", read_retry, { "lsn", "force" }, "sends a dead letter again" },
    { "drop", read_drop, { "lsn" }, "gives a dead letter up" },
    { "edit", read_edit, { "lsn", "body" }, "gives a dead letter another body" },
    { "balancer",
      read_balancer,
      { "state" },
      "`restart` (SIGTERM, then anew), `stop`, `start` (also what was frozen), `kill` (-9; it is started "
      "again), "
      "`freeze` (SIGSTOP)" },
    { "write", read_write, { "count" }, "writes so many records through the balancer" },
    { "heal",
      read_heal,
      { NULL },
      "the red button: all faults gone, pause, throttle and force lifted, whatever was stopped started" },
};
enum { ACTIONS = sizeof(actions) / sizeof(actions[0]) };

static bool knows(const struct action *action, const char *key)
{
    bool known = strcmp(key, "do") == 0;
    for (size_t i = 0; i < ORDER_KEYS && action->keys[i] != NULL; i++) {
        known = known || strcmp(key, action->keys[i]) == 0;
    }
    return known;
}

static int read_action(const struct reading *r)
{
    const char *names[ACTIONS + 1] = { NULL };
    const char *key;
    json_t *value;
    for (size_t i = 0; i < ACTIONS; i++) {
        names[i] = actions[i].name;
    }
    int which = one_of(r, "do", names);
    if (which < 0) {
        return ERR_INVALID;
    }
    json_object_foreach(r->root, key, value)
    {
        if (!knows(&actions[which], key)) {
            return error_set(r->msg, ERR_INVALID, "\"%s\" has no \"%.40s\"", actions[which].name, key);
        }
    }
    return actions[which].read(r) ? 0 : ERR_INVALID;
}

int order_read(struct str document, uint64_t lease_ns, struct order *out, struct errmsg *msg)
{
    json_error_t error;
    *out = (struct order){ .to = ORDER_BALANCER };
    buf_init(&out->body, ORDER_DOCUMENT);
    json_t *root =
        json_loadb(document.data == NULL ? "" : document.data, document.size, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return error_set(msg, ERR_INVALID, "expected {\"do\": ...}%s%s", root == NULL ? ": " : "",
                         root == NULL ? error.text : "");
    }
    const struct reading reading = { root, lease_ns, out, msg };
    int rv = read_action(&reading);
    json_decref(root);
    return rv;
}

void order_deinit(struct order *order)
{
    buf_deinit(&order->body);
}

/* --- for the page and the manual ------------------------------------------------------------------------ */

static const struct {
    const char *name, *says, *example;
} kinds[] = {
#define X(kind, name, other, help, example) { name, help, example },
    FAULT_KIND_TABLE(X)
#undef X
};

void order_menu(struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out, 0);
    json_object_begin(&w);
    json_key(&w, "presets");
    json_array_begin(&w);
    for (const struct order_preset *p = order_presets; p->name != NULL; p++) {
        json_object_begin(&w);
        json_pair_text(&w, "name", p->name);
        json_pair_text(&w, "says", p->says);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_key(&w, "kinds");
    json_array_begin(&w);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        json_object_begin(&w);
        json_pair_text(&w, "name", kinds[i].name);
        json_pair_text(&w, "says", kinds[i].says);
        json_pair_text(&w, "example", kinds[i].example);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
}

void order_manual(struct buf *out)
{
    buf_append_text(out, "| `do` | with | what it does |\n|---|---|---|\n");
    for (size_t i = 0; i < ACTIONS; i++) {
        buf_printf(out, "| `%s` |", actions[i].name);
        for (size_t k = 0; k < ORDER_KEYS && actions[i].keys[k] != NULL; k++) {
            buf_printf(out, "%s `%s`", k == 0 ? "" : ",", actions[i].keys[k]);
        }
        buf_printf(out, " | %s |\n", actions[i].says);
    }
    buf_append_text(out, "\n| preset | what it does | fault |\n|---|---|---|\n");
    for (const struct order_preset *p = order_presets; p->name != NULL; p++) {
        buf_printf(out, "| `%s` | %s | `%s` |\n", p->name, p->says, p->document);
    }
}
