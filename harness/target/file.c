/* Reading a target file, by rows like those of scenarios: one table says what is read, complained about and
 * documented.
 *
 * Guards belong to the reading: a file whose URLs name a host that is not in its list, or a name that looks
 * like production, is wrong, and nothing is asked of anybody.  Tokens never stand in the file; they are
 * fetched while it is read, so that a missing one is found before anything is touched. */
#include "harness/target/file.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/units.h"
#include "harness/scenario/keys.h"
#include "harness/target/guard.h"
#include "harness/target/target.h"
#include "proxy/core/settings.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIST_MAX       64
#define FILE_TOKEN_MAX      400
#define FILE_LEASE_NS       (10 * NS_PER_S)
#define FILE_TIMEOUT_NS     (60 * NS_PER_S)
#define FILE_PREFIX_MAX     32
#define FILE_DEFAULT_TENANT "default_tenant"

#define AT(type, member) .offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define SECONDS(n)       ((double)(n) * (double)NS_PER_S)

const char *const target_place_names[TARGET_PLACES] = { "balancer", "primary", "replica" };

static void read_balancer(struct reading *r, const struct yaml_node *node, void *target);
static void read_primary_place(struct reading *r, const struct yaml_node *node, void *target);
static void read_replica_place(struct reading *r, const struct yaml_node *node, void *target);
static void read_admin_token(struct reading *r, const struct yaml_node *node, void *target);
static void read_status_token(struct reading *r, const struct yaml_node *node, void *target);
static void read_chroma_token(struct reading *r, const struct yaml_node *node, void *target);
static void read_hosts(struct reading *r, const struct yaml_node *node, void *target);
static void read_tenants(struct reading *r, const struct yaml_node *node, void *target);
static void read_settings(struct reading *r, const struct yaml_node *node, void *target);
static void read_stops(struct reading *r, const struct yaml_node *node, void *target);

static const struct key_row rows[] = {
    { "target", "target", KEY_NAME, .required = true, AT(target_file, name), .value = "a name",
      .meaning = "what --arm has to repeat" },
    { "target", "hosts", KEY_OTHER, .required = true, .value = "a list of hosts",
      .meaning = "the only ones that may be asked for anything", .read = read_hosts },
    { "target", "balancer", KEY_OTHER, .required = true, .value = "url, admin_token, ...",
      .meaning = "the balancer on trial", .read = read_balancer },
    { "target", "primary", KEY_OTHER, .required = true, .value = "url, gateway, ...",
      .meaning = "the primary, and how to hurt it", .read = read_primary_place },
    { "target", "replica", KEY_OTHER, .value = "url, gateway, ...",
      .meaning = "the replica (default: there is none)", .read = read_replica_place },
    { "target", "chroma_token", KEY_OTHER, .value = "env:NAME or file:PATH",
      .meaning = "Authorization: Bearer of requests for Chroma", .read = read_chroma_token },
    { "target", "tenants", KEY_OTHER, .value = "a list of names",
      .meaning = "whose databases are compared before and after (default default_tenant)",
      .read = read_tenants },
    { "target", "prefix", KEY_NAME, AT(target_file, prefix), .value = "a name of at most 32",
      .meaning = "the names of a rehearsal's collections begin with it (default " TARGET_DEFAULT_MARK ")" },
    { "target", "lease", KEY_DURATION, AT(target_file, lease_ns), .low = 1e9, .high = SECONDS(300),
      .value = "1s to 5m",
      .meaning = "a fault ends by itself so long after waldrill's last sign of life (default 10s)" },
    { "target", "stop_if", KEY_OTHER, .value = "a list of conditions",
      .meaning = "one that becomes true ends the rehearsal, heals everything and fails it",
      .read = read_stops },
    { "place", "url", KEY_TEXT, .required = true, AT(target_place, url), .value = "http://HOST:PORT",
      .meaning = "where it is reached; of an instance behind a gateway: the gateway" },
    { "place", "gateway", KEY_TEXT, AT(target_place, gateway), .value = "http://HOST:PORT",
      .meaning = "of an instance: the control port of the mockchroma --upstream in front of it" },
    { "place", "stop", KEY_TEXT, AT(target_place, stop), .value = "a shell command",
      .meaning = "stops it; returns when it is stopped" },
    { "place", "start", KEY_TEXT, AT(target_place, start), .value = "a shell command",
      .meaning = "starts it again; does no harm when it runs" },
    { "place", "timeout", KEY_DURATION, AT(target_place, timeout_ns), .low = 1e9, .high = SECONDS(600),
      .value = "1s to 10m", .meaning = "how long a command may take (default 60s)" },
    { "place", "admin_token", KEY_OTHER, .value = "env:NAME or file:PATH",
      .meaning = "of the balancer: its ADMIN_TOKEN", .read = read_admin_token },
    { "place", "status_token", KEY_OTHER, .value = "env:NAME or file:PATH",
      .meaning = "of the balancer: its STATUS_TOKEN, where that is another one", .read = read_status_token },
    { "place", "settings", KEY_OTHER, .value = "{ setting: value }",
      .meaning = "of the balancer: what it runs with, as in a scenario's lb", .read = read_settings },
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* What a place's rows are read into: the place, and the file for what belongs to that. */
struct place_draft {
    struct target_place place;
    struct target_file *file;
    bool balancer;
};

/* ---- tokens ---- */

static char *token_from_file(struct reading *r, const struct yaml_node *node, const char *path)
{
    char text[FILE_TOKEN_MAX + 2];
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        complain(r, node, NULL, "the token's file %s cannot be read: %s", path, strerror(errno));
        return NULL;
    }
    size_t size = fread(text, 1, sizeof(text), file);
    (void)fclose(file);
    struct str token = str_trim(str_make(text, size));
    return mem_strndup(token.data, token.size);
}

static char *token_of(struct reading *r, const struct yaml_node *node, const char *key)
{
    const char *text = reading_text(r, node, key);
    char *token = NULL;
    if (text == NULL) {
        return NULL;
    }
    if (strncmp(text, "env:", 4) == 0) {
        const char *value = getenv(text + 4);
        if (value == NULL || value[0] == '\0') {
            complain(r, node, NULL, "%s: there is no %s in the environment", key, text + 4);
            return NULL;
        }
        token = mem_strdup(value);
    } else if (strncmp(text, "file:", 5) == 0) {
        token = token_from_file(r, node, text + 5);
    } else {
        complain(r, node, "write env:NAME or file:PATH", "%s: " TARGET_TOKEN_WORDS, key);
    }
    if (token == NULL) {
        return NULL;
    }
    size_t size = strlen(token);
    bool good = size > 0 && size <= FILE_TOKEN_MAX;
    for (size_t i = 0; i < size; i++) {
        good = good && token[i] > ' ' && token[i] < 0x7f;
    }
    if (!good) {
        complain(r, node, NULL, "%s: what %s holds is no token: one word of at most %d printable letters",
                 key, text, FILE_TOKEN_MAX);
        mem_free(token);
        return NULL;
    }
    return token;
}

static void read_chroma_token(struct reading *r, const struct yaml_node *node, void *target)
{
    struct target_file *file = target;
    file->chroma_token = token_of(r, node, "chroma_token");
}

static void read_admin_token(struct reading *r, const struct yaml_node *node, void *target)
{
    struct place_draft *draft = target;
    draft->file->admin_token = token_of(r, node, "admin_token");
}

static void read_status_token(struct reading *r, const struct yaml_node *node, void *target)
{
    struct place_draft *draft = target;
    draft->file->status_token = token_of(r, node, "status_token");
}

const char *target_file_token(const struct target_file *file, enum engine_target place, const char *path)
{
    static const char *const own[] = { "/status", "/metrics", "/alerts" };
    if (place != TARGET_LB) {
        return file->chroma_token;
    }
    if (strncmp(path, "/admin", 6) == 0) {
        return file->admin_token;
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strncmp(path, own[i], strlen(own[i])) == 0) {
            return file->status_token != NULL ? file->status_token : file->admin_token;
        }
    }
    return file->chroma_token;
}

/* ---- lists ---- */

static void read_texts(struct reading *r, const struct yaml_node *node, const char *what, char ***list,
                       size_t *count)
{
    if (!reading_is_list(r, node, what, FILE_LIST_MAX)) {
        return;
    }
    *list = mem_alloc_array(node->count + 1, sizeof(**list));
    for (size_t i = 0; i < node->count; i++) {
        const char *text = reading_text(r, node->items[i], what);
        if (text != NULL) {
            (*list)[(*count)++] = mem_strdup(text);
        }
    }
}

/* False after a complaint: the text looks like production. */
static bool is_harmless(struct reading *r, const struct yaml_node *node, const char *what, const char *text)
{
    struct str word = target_guard_production(text);
    if (word.size > 0) {
        complain(r, node, NULL, "%s looks like production (\"%.*s\"): a rehearsal breaks what it names", what,
                 STR_ARGS(word));
    }
    return word.size == 0;
}

static void read_hosts(struct reading *r, const struct yaml_node *node, void *target)
{
    struct target_file *file = target;
    read_texts(r, node, "hosts", &file->hosts, &file->host_count);
    for (size_t i = 0; node->kind == YAML_LIST && i < node->count; i++) {
        if (node->items[i]->kind == YAML_SCALAR) {
            (void)is_harmless(r, node->items[i], "this host", node->items[i]->text);
        }
    }
}

static void read_tenants(struct reading *r, const struct yaml_node *node, void *target)
{
    struct target_file *file = target;
    read_texts(r, node, "tenants", &file->tenants, &file->tenant_count);
}

static void read_stops(struct reading *r, const struct yaml_node *node, void *target)
{
    struct target_file *file = target;
    if (reading_is_list(r, node, "stop_if", FILE_LIST_MAX)) {
        read_claims(r, node, (struct expression_scope){ .no_window = true, .wall = true }, &file->stops,
                    &file->stop_count);
    }
}

static void read_settings(struct reading *r, const struct yaml_node *node, void *target)
{
    struct target_file *file = ((struct place_draft *)target)->file;
    if (node->kind != YAML_MAP) {
        complain(r, node, NULL, "settings takes names and values: { check_interval: 2s }");
        return;
    }
    file->settings = mem_alloc_array(node->count + 1, sizeof(*file->settings));
    for (size_t i = 0; i < node->count; i++) {
        bool known = false;
        for (size_t k = 0; k < settings_table_size && !known; k++) {
            char name[64];
            known = lb_setting_name(&settings_table[k], name, sizeof(name)) &&
                    strcmp(name, node->keys[i]->text) == 0;
        }
        char hint[160] = "";
        if (!known) {
            lb_setting_hint(node->keys[i]->text, hint, sizeof(hint));
            complain(r, node->keys[i], hint[0] == '\0' ? NULL : hint, "\"%s\" is no setting of walproxy",
                     node->keys[i]->text);
        } else if (reading_text(r, node->items[i], node->keys[i]->text) != NULL) {
            file->settings[file->setting_count++] =
                (struct scenario_setting){ .name = mem_strdup(node->keys[i]->text),
                                           .value = mem_strdup(node->items[i]->text),
                                           .line = node->keys[i]->line };
        }
    }
}

/* ---- places ---- */

static void check_url(struct reading *r, const struct yaml_node *map, const char *key,
                      const struct target_file *file)
{
    char host[GUARD_HOST];
    struct errmsg msg;
    const struct yaml_node *node = yaml_get(map, key);
    if (node == NULL || node->kind != YAML_SCALAR) {
        return;
    }
    if (target_guard_host(node->text, host, sizeof(host), &msg) != 0) {
        complain(r, node, NULL, "%s", msg.text);
    } else if (is_harmless(r, node, "this host", host) &&
               !target_guard_allows(host, file->hosts, file->host_count)) {
        complain(r, node, "put it there if it may be touched", "the host %s is not in hosts", host);
    }
}

static void check_command(struct reading *r, const struct yaml_node *map, const char *key)
{
    const struct yaml_node *node = yaml_get(map, key);
    if (node != NULL && node->kind == YAML_SCALAR) {
        (void)is_harmless(r, node, "this command", node->text);
    }
}

static void check_place(struct reading *r, const struct yaml_node *map, const struct place_draft *draft)
{
    static const char *const balancers[] = { "admin_token", "status_token", "settings" };
    check_url(r, map, "url", draft->file);
    check_url(r, map, "gateway", draft->file);
    check_command(r, map, "stop");
    check_command(r, map, "start");
    if ((yaml_get(map, "stop") == NULL) != (yaml_get(map, "start") == NULL)) {
        complain(r, map, NULL, "stop and start go together: what is stopped has to be started again");
    }
    if (draft->balancer && yaml_get(map, "gateway") != NULL) {
        complain(r, yaml_get(map, "gateway"), NULL, "only an instance has a gateway");
    }
    for (size_t i = 0; !draft->balancer && i < sizeof(balancers) / sizeof(balancers[0]); i++) {
        if (yaml_get(map, balancers[i]) != NULL) {
            complain(r, yaml_get(map, balancers[i]), NULL, "%s belongs to the balancer", balancers[i]);
        }
    }
}

static void read_place(struct reading *r, const struct yaml_node *node, struct target_file *file,
                       enum engine_target which)
{
    struct place_draft draft = { .place = { .timeout_ns = FILE_TIMEOUT_NS, .line = node->line },
                                 .file = file,
                                 .balancer = which == TARGET_LB };
    keys_read(r, "place", target_place_names[which], node, &draft, false);
    file->places[which] = draft.place;
    if (node->kind == YAML_MAP) {
        check_place(r, node, &draft);
    }
}

static void read_balancer(struct reading *r, const struct yaml_node *node, void *target)
{
    read_place(r, node, target, TARGET_LB);
}

static void read_primary_place(struct reading *r, const struct yaml_node *node, void *target)
{
    read_place(r, node, target, TARGET_PRIMARY);
}

static void read_replica_place(struct reading *r, const struct yaml_node *node, void *target)
{
    read_place(r, node, target, TARGET_REPLICA);
}

/* ---- the file ---- */

static void read_root(struct reading *r, const struct yaml_node *root, struct target_file *file)
{
    keys_read(r, "target", "the target", root, file, false);
    const struct yaml_node *name = yaml_get(root, "target");
    const struct yaml_node *prefix = yaml_get(root, "prefix");
    if (name != NULL && name->kind == YAML_SCALAR) {
        (void)is_harmless(r, name, "this name", name->text);
    }
    if (file->prefix == NULL) {
        file->prefix = mem_strdup(TARGET_DEFAULT_MARK);
    } else if (strlen(file->prefix) > FILE_PREFIX_MAX) {
        complain(r, prefix, NULL, "prefix is at most %d letters", FILE_PREFIX_MAX);
    }
    if (file->tenant_count == 0 && file->tenants == NULL) {
        file->tenants = mem_alloc_array(1, sizeof(*file->tenants));
        file->tenants[file->tenant_count++] = mem_strdup(FILE_DEFAULT_TENANT);
    }
}

struct target_file *target_file_parse(const char *path, struct str source, struct yaml_problems *problems)
{
    size_t before = problems->count;
    struct yaml_node *root = yaml_parse(source, problems);
    if (root == NULL) {
        return NULL;
    }
    struct target_file *file = mem_alloc(sizeof(*file));
    file->path = mem_strdup(path);
    file->lease_ns = FILE_LEASE_NS;
    struct reading r = { .source = source, .problems = problems, .rows = rows, .row_count = ROWS };
    read_root(&r, root, file);
    reading_deinit(&r);
    yaml_free(root);
    if (problems->count > before) {
        target_file_free(file);
        return NULL;
    }
    return file;
}

static void free_texts(char **list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(list[i]);
    }
    mem_free(list);
}

void target_file_free(struct target_file *file)
{
    if (file == NULL) {
        return;
    }
    for (size_t i = 0; i < TARGET_PLACES; i++) {
        mem_free(file->places[i].url);
        mem_free(file->places[i].gateway);
        mem_free(file->places[i].stop);
        mem_free(file->places[i].start);
    }
    for (size_t i = 0; i < file->setting_count; i++) {
        mem_free(file->settings[i].name);
        mem_free(file->settings[i].value);
    }
    mem_free(file->settings);
    free_texts(file->hosts, file->host_count);
    free_texts(file->tenants, file->tenant_count);
    scenario_free_expects(file->stops, file->stop_count);
    mem_free(file->admin_token);
    mem_free(file->status_token);
    mem_free(file->chroma_token);
    mem_free(file->prefix);
    mem_free(file->name);
    mem_free(file->path);
    mem_free(file);
}

void target_reference(struct buf *out)
{
    buf_append_text(out, "### The file\n\n");
    reference_rows(out, rows, ROWS, "target");
    buf_append_text(out, "### balancer, primary, replica\n\n");
    reference_rows(out, rows, ROWS, "place");
}
