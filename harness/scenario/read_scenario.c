/* The file as a whole: who takes part, limits, promises, and the lists of expressions. */
#include "harness/scenario/keys.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include "mockchroma/core/mock.h"
#include "proxy/core/settings.h"
#include <stdio.h>

/* Keys whose value is looked at elsewhere. */
void read_nothing(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)r;
    (void)node;
    (void)target;
}

void read_clock(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)r;
    ((struct scenario *)target)->virtual_clock = strcmp(node->text, "virtual") == 0;
}

void read_limits(struct reading *r, const struct yaml_node *node, void *target)
{
    keys_read(r, "limits", "limits", node, target, false);
}

/* --- topology --------------------------------------------------------------------------------------- */

void read_topology(struct reading *r, const struct yaml_node *node, void *target)
{
    keys_read(r, "topology", "topology", node, target, false);
}

/* The mock itself knows its latency profiles. */
static void check_latency(struct reading *r, const struct yaml_node *map, const char *latency)
{
    const struct yaml_node *node = yaml_get(map, "latency");
    if (latency == NULL || node == NULL) {
        return;
    }
    struct errmsg msg = { "" };
    struct mock_options options = { .name = "check", .latency = latency };
    struct mock *mock = mock_new(&options, &msg);
    if (mock == NULL) {
        complain(r, node, NULL, "latency: %s", msg.text);
    }
    mock_free(mock);
}

static void read_instance(struct reading *r, const struct yaml_node *node, struct scenario *s,
                          size_t instance)
{
    struct scenario draft = { .latency = { NULL, NULL } };
    keys_read(r, "instance", instance == 0 ? "topology.primary" : "topology.replica", node, &draft, false);
    mem_free(s->latency[instance]);
    s->latency[instance] = draft.latency[0];
    s->holds[instance] = draft.holds[0];
    check_latency(r, node, s->latency[instance]);
}

void read_primary(struct reading *r, const struct yaml_node *node, void *target)
{
    read_instance(r, node, target, 0);
}

void read_replica(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    s->has_replica = node->kind != YAML_SCALAR || strcmp(node->text, "none") != 0;
    if (s->has_replica) {
        read_instance(r, node, s, 1);
    }
}

static const struct settings_row *setting_find(const char *name)
{
    for (size_t i = 0; i < settings_table_size; i++) {
        if (str_equal_nocase(str_of(settings_table[i].name), str_of(name))) {
            return &settings_table[i];
        }
    }
    return NULL;
}

/* Settings whose value is the engine's business: where things are, and how it can ask the balancer. */
static bool setting_is_engines(const char *name)
{
    static const char *const names[] = { "primary_url", "replica_url", "listen",      "wal_dir",
                                         "time_scale",  "config",      "host",        "port",
                                         "tls_cert",    "tls_key",     "upstream_ca", "admin_token",
                                         "status_token" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

/* walproxy takes plain seconds, a scenario does not. */
static bool setting_has_unit(struct reading *r, const struct settings_row *row, const char *key,
                             const struct yaml_node *value)
{
    uint64_t whole = 0;
    double share = 0;
    if (row->type == SETTINGS_DURATION) {
        return keys_read_duration(r, value, key, &whole);
    }
    if (row->type == SETTINGS_SIZE) {
        return keys_read_size(r, value, key, &whole);
    }
    return row->type != SETTINGS_SHARE || keys_read_share(r, value, key, &share);
}

static void hint_setting(const char *wrong, char *out, size_t size)
{
    char names[96][48];
    const char *pointers[96];
    size_t count = 0;
    for (size_t i = 0; i < settings_table_size && count < 96; i++) {
        size_t k = 0;
        for (; settings_table[i].name[k] != '\0' && k + 1 < sizeof(names[0]); k++) {
            char c = settings_table[i].name[k];
            names[count][k] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        }
        names[count][k] = '\0';
        if (!setting_is_engines(names[count])) {
            pointers[count] = names[count];
            count++;
        }
    }
    const char *near = suggest_name(str_of(wrong), pointers, count);
    if (near != NULL) {
        (void)snprintf(out, size, "did you mean \"%s\"?", near);
    }
}

static void read_setting(struct reading *r, const struct yaml_node *key, const struct yaml_node *value,
                         struct scenario *s, struct settings_draft *draft)
{
    char hint[128] = "";
    const char *name = key->text;
    if (strcmp(name, "kind") == 0 || strcmp(name, "command") == 0 || strcmp(name, "url") == 0) {
        complain(r, key, NULL, "\"%s\" (a balancer that is not walproxy) is not supported in this version",
                 name);
        return;
    }
    if (setting_is_engines(name)) {
        complain(r, key, NULL, "%s is set by the engine that runs the scenario; leave it out", name);
        return;
    }
    const struct settings_row *row = setting_find(name);
    if (row == NULL) {
        hint_setting(name, hint, sizeof(hint));
        complain(r, key, hint[0] == '\0' ? NULL : hint,
                 "unknown key \"%s\" in topology.lb: no setting of walproxy", name);
        return;
    }
    if (reading_text(r, value, name) == NULL || !setting_has_unit(r, row, name, value)) {
        return;
    }
    struct errmsg msg = { "" };
    if (settings_set(draft, str_of(name), str_of(value->text), SETTINGS_FILE, &msg) != 0) {
        complain(r, value, NULL, "%s", msg.text);
        return;
    }
    s->lb_settings = mem_realloc(s->lb_settings, (s->lb_setting_count + 1) * sizeof(*s->lb_settings));
    s->lb_settings[s->lb_setting_count++] = (struct scenario_setting){ .name = mem_strdup(name),
                                                                       .value = mem_strdup(value->text),
                                                                       .line = reading_line(r, key) };
}

void read_lb(struct reading *r, const struct yaml_node *node, void *target)
{
    if (node->kind != YAML_MAP) {
        complain(r, node, NULL, "topology.lb takes settings of walproxy: lines \"check_interval: 30s\"");
        return;
    }
    struct settings_draft *draft = mem_alloc(sizeof(*draft)); /* too large for a stack frame */
    settings_draft_init(draft);
    for (size_t i = 0; i < node->count; i++) {
        read_setting(r, node->keys[i], node->items[i], target, draft);
    }
    mem_free(draft);
}

/* --- promises --------------------------------------------------------------------------------------- */

const char *const scenario_invariant_names[INVARIANT_COUNT] = {
    [INVARIANT_CONSERVATION] = "conservation",
    [INVARIANT_NO_LOST_ACK] = "no_lost_ack",
    [INVARIANT_NO_DOUBLE_EFFECT] = "no_double_effect",
    [INVARIANT_ORDER_PER_LANE] = "order_per_lane",
    [INVARIANT_CONVERGE] = "converge",
    [INVARIANT_READ_YOUR_WRITES] = "read_your_writes",
    [INVARIANT_STATUS_TRUTHFUL] = "status_truthful",
    [INVARIANT_REFUSED_NOT_APPLIED] = "refused_not_applied",
};

/* Older spellings of the same promises. */
static const struct {
    const char *name;
    enum scenario_invariant invariant;
} aliases[] = { { "no_duplicate_effect", INVARIANT_NO_DOUBLE_EFFECT },
                { "order_per_collection", INVARIANT_ORDER_PER_LANE } };

static bool invariant_find(const char *text, size_t *out)
{
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        if (strcmp(text, scenario_invariant_names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
        if (strcmp(text, aliases[i].name) == 0) {
            *out = (size_t)aliases[i].invariant;
            return true;
        }
    }
    return false;
}

static void read_promises(struct reading *r, const struct yaml_node *node, const char *what, bool *out)
{
    if (!reading_is_list(r, node, what, INVARIANT_COUNT)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        size_t index = 0;
        const char *text = reading_text(r, node->items[i], what);
        if (text == NULL) {
            continue;
        }
        if (invariant_find(text, &index)) {
            out[index] = true;
            continue;
        }
        char hint[128] = "";
        const char *near = suggest_name(str_of(text), scenario_invariant_names, INVARIANT_COUNT);
        if (near != NULL) {
            (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
        }
        complain(r, node->items[i], near == NULL ? NULL : hint, "no invariant \"%s\"", text);
    }
}

void read_invariants(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    memset(s->invariants, 0, sizeof(s->invariants));
    read_promises(r, node, "invariants", s->invariants);
}

void read_waive(struct reading *r, const struct yaml_node *node, void *target)
{
    read_promises(r, node, "waive", ((struct scenario *)target)->waived);
}

void read_report(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)target;
    size_t ignored = 0;
    if (!reading_is_list(r, node, "report", 16)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        (void)keys_read_choice(r, node->items[i], "report", "html|md|junit|json",
                               &ignored); /* complaints are noted */
    }
}

/* --- lists of expressions --------------------------------------------------------------------------- */

void read_claims(struct reading *r, const struct yaml_node *node, struct expression_scope scope,
                 struct scenario_expect **list, size_t *count)
{
    *list = mem_alloc_array(node->count + 1, sizeof(**list));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *that = node->items[i];
        struct scenario_expect claim = { .line = reading_line(r, that) };
        if (that->kind == YAML_MAP) {
            keys_read(r, "claim", "the expectation", that, &claim, false);
            that = yaml_get(that, "that");
        }
        claim.expression = that == NULL ? NULL : read_expression(r, that, scope);
        if (claim.expression == NULL) {
            mem_free(claim.proves);
            continue;
        }
        claim.text = mem_strdup(that->text);
        (*list)[(*count)++] = claim;
    }
}

static void read_list(struct reading *r, const struct yaml_node *node, const char *what,
                      struct expression_scope scope, struct scenario_expect **list, size_t *count)
{
    if (reading_is_list(r, node, what, SCENARIO_ITEMS_MAX)) {
        read_claims(r, node, scope, list, count);
    }
}

void read_steady(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    read_list(r, node, "steady_state", (struct expression_scope){ .no_window = true }, &s->steady,
              &s->steady_count);
}

void read_expect(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    read_list(r, node, "expect", (struct expression_scope){ 0 }, &s->expects, &s->expect_count);
}

void read_stop_if(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    read_list(r, node, "stop_if", (struct expression_scope){ .no_window = true, .wall = true }, &s->stops,
              &s->stop_count);
}
