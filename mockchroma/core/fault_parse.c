/* One row per key: its type, its place in struct fault_spec, the kinds it belongs to.  A wrong key, a
 * wrong type, a missing unit or a key of another kind is refused with what would have been right. */
#include "mockchroma/core/fault.h"
#include "mockchroma/core/fault_values.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include <jansson.h>
#include <stddef.h>

enum key_type {
    KEY_KIND,
    KEY_TEXT,
    KEY_COUNT,
    KEY_DURATION,
    KEY_SHARE,
    KEY_SIZE,
    KEY_STATUS,
    KEY_CHOICE,
    KEY_SHARE_RAMP,
    KEY_TIME_RAMP,
    KEY_MATCH,
    KEY_IGNORED
};

#define BIT(kind)    (UINT32_C(1) << (kind))
#define ALL          UINT32_MAX
#define PLACE(field) offsetof(struct fault_spec, field)
#define THEN_KINDS   (BIT(FAULT_UNANSWERED) | BIT(FAULT_LATE) | BIT(FAULT_CUT))
#define ENDED        (ALL & ~BIT(FAULT_REFUSE) & ~BIT(FAULT_FLAP))

struct key_row {
    const char *name;
    const char *other;
    enum key_type type;
    size_t place;
    uint32_t kinds;
    const char *choices;
    const char *help;
};

static const struct key_row keys[] = {
    { "do", NULL, KEY_KIND, PLACE(kind), ALL, NULL, "what happens; see the kinds" },
    { "name", NULL, KEY_TEXT, PLACE(name), ALL, NULL, "how journal and report call it" },
    { "match", NULL, KEY_MATCH, PLACE(match), ENDED, NULL, "which requests; all when absent" },
    { "times", NULL, KEY_COUNT, PLACE(times), ENDED, NULL, "acts at most so often" },
    { "every", NULL, KEY_COUNT, PLACE(every), ENDED, NULL, "acts on each n-th matching request" },
    { "after", NULL, KEY_COUNT, PLACE(after), ENDED, NULL, "lets the first so many matching requests pass" },
    { "share", NULL, KEY_SHARE, PLACE(share), ENDED, NULL, "acts on so many of them, drawn from the seed" },
    { "share_of", NULL, KEY_CHOICE, PLACE(share_of), ENDED, "requests|connections",
      "what share is drawn for" },
    { "start_in", NULL, KEY_DURATION, PLACE(start_in_ns), ALL, NULL,
      "begins so much later; `for` counts from then" },
    { "for", NULL, KEY_DURATION, PLACE(for_ns), ALL, NULL, "ends by itself" },
    { "lease", NULL, KEY_DURATION, PLACE(lease_ns), ALL, NULL, "ends unless renewed in time" },
    { "status", NULL, KEY_STATUS, PLACE(status),
      BIT(FAULT_RESPOND) | BIT(FAULT_PARTIAL) | BIT(FAULT_CLIFF) | BIT(FAULT_RECOVER), NULL, "HTTP status" },
    { "body", NULL, KEY_TEXT, PLACE(body),
      BIT(FAULT_RESPOND) | BIT(FAULT_PARTIAL) | BIT(FAULT_CLIFF) | BIT(FAULT_MALFORMED) |
          BIT(FAULT_WRONG_SCHEMA),
      NULL, "body of the answer (default: Chroma's error object)" },
    { "retry_after", NULL, KEY_DURATION, PLACE(retry_after_ns), BIT(FAULT_RESPOND) | BIT(FAULT_CLIFF), NULL,
      "a retry-after header, in whole seconds" },
    { "apply_first", NULL, KEY_SHARE, PLACE(apply_first), BIT(FAULT_RESPOND), NULL,
      "so many of the answered are applied first" },
    { "by", "delay", KEY_DURATION, PLACE(by_ns), BIT(FAULT_DELAY) | BIT(FAULT_LATE), NULL, "how much later" },
    { "spread", NULL, KEY_DURATION, PLACE(spread_ns), BIT(FAULT_DELAY) | BIT(FAULT_LATE), NULL,
      "mean of an exponential time on top" },
    { "before", NULL, KEY_CHOICE, PLACE(before), BIT(FAULT_DELAY), "apply|answer", "what is delayed" },
    { "then", NULL, KEY_CHOICE, PLACE(then), THEN_KINDS, "hang|close|reset",
      "what becomes of the connection" },
    { "when", NULL, KEY_CHOICE, PLACE(when), BIT(FAULT_RESET), "before|during|after",
      "seen from the answer" },
    { "bytes", NULL, KEY_SIZE, PLACE(bytes), BIT(FAULT_RESET) | BIT(FAULT_CUT), NULL,
      "of the whole answer, head included" },
    { "rate", NULL, KEY_SIZE, PLACE(rate), BIT(FAULT_SLOW), NULL, "bytes a second; 1B is a dribble" },
    { "records", NULL, KEY_COUNT, PLACE(records), BIT(FAULT_PARTIAL), NULL, "how many are applied" },
    { "limit", NULL, KEY_COUNT, PLACE(limit), BIT(FAULT_CLIFF), NULL, "requests in a second that go well" },
    { "collapse", NULL, KEY_DURATION, PLACE(collapse_ns), BIT(FAULT_CLIFF), NULL, "how long it then fails" },
    { "up", NULL, KEY_DURATION, PLACE(up_ns), BIT(FAULT_FLAP), NULL, "time it accepts" },
    { "down", NULL, KEY_DURATION, PLACE(down_ns), BIT(FAULT_FLAP), NULL, "time it refuses; it begins down" },
    { "capacity", NULL, KEY_SHARE_RAMP, PLACE(capacity), BIT(FAULT_RECOVER), NULL,
      "{from, to, over}: service takes 1/capacity of its time" },
    { "errors", NULL, KEY_SHARE_RAMP, PLACE(errors), BIT(FAULT_RECOVER), NULL,
      "{from, to, over}: share of writes answered with status (503)" },
    { "latency", NULL, KEY_TIME_RAMP, PLACE(latency), BIT(FAULT_RECOVER), NULL,
      "{from, to, over}: time added to every request but version and heartbeat" },
};
enum { KEY_ROWS = sizeof(keys) / sizeof(keys[0]) };

static const struct {
    const char *name;
    const char *other;
    const char *help;
    const char *example;
} kinds[] = {
#define X(kind, name, other, help, example) { name, other, help, example },
    FAULT_KIND_TABLE(X)
#undef X
};

static const char *const match_keys[] = {
    "op", "collection", "id", "method", "path", "header", "connection"
};
static const char *const match_help[] = {
    "an operation, a list of them, or `write`, `read`, `record`, `any`",
    "a collection's name",
    "a record id in the request",
    "an HTTP method",
    "a path; `*` stands for anything",
    "`{\"name\": \"value\"}`, or a name that must be there",
    "the number of a connection, as the journal tells it",
};
const char *fault_kind_name(enum fault_kind kind)
{
    return kinds[kind].name;
}

bool fault_kind_refuses(enum fault_kind kind)
{
    return kind == FAULT_REFUSE || kind == FAULT_FLAP;
}

/* ---- match ---- */

static int add_op(struct str name, uint64_t *ops, struct errmsg *msg)
{
    static const char *names[CHROMA_OP_COUNT + 4] = { "write", "read", "record", "any" };
    enum chroma_op one;
    if (chroma_op_parse(name, &one)) {
        *ops |= UINT64_C(1) << one;
        return 0;
    }
    bool any = str_equal(name, STR("any"));
    bool write = str_equal(name, STR("write"));
    bool read = str_equal(name, STR("read"));
    bool record = str_equal(name, STR("record"));
    if (any || write || read || record) {
        for (int op = 0; op < CHROMA_OP_COUNT; op++) {
            enum chroma_op o = (enum chroma_op)op;
            if (any || (record ? chroma_op_is_record(o) : chroma_op_is_write(o) == write)) {
                *ops |= UINT64_C(1) << op;
            }
        }
        return 0;
    }
    const char *list[CHROMA_OP_COUNT + 4];
    memcpy(list, names, sizeof(list));
    for (int op = 0; op < CHROMA_OP_COUNT; op++) {
        list[4 + op] = chroma_op_name((enum chroma_op)op);
    }
    const char *near = suggest_name(name, list, CHROMA_OP_COUNT + 4);
    return error_set(msg, ERR_INVALID, "\"op\": there is no operation \"%.*s\"%s%s%s", STR_ARGS(name),
                     near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                     near == NULL ? "" : "\"?");
}

static int read_ops(json_t *v, uint64_t *ops, struct errmsg *msg)
{
    size_t i;
    json_t *item;
    if (json_is_string(v)) {
        return add_op(str_of(json_string_value(v)), ops, msg);
    }
    if (!json_is_array(v) || json_array_size(v) == 0) {
        return fault_wrong(msg, "op", "an operation or a list of them");
    }
    json_array_foreach(v, i, item)
    {
        if (!json_is_string(item)) {
            return fault_wrong(msg, "op", "an operation or a list of them");
        }
        int rc = add_op(str_of(json_string_value(item)), ops, msg);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int read_header(json_t *v, struct fault_match *m, struct errmsg *msg)
{
    if (json_is_object(v) && json_object_size(v) == 1) {
        void *iter = json_object_iter(v);
        mem_free(m->header);
        m->header = mem_strdup(json_object_iter_key(iter));
        return fault_read_text("header", json_object_iter_value(iter), &m->header_value, msg);
    }
    if (json_is_string(v)) {
        return fault_read_text("header", v, &m->header, msg);
    }
    return fault_wrong(msg, "header", "a name, or an object with one name and value");
}

static int read_match(json_t *v, struct fault_match *m, struct errmsg *msg)
{
    const char *key;
    json_t *item;
    int rc = 0;
    if (!json_is_object(v)) {
        return fault_wrong(msg, "match", "an object");
    }
    json_object_foreach(v, key, item)
    {
        if (strcmp(key, "op") == 0) {
            rc = read_ops(item, &m->ops, msg);
        } else if (strcmp(key, "collection") == 0) {
            rc = fault_read_text(key, item, &m->collection, msg);
        } else if (strcmp(key, "id") == 0) {
            rc = fault_read_text(key, item, &m->id, msg);
        } else if (strcmp(key, "method") == 0) {
            rc = fault_read_text(key, item, &m->method, msg);
        } else if (strcmp(key, "path") == 0) {
            rc = fault_read_text(key, item, &m->path, msg);
        } else if (strcmp(key, "header") == 0) {
            rc = read_header(item, m, msg);
        } else if (strcmp(key, "connection") == 0) {
            rc = fault_read_count(key, item, 1, UINT64_MAX, &m->connection, msg);
        } else {
            rc = fault_unknown_key("match", key, match_keys, sizeof(match_keys) / sizeof(match_keys[0]), msg);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- documents ---- */

static int read_kind(json_t *root, struct fault_spec *out, struct errmsg *msg)
{
    const char *names[FAULT_KIND_COUNT * 2];
    size_t count = 0;
    json_t *v = json_object_get(root, "do");
    if (!json_is_string(v)) {
        return error_set(msg, ERR_INVALID,
                         "a fault needs \"do\": what happens, as \"refuse\" or \"respond\"");
    }
    for (int i = 0; i < FAULT_KIND_COUNT; i++) {
        const char *text = json_string_value(v);
        if (strcmp(text, kinds[i].name) == 0 ||
            (kinds[i].other != NULL && strcmp(text, kinds[i].other) == 0)) {
            out->kind = (enum fault_kind)i;
            return 0;
        }
        names[count++] = kinds[i].name;
        if (kinds[i].other != NULL) {
            names[count++] = kinds[i].other;
        }
    }
    const char *near = suggest_name(str_of(json_string_value(v)), names, count);
    return error_set(msg, ERR_INVALID, "there is no fault \"%s\"%s%s%s", json_string_value(v),
                     near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
                     near == NULL ? "" : "\"?");
}

static const struct key_row *find_key(const char *name)
{
    for (size_t i = 0; i < KEY_ROWS; i++) {
        if (strcmp(keys[i].name, name) == 0 || (keys[i].other != NULL && strcmp(keys[i].other, name) == 0)) {
            return &keys[i];
        }
    }
    return NULL;
}

static int read_value(const struct key_row *row, json_t *v, struct fault_spec *out, struct errmsg *msg)
{
    void *place = (char *)out + row->place;
    switch (row->type) {
        case KEY_KIND:
        case KEY_IGNORED:
            return 0;
        case KEY_TEXT:
            return fault_read_text(row->name, v, place, msg);
        case KEY_COUNT:
            return fault_read_count(row->name, v, strcmp(row->name, "every") == 0 ? 1 : 0, UINT32_MAX, place,
                                    msg);
        case KEY_DURATION:
            return fault_read_duration(row->name, v, place, msg);
        case KEY_SHARE:
            return fault_read_share(row->name, v, place, msg);
        case KEY_SIZE:
            return fault_read_size(row->name, v, place, msg);
        case KEY_STATUS:
            return fault_read_count(row->name, v, 200, 599, place, msg);
        case KEY_CHOICE:
            return fault_read_choice(row->name, row->choices, v, place, msg);
        case KEY_SHARE_RAMP:
            return fault_read_ramp(row->name, v, false, place, msg);
        case KEY_TIME_RAMP:
            return fault_read_ramp(row->name, v, true, place, msg);
        case KEY_MATCH:
            break;
    }
    return read_match(v, &out->match, msg);
}

static int read_key(const char *name, json_t *v, struct fault_spec *out, struct errmsg *msg)
{
    const struct key_row *row = find_key(name);
    const char *names[KEY_ROWS];
    size_t count = 0;
    if (row != NULL && (row->kinds & BIT(out->kind)) != 0) {
        return read_value(row, v, out, msg);
    }
    if (row != NULL) {
        return error_set(msg, ERR_INVALID, "\"%s\" has no meaning for \"%s\"", name, kinds[out->kind].name);
    }
    for (size_t i = 0; i < KEY_ROWS; i++) {
        if ((keys[i].kinds & BIT(out->kind)) != 0) {
            names[count++] = keys[i].name;
        }
    }
    return fault_unknown_key("a fault", name, names, count, msg);
}

/* What a kind cannot do without. */
static int check_complete(json_t *root, const struct fault_spec *s, struct errmsg *msg)
{
    static const struct {
        enum fault_kind kind;
        const char *key;
        const char *other;
    } needs[] = {
        { FAULT_FLAP, "up", NULL },         { FAULT_FLAP, "down", NULL },
        { FAULT_DELAY, "by", "delay" },     { FAULT_LATE, "by", "delay" },
        { FAULT_PARTIAL, "records", NULL }, { FAULT_CUT, "bytes", NULL },
        { FAULT_SLOW, "rate", NULL },       { FAULT_CLIFF, "limit", NULL },
        { FAULT_CLIFF, "collapse", NULL },  { FAULT_RESPOND, "status", "body" },
    };
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        if (needs[i].kind == s->kind && json_object_get(root, needs[i].key) == NULL &&
            (needs[i].other == NULL || json_object_get(root, needs[i].other) == NULL)) {
            return error_set(msg, ERR_INVALID, "\"%s\" needs \"%s\"", kinds[s->kind].name, needs[i].key);
        }
    }
    if (s->kind == FAULT_RECOVER && !s->capacity.given && !s->errors.given && !s->latency.given) {
        return error_set(msg, ERR_INVALID, "\"recover\" needs \"capacity\", \"errors\" or \"latency\"");
    }
    if ((s->capacity.given && s->capacity.from == 0) || (s->kind == FAULT_SLOW && s->rate == 0) ||
        (s->kind == FAULT_FLAP && (s->up_ns < NS_PER_MS || s->down_ns < NS_PER_MS))) {
        return error_set(msg, ERR_INVALID, "\"%s\": %s", kinds[s->kind].name,
                         s->kind == FAULT_FLAP ? "\"up\" and \"down\" take at least 1ms"
                         : s->kind == FAULT_SLOW
                             ? "\"rate\" must be above zero"
                             : "\"capacity\" must begin above zero; use \"refuse\" before it");
    }
    return 0;
}

static void set_defaults(struct fault_spec *s)
{
    s->every = 1;
    s->share = SHARE_ONE;
    s->status = s->kind == FAULT_PARTIAL ? 500 : 503;
    s->capacity.to = SHARE_ONE;
}

int fault_parse(struct str json, struct fault_spec *out, struct errmsg *msg)
{
    json_error_t error;
    const char *key;
    json_t *item;
    memset(out, 0, sizeof(*out));
    /* jansson passes over it between two tokens, and nobody else would. */
    const char *nul = json.size == 0 ? NULL : memchr(json.data, '\0', json.size);
    if (nul != NULL) {
        return error_set(msg, ERR_SYNTAX, "a NUL byte after %zu bytes; a fault is JSON text",
                         (size_t)(nul - json.data));
    }
    json_t *root = json_loadb(json.data == NULL ? "" : json.data, json.size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return error_set(msg, ERR_SYNTAX, "line %d column %d: %s", error.line, error.column, error.text);
    }
    int rc = json_is_object(root) ? 0 : error_set(msg, ERR_SYNTAX, "a fault is a JSON object");
    if (rc == 0) {
        rc = read_kind(root, out, msg);
    }
    if (rc == 0) {
        set_defaults(out);
        json_object_foreach(root, key, item)
        {
            rc = rc == 0 ? read_key(key, item, out, msg) : rc;
        }
    }
    if (rc == 0) {
        rc = check_complete(root, out, msg);
    }
    json_decref(root);
    if (rc == 0 && out->name == NULL) {
        out->name = mem_strdup(kinds[out->kind].name);
    }
    if (rc != 0) {
        fault_spec_deinit(out);
    }
    return rc;
}

void fault_spec_deinit(struct fault_spec *s)
{
    mem_free(s->name);
    mem_free(s->body);
    mem_free(s->match.collection);
    mem_free(s->match.id);
    mem_free(s->match.method);
    mem_free(s->match.path);
    mem_free(s->match.header);
    mem_free(s->match.header_value);
    memset(s, 0, sizeof(*s));
}

static const char *type_name(const struct key_row *row)
{
    switch (row->type) {
        case KEY_KIND:
            return "a kind";
        case KEY_TEXT:
            return "text";
        case KEY_COUNT:
            return "a number";
        case KEY_DURATION:
            return "a duration";
        case KEY_SHARE:
            return "a share";
        case KEY_SIZE:
            return "a size";
        case KEY_STATUS:
            return "200 to 599";
        case KEY_CHOICE:
            return row->choices;
        case KEY_SHARE_RAMP:
        case KEY_TIME_RAMP:
        case KEY_MATCH:
        case KEY_IGNORED:
            break;
    }
    return "an object";
}

static void manual_keys(struct buf *out)
{
    buf_append_text(out, "\n| key | value | kinds | meaning |\n|---|---|---|---|\n");
    for (size_t i = 0; i < KEY_ROWS; i++) {
        bool all = (keys[i].kinds & ENDED) == ENDED;
        buf_printf(out, "| `%s` | ", keys[i].name);
        for (const char *c = type_name(&keys[i]); *c != '\0'; c++) {
            buf_append_text(out, *c == '|' ? ", " : (char[]){ *c, '\0' });
        }
        buf_append_text(out, all ? " | all" : " |");
        for (int k = 0; !all && k < FAULT_KIND_COUNT; k++) {
            if ((keys[i].kinds & BIT(k)) != 0) {
                buf_printf(out, " %s", kinds[k].name);
            }
        }
        buf_printf(out, " | %s |\n", keys[i].help);
    }
    buf_append_text(out, "\n| key of `match` | meaning |\n|---|---|\n");
    for (size_t i = 0; i < sizeof(match_keys) / sizeof(match_keys[0]); i++) {
        buf_printf(out, "| `%s` | %s |\n", match_keys[i], match_help[i]);
    }
}

void fault_manual(struct buf *out)
{
    buf_append_text(out, "| kind | also | what happens | example |\n|---|---|---|---|\n");
    for (int i = 0; i < FAULT_KIND_COUNT; i++) {
        buf_printf(out, "| `%s` | %s | %s | `%s` |\n", kinds[i].name,
                   kinds[i].other == NULL ? "" : kinds[i].other, kinds[i].help, kinds[i].example);
    }
    manual_keys(out);
}
