/* An engine that lies about answers, and scenarios with one thing missing.
 *
 * The engine's table of functions is replaced by a copy with one other entry, `request`: each answer passes
 * through here on its way to the runner.  Nothing of the stack knows. */
#include "harness/runbook/lying.h"

#include "base/buf.h"
#include "base/memory.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A mark that no run reaches: the fault never begins. */
#define NEVER_NS (INT64_MAX / 4)

struct ticket {
    const struct red_switch *red;
    engine_answer_cb *cb;
    void *context;
};

/* One step of "$.a.b[0]": the member or element, NULL when it is not there. */
static json_t *path_step(json_t *at, const char **path, char *key, size_t size, size_t *index)
{
    const char *p = *path;
    *index = SIZE_MAX;
    if (*p == '[') {
        char *end = NULL;
        *index = strtoul(p + 1, &end, 10);
        *path = *end == ']' ? end + 1 : end;
        return json_array_get(at, *index);
    }
    p += *p == '.' ? 1 : 0;
    size_t length = strcspn(p, ".[");
    if (length == 0 || length >= size) {
        *path = p + strlen(p);
        return NULL;
    }
    memcpy(key, p, length);
    key[length] = '\0';
    *path = p + length;
    return json_object_get(at, key);
}

/* Sets what path ("$.a.b[0]") leads to; nothing happens when the way there is missing. */
static void path_set(json_t *root, const char *path, const char *value)
{
    char key[128];
    size_t index = SIZE_MAX;
    json_t *at = root;
    path += *path == '$' ? 1 : 0;
    while (*path != '\0' && at != NULL) {
        json_t *next = path_step(at, &path, key, sizeof(key), &index);
        if (*path == '\0') {
            json_t *fresh = json_loads(value, JSON_DECODE_ANY, NULL);
            fresh = fresh == NULL ? json_string(value) : fresh;
            (void)(index == SIZE_MAX ? json_object_set_new(at, key, fresh)
                                     : json_array_set_new(at, index, fresh));
            return;
        }
        at = next;
    }
}

static void lie_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct ticket *ticket = context;
    const struct red_switch *red = ticket->red;
    struct engine_answer told = *answer;
    char *text = NULL;
    if (answer->done_ns < (int64_t)red->after_ns) {
        ticket->cb(ticket->context, tag, answer);
        mem_free(ticket);
        return;
    }
    if (told.outcome == OP_ANSWERED && red->status != 0) {
        told.status = red->status;
    }
    if (told.outcome == OP_ANSWERED && red->json != NULL) {
        json_t *root = json_loadb(told.body.data, told.body.size, JSON_DECODE_ANY, NULL);
        if (root != NULL) {
            path_set(root, red->json, red->value);
            text = json_dumps(root, JSON_COMPACT | JSON_ENCODE_ANY);
            json_decref(root);
        }
        told.body = text == NULL ? told.body : str_of(text);
    }
    told.done_ns += (int64_t)red->late_ns;
    told.took_ns += told.took_ns == 0 ? 0 : red->late_ns;
    ticket->cb(ticket->context, tag, &told);
    free(text);
    mem_free(ticket);
}

static int lie_request(struct engine *e, const struct engine_request *request, uint64_t tag,
                       engine_answer_cb *cb, void *context, struct errmsg *msg)
{
    const struct lying_engine *lying = (const struct lying_engine *)(const void *)e->ops;
    const struct red_switch *red = lying->red;
    if (strncmp(request->path, red->path, strlen(red->path)) != 0) {
        return lying->honest->request(e, request, tag, cb, context, msg);
    }
    struct ticket *ticket = mem_alloc(sizeof(*ticket));
    *ticket = (struct ticket){ .red = red, .cb = cb, .context = context };
    int rv = lying->honest->request(e, request, tag, lie_answered, ticket, msg);
    if (rv != 0) {
        mem_free(ticket);
    }
    return rv;
}

/* A value with $LB, $PRIMARY and $REPLICA filled in. */
static void put_value(struct buf *out, struct engine *e, struct str value)
{
    static const struct {
        const char *name;
        enum engine_target target;
    } hosts[] = { { "$LB", TARGET_LB }, { "$PRIMARY", TARGET_PRIMARY }, { "$REPLICA", TARGET_REPLICA } };
    while (value.size > 0) {
        size_t taken = 1;
        for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]) && taken == 1; i++) {
            if (str_starts(value, str_of(hosts[i].name))) {
                buf_append_text(out, e->ops->base_url(e, hosts[i].target));
                taken = strlen(hosts[i].name);
            }
        }
        if (taken == 1) {
            buf_append_char(out, value.data[0]);
        }
        value = str_make(value.data + taken, value.size - taken);
    }
}

/* What stands later in the list wins. */
static const char *lie_environment(struct engine *e)
{
    struct lying_engine *lying = (struct lying_engine *)(void *)(uintptr_t)e->ops;
    const char *honest = lying->honest->environment == NULL ? NULL : lying->honest->environment(e);
    if (honest == NULL) {
        return NULL;
    }
    struct buf out;
    buf_init(&out, sizeof(lying->environment) - 1);
    buf_append_text(&out, honest);
    put_value(&out, e, str_of(lying->red->value));
    (void)snprintf(lying->environment, sizeof(lying->environment), "%s", buf_text(&out));
    buf_deinit(&out);
    return lying->environment;
}

static int leave_out(struct scenario *s, const char *name, struct errmsg *msg)
{
    for (size_t i = 0; i < s->fault_count; i++) {
        if (strcmp(s->faults[i].name, name) == 0) {
            s->faults[i].at = (struct mark){ .phase = UINT32_MAX, .offset_ns = NEVER_NS };
            return 0;
        }
    }
    return error_set(msg, ERR_NOT_FOUND, "%s has no fault \"%s\"", s->path, name);
}

static void set_other(struct scenario *s, const struct red_switch *red)
{
    for (size_t i = 0; i < s->lb_setting_count; i++) {
        if (strcmp(s->lb_settings[i].name, red->name) == 0) {
            mem_free(s->lb_settings[i].value);
            s->lb_settings[i].value = mem_strdup(red->value);
            return;
        }
    }
    s->lb_settings = mem_realloc(s->lb_settings, (s->lb_setting_count + 1) * sizeof(*s->lb_settings));
    s->lb_settings[s->lb_setting_count++] =
        (struct scenario_setting){ .name = mem_strdup(red->name), .value = mem_strdup(red->value) };
}

int red_throw(const struct red_switch *red, struct scenario *s, struct engine *engine,
              struct lying_engine *lying, struct errmsg *msg)
{
    switch (red->kind) {
        case RED_NONE:
        case RED_MUTANT:
            return 0;
        case RED_WITHOUT:
            return leave_out(s, red->name, msg);
        case RED_SETTING:
            set_other(s, red);
            return 0;
        case RED_ANSWER:
        case RED_ENVIRONMENT:
            memset(lying, 0, sizeof(*lying)); /* too large to be assigned as a whole */
            lying->ops = *engine->ops;
            lying->honest = engine->ops;
            lying->red = red;
            if (red->kind == RED_ANSWER) {
                lying->ops.request = lie_request;
            } else {
                lying->ops.environment = lie_environment;
            }
            engine->ops = &lying->ops;
            return 0;
    }
    return 0;
}
