/* Who takes part: two instances and the balancer that stands on trial, with its settings. */
#include "harness/scenario/keys.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include "mockchroma/core/mock.h"
#include "proxy/core/settings.h"
#include <stdio.h>

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

/* What a real Chroma does not know how to do. */
static void check_real(struct reading *r, const struct yaml_node *map)
{
    const struct yaml_node *latency = yaml_get(map, "latency");
    if (latency != NULL) {
        complain(r, latency, NULL,
                 "\"latency\" belongs to kind: mock-chroma; a real Chroma takes what it takes");
    }
}

static void read_instance(struct reading *r, const struct yaml_node *node, struct scenario *s,
                          size_t instance)
{
    struct scenario draft = { .latency = { NULL, NULL } };
    keys_read(r, "instance", instance == 0 ? "topology.primary" : "topology.replica", node, &draft, false);
    mem_free(s->latency[instance]);
    s->latency[instance] = draft.latency[0];
    s->holds[instance] = draft.holds[0];
    s->real_chroma[instance] = draft.real_chroma[0];
    if (s->real_chroma[instance]) {
        check_real(r, node);
    } else {
        check_latency(r, node, s->latency[instance]);
    }
}

void read_instance_kind(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)r;
    ((struct scenario *)target)->real_chroma[0] = strcmp(node->text, "chroma") == 0;
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

bool lb_setting_name(const struct settings_row *row, char *out, size_t size)
{
    size_t k = 0;
    for (; row->name[k] != '\0' && k + 1 < size; k++) {
        char c = row->name[k];
        out[k] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    out[k] = '\0';
    return !setting_is_engines(out);
}

void lb_setting_hint(const char *wrong, char *out, size_t size)
{
    char names[96][48];
    const char *pointers[96];
    size_t count = 0;
    for (size_t i = 0; i < settings_table_size && count < 96; i++) {
        if (lb_setting_name(&settings_table[i], names[count], sizeof(names[0]))) {
            pointers[count] = names[count];
            count++;
        }
    }
    for (size_t i = 0; i < key_table_size && count < 96; i++) {
        if (strcmp(key_table[i].section, "balancer") == 0) {
            pointers[count++] = key_table[i].key;
        }
    }
    const char *near = suggest_name(str_of(wrong), pointers, count);
    if (near != NULL) {
        (void)snprintf(out, size, "did you mean \"%s\"?", near);
    }
}

static void setting_add(struct reading *r, const struct yaml_node *key, const struct yaml_node *value,
                        struct scenario_setting **list, size_t *count)
{
    *list = mem_realloc(*list, (*count + 1) * sizeof(**list));
    (*list)[(*count)++] = (struct scenario_setting){ .name = mem_strdup(key->text),
                                                     .value = mem_strdup(value->text),
                                                     .line = reading_line(r, key) };
}

static void read_setting(struct reading *r, const struct yaml_node *key, const struct yaml_node *value,
                         struct scenario *s, struct settings_draft *draft)
{
    char hint[128] = "";
    const char *name = key->text;
    if (setting_is_engines(name)) {
        complain(r, key, NULL, "%s is set by the engine that runs the scenario; leave it out", name);
        return;
    }
    const struct settings_row *row = settings_find(str_of(name));
    if (row == NULL) {
        lb_setting_hint(name, hint, sizeof(hint));
        complain(r, key, hint[0] == '\0' ? NULL : hint,
                 "unknown key \"%s\" in topology.lb: no setting of walproxy", name);
        return;
    }
    if (s->lb_kind != LB_KIND_WALPROXY) {
        complain(r, key, NULL, "\"%s\" is a setting of walproxy; what stands here is not one", name);
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
    setting_add(r, key, value, &s->lb_settings, &s->lb_setting_count);
}

/* --- balancers that are not walproxy -------------------------------------------------------------------- */

void read_lb_kind(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)r;
    ((struct scenario *)target)->lb_kind = strcmp(node->text, "command") == 0 ? LB_KIND_COMMAND
                                           : strcmp(node->text, "url") == 0   ? LB_KIND_URL
                                                                              : LB_KIND_WALPROXY;
}

static bool is_variable_name(const char *text)
{
    bool good = text[0] != '\0' && (text[0] < '0' || text[0] > '9');
    for (; *text != '\0'; text++) {
        char c = *text;
        good =
            good && ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_');
    }
    return good;
}

void read_lb_env(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    if (node->kind != YAML_MAP) {
        complain(r, node, NULL, "env takes names and values: { PORT: 8000 }");
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (!is_variable_name(node->keys[i]->text)) {
            complain(r, node->keys[i], NULL, "\"%s\" cannot be the name of an environment variable",
                     node->keys[i]->text);
        } else if (reading_text(r, node->items[i], node->keys[i]->text) != NULL) {
            setting_add(r, node->keys[i], node->items[i], &s->lb_env, &s->lb_env_count);
        }
    }
}

static bool is_url(const char *text)
{
    return strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0;
}

/* Each kind has its keys; a key of another kind would be ignored, so it is refused. */
static void check_balancer(struct reading *r, const struct yaml_node *node, const struct scenario *s)
{
    static const struct {
        const char *key;
        bool command, url;
        const char *words;
    } keys[] = {
        { "command", true, false, "kind: command" },
        { "env", true, false, "kind: command" },
        { "ready", true, true, "kind: command and kind: url" },
        { "url", true, true, "kind: command and kind: url" },
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const struct yaml_node *value = yaml_get(node, keys[i].key);
        bool fits =
            s->lb_kind == LB_KIND_COMMAND ? keys[i].command : s->lb_kind == LB_KIND_URL && keys[i].url;
        if (value != NULL && !fits) {
            complain(r, value, NULL, "\"%s\" belongs to %s", keys[i].key, keys[i].words);
        }
    }
    if (s->lb_kind == LB_KIND_COMMAND && yaml_get(node, "command") == NULL) {
        complain(r, node, NULL, "kind: command needs \"command\": how the balancer is started");
    }
    if (s->lb_kind == LB_KIND_URL && yaml_get(node, "url") == NULL) {
        complain(r, node, NULL,
                 "kind: url needs \"url\": where the balancer answers, as in http://127.0.0.1:8000");
    }
    if (s->lb_url != NULL && !is_url(s->lb_url)) {
        complain(r, yaml_get(node, "url"), NULL, "url begins with http:// or https://, not \"%s\"",
                 s->lb_url);
    }
    if (s->lb_ready != NULL && s->lb_ready[0] != '/' && !is_url(s->lb_ready)) {
        complain(r, yaml_get(node, "ready"), NULL,
                 "ready is a path of the balancer, as in /health, or a whole URL; not \"%s\"", s->lb_ready);
    }
}

void read_lb(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    if (node->kind != YAML_MAP) {
        complain(r, node, NULL, "topology.lb takes settings of walproxy: lines \"check_interval: 30s\"");
        return;
    }
    keys_read(r, "balancer", "topology.lb", node, s, true);
    check_balancer(r, node, s);
    struct settings_draft *draft = mem_alloc(sizeof(*draft)); /* too large for a stack frame */
    settings_draft_init(draft);
    for (size_t i = 0; i < node->count; i++) {
        if (keys_find("balancer", str_of(node->keys[i]->text)) == NULL) {
            read_setting(r, node->keys[i], node->items[i], s, draft);
        }
    }
    mem_free(draft);
}
