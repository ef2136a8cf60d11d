/* Phases and loads. */
#include "harness/scenario/keys.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include <math.h>
#include <stdio.h>

/* --- phases ------------------------------------------------------------------------------------------ */

void read_until(struct reading *r, const struct yaml_node *node, void *target)
{
    ((struct scenario_phase *)target)->until =
        read_expression(r, node, (struct expression_scope){ .no_window = true });
}

/* Read twice: once as a condition, so that mistakes are shown at their place, once as what it means. */
void read_thresholds(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_phase *phase = target;
    if (!reading_is_list(r, node, "thresholds", SCENARIO_ITEMS_MAX)) {
        return;
    }
    read_claims(r, node, (struct expression_scope){ .no_window = true }, &phase->thresholds,
                &phase->threshold_count);
    for (size_t i = 0; i < phase->threshold_count && phase->name != NULL; i++) {
        struct scenario_expect *threshold = &phase->thresholds[i];
        size_t size = strlen(threshold->text) + SCENARIO_NAME_MAX + sizeof("always  during ");
        char *text = mem_alloc(size);
        (void)snprintf(text, size, "always %s during %s", threshold->text, phase->name);
        expression_free(threshold->expression);
        mem_free(threshold->text);
        threshold->text = text;
        threshold->expression = read_composed(r, node, text);
    }
}

static void check_phase(struct reading *r, const struct yaml_node *map, const char *title)
{
    const struct yaml_node *length = yaml_get(map, "for");
    const struct yaml_node *until = yaml_get(map, "until");
    const struct yaml_node *max = yaml_get(map, "max");
    if (length == NULL && until == NULL) {
        complain(r, map, NULL, "%s needs \"for\" (a duration), or \"until\" (a condition) and \"max\"",
                 title);
    } else if (length != NULL && until != NULL) {
        complain(r, until, NULL, "%s has both \"for\" and \"until\"; keep one", title);
    } else if (until != NULL && max == NULL) {
        complain(r, until, NULL, "%s needs \"max\" beside \"until\": a condition may never come true", title);
    } else if (max != NULL && until == NULL) {
        complain(r, max, NULL, "\"max\" belongs to \"until\"; %s ends by \"for\"", title);
    }
}

void read_phases(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    if (!reading_is_list(r, node, "phases", SCENARIO_PHASES_MAX)) {
        return;
    }
    if (node->count == 0) {
        complain(r, node, NULL, "phases is empty: a run has at least one");
    }
    s->phases = mem_alloc_array(node->count + 1, sizeof(*s->phases));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *map = node->items[i];
        struct scenario_phase *phase = &s->phases[s->phase_count++];
        const struct yaml_node *name = yaml_get(map, "name");
        char title[128];
        (void)snprintf(title, sizeof(title), "phase \"%.60s\"",
                       name != NULL && name->kind == YAML_SCALAR ? name->text : "?");
        phase->line = reading_line(r, map);
        keys_read(r, "phase", title, map, phase, false);
        if (map->kind == YAML_MAP) {
            check_phase(r, map, title);
        }
        for (size_t k = 0; k + 1 < s->phase_count && phase->name != NULL; k++) {
            if (s->phases[k].name != NULL && strcmp(s->phases[k].name, phase->name) == 0) {
                complain(r, name, NULL, "%s stands twice", title);
            }
        }
    }
}

/* --- loads -------------------------------------------------------------------------------------------- */

void read_arrivals(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)r;
    ((struct scenario_load *)target)->poisson = strcmp(node->text, "poisson") == 0;
}

void read_during(struct reading *r, const struct yaml_node *node, void *target)
{
    if (reading_text(r, node, "during") != NULL) {
        (void)phase_find(r, node, str_of(node->text), 0,
                         &((struct scenario_load *)target)->during); /* noted */
    }
}

/* What the load generator knows how to send. */
static const char *const mix_names[] = {
    "add",   "upsert", "update",         "delete",           "get",
    "query", "count",  "get_collection", "list_collections", "count_collections"
};
#define MIX_NAMES (sizeof(mix_names) / sizeof(mix_names[0]))

static void read_mix_entry(struct reading *r, const struct yaml_node *key, const struct yaml_node *value,
                           struct scenario_load *load)
{
    size_t index = 0;
    while (index < MIX_NAMES && strcmp(mix_names[index], key->text) != 0) {
        index++;
    }
    if (index == MIX_NAMES) {
        char hint[128] = "";
        const char *near = suggest_name(str_of(key->text), mix_names, MIX_NAMES);
        if (near != NULL) {
            (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
        }
        complain(
            r, key, near == NULL ? NULL : hint,
            "no operation \"%s\" for a load (add, upsert, update, delete, get, query, count, get_collection, "
            "list_collections, count_collections)",
            key->text);
        return;
    }
    double share = 0;
    enum chroma_op op = OP_UNKNOWN;
    if (keys_read_share(r, value, key->text, &share) && chroma_op_parse(str_of(key->text), &op) &&
        share > 0) {
        load->mix[load->mix_count++] = (struct scenario_mix){ op, share };
    }
}

void read_mix(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_load *load = target;
    size_t complaints = r->problems->count;
    if (node->kind != YAML_MAP || node->count == 0 || node->count > MIX_NAMES) {
        complain(r, node, NULL, "mix takes shares of operations: { add: 80%%, get: 20%% }");
        return;
    }
    double sum = 0;
    for (size_t i = 0; i < node->count; i++) {
        read_mix_entry(r, node->keys[i], node->items[i], load);
    }
    for (size_t i = 0; i < load->mix_count; i++) {
        sum += load->mix[i].share;
    }
    if (r->problems->count == complaints && fabs(sum - 1) > 0.0001) {
        complain(r, node, NULL, "the shares of mix add up to %.6g%%, not to 100%%", sum * 100);
    }
}

void read_loads(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    if (node->kind != YAML_MAP || node->count > SCENARIO_LOADS_MAX) {
        complain(r, node, NULL,
                 "load takes at most %d named loads: lines \"writer: { rate: ..., mix: ... }\"",
                 SCENARIO_LOADS_MAX);
        return;
    }
    s->loads = mem_alloc_array(node->count + 1, sizeof(*s->loads));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *key = node->keys[i];
        struct scenario_load *load = &s->loads[s->load_count++];
        *load = (struct scenario_load){ .name = mem_strdup(key->text),
                                        .poisson = true,
                                        .dimension = 4,
                                        .collections = 1,
                                        .records = 1000,
                                        .during = UINT32_MAX,
                                        .timeout_ns = 30 * NS_PER_S,
                                        .line = reading_line(r, key) };
        if (!name_is_plain(key->text)) {
            complain(r, key, NULL,
                     "a load is named with letters, digits, \"-\" and \"_\", a letter first; not \"%s\"",
                     key->text);
        }
        char title[128];
        (void)snprintf(title, sizeof(title), "load \"%.60s\"", key->text);
        keys_read(r, "load", title, node->items[i], load, false);
    }
}
