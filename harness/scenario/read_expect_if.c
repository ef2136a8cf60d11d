/* expect_if: what must hold in some runs only, and which promises those runs are known to break.
 *
 *   when := PATH (== | !=) VALUE | PATH in [VALUE, ...] { and ... }
 *
 * A value is compared as it is written; a setting that the scenario does not give has walproxy's default. All
 * entries are checked in every run, whether or not they apply to it. */
#include "harness/scenario/keys.h"
#include "harness/scenario/matrix.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "proxy/core/settings.h"
#include <stdio.h>

struct condition_draft {
    const struct yaml_node *when, *then, *waive;
};

struct term {
    struct str path, values; /* values: one, or several with commas */
    bool negated;
};

/* --- one comparison ---------------------------------------------------------------------------------------
 */

static struct str unquoted(struct str text)
{
    text = str_trim(text);
    bool quoted = text.size >= 2 && (text.data[0] == '"' || text.data[0] == '\'') &&
                  text.data[text.size - 1] == text.data[0];
    return quoted ? str_make(text.data + 1, text.size - 2) : text;
}

static const char *find_in(struct str text, const char *wanted)
{
    return memmem(text.data, text.size, wanted, strlen(wanted));
}

static bool term_parse(struct reading *r, const struct yaml_node *node, struct str text, struct term *out)
{
    const char *equal = find_in(text, "==");
    const char *differ = find_in(text, "!=");
    const char *in = find_in(text, " in ");
    const char *at = equal != NULL ? equal : differ != NULL ? differ : in;
    if (at == NULL) {
        complain(r, node, NULL, "when compares a value of the scenario: lb.wal_mode == file, seed in [1, 2]");
        return false;
    }
    size_t width = equal == NULL && differ == NULL ? 4 : 2;
    size_t left = (size_t)(at - text.data);
    out->path = str_trim(str_make(text.data, left));
    out->values = str_trim(str_make(at + width, text.size - left - width));
    out->negated = equal == NULL && differ != NULL;
    if (width == 4) {
        if (out->values.size < 2 || out->values.data[0] != '[' ||
            out->values.data[out->values.size - 1] != ']') {
            complain(r, node, NULL, "\"in\" takes a list: lb.wal_mode in [memory, file]");
            return false;
        }
        out->values = str_make(out->values.data + 1, out->values.size - 2);
    }
    if (out->path.size == 0 || out->values.size == 0) {
        complain(r, node, NULL, "when compares a value of the scenario: lb.wal_mode == file");
        return false;
    }
    return matrix_path_is_sound(r, node, out->path);
}

/* What stands at the path in this run; NULL after a complaint. */
static const char *value_at(struct reading *r, const struct yaml_node *node, struct str path)
{
    char text[128];
    (void)snprintf(text, sizeof(text), "%.*s", (int)(path.size > 120 ? 120 : path.size), path.data);
    const struct yaml_node *found = matrix_find(r->root, text);
    if (found != NULL && found->kind == YAML_SCALAR) {
        return found->text;
    }
    const char *name = strrchr(text, '.');
    bool lb = strncmp(text, "lb.", 3) == 0 || strncmp(text, "topology.lb.", 12) == 0;
    const struct settings_row *row = lb && name != NULL ? settings_find(str_of(name + 1)) : NULL;
    if (row != NULL && row->fallback != NULL) {
        return row->fallback;
    }
    if (strcmp(text, "seed") == 0) {
        return "1";
    }
    char message[200];
    char hint[128] = "";
    if (lb && name != NULL && row == NULL) {
        lb_setting_hint(name + 1, hint, sizeof(hint));
    }
    (void)snprintf(message, sizeof(message), "nothing in this scenario says what %.120s is", text);
    complain_inside(r, node, (size_t)(path.data - node->text), path.size, hint[0] == '\0' ? NULL : hint,
                    message);
    return NULL;
}

/* A value that no run has is a slip. */
static bool value_is_possible(struct reading *r, const struct yaml_node *node, struct str path,
                              struct str value)
{
    const struct yaml_node *matrix = yaml_get(r->root, "matrix");
    for (size_t i = 0; matrix != NULL && matrix->kind == YAML_MAP && i < matrix->count; i++) {
        const struct yaml_node *list = matrix->items[i];
        if (!matrix_paths_equal(path, str_of(matrix->keys[i]->text)) || list->kind != YAML_LIST) {
            continue;
        }
        const char *names[SCENARIO_RUNS_MAX];
        size_t count = 0;
        for (size_t k = 0; k < list->count && count < SCENARIO_RUNS_MAX; k++) {
            const struct yaml_node *item = list->items[k];
            if (item->kind == YAML_SCALAR && str_equal(value, str_of(item->text))) {
                return true;
            }
            names[count] = item->kind == YAML_SCALAR ? item->text : "";
            count++;
        }
        char hint[128];
        char message[200];
        const char *near = suggest_name(value, names, count);
        (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near == NULL ? "" : near);
        (void)snprintf(message, sizeof(message), "no run of the matrix has %.*s == %.*s", (int)path.size,
                       path.data, (int)(value.size > 60 ? 60 : value.size), value.data);
        complain_inside(r, node, (size_t)(value.data - node->text), value.size, near == NULL ? NULL : hint,
                        message);
        return false;
    }
    return true;
}

static bool term_holds(struct reading *r, const struct yaml_node *node, struct str text)
{
    struct term term;
    if (!term_parse(r, node, text, &term)) {
        return false;
    }
    const char *here = value_at(r, node, term.path);
    struct str rest = term.values;
    bool found = false;
    while (here != NULL && rest.data != NULL) {
        struct str value = unquoted(str_cut(rest, ',', &rest));
        if (!value_is_possible(r, node, term.path, value)) {
            return false;
        }
        found = found || str_equal(value, str_of(here));
    }
    return here != NULL && found != term.negated;
}

static bool condition_holds(struct reading *r, const struct yaml_node *node)
{
    if (reading_text(r, node, "when") == NULL) {
        return false;
    }
    bool all = true;
    struct str rest = str_of(node->text);
    while (rest.size > 0) {
        const char *next = find_in(rest, " and ");
        size_t size = next == NULL ? rest.size : (size_t)(next - rest.data);
        all = term_holds(r, node, str_make(rest.data, size)) && all;
        rest = next == NULL ? str_make(NULL, 0) : str_make(next + 5, rest.size - size - 5);
    }
    return all;
}

/* --- the entries
 * -------------------------------------------------------------------------------------------- */

static void read_then(struct reading *r, const struct yaml_node *node, struct scenario_expect **list,
                      size_t *count)
{
    struct yaml_node *items[1] = { (struct yaml_node *)(uintptr_t)node };
    struct yaml_node one = {
        .kind = YAML_LIST, .line = node->line, .column = node->column, .items = items, .count = 1
    };
    read_claims(r, node->kind == YAML_LIST ? node : &one, (struct expression_scope){ 0 }, list, count);
}

static void read_entry(struct reading *r, const struct yaml_node *map, struct scenario *s)
{
    const struct yaml_node *when = yaml_get(map, "when");
    const struct yaml_node *then = yaml_get(map, "then");
    const struct yaml_node *waive = yaml_get(map, "waive");
    struct scenario_expect *expects = NULL;
    size_t count = 0;
    bool waived[INVARIANT_COUNT] = { false };
    keys_read(r, "expect_if", "the entry of expect_if", map, s, false);
    if (map->kind != YAML_MAP || when == NULL) {
        return;
    }
    if (then == NULL && waive == NULL) {
        complain(r, map, NULL,
                 "an entry of expect_if needs \"then\" or \"waive\": what differs in those runs");
    }
    bool holds = condition_holds(r, when);
    if (then != NULL) {
        read_then(r, then, &expects, &count);
    }
    if (waive != NULL) {
        read_promises(r, waive, "waive", waived);
    }
    if (!holds) {
        scenario_free_expects(expects, count);
        return;
    }
    s->expects = mem_realloc(s->expects, (s->expect_count + count + 1) * sizeof(*s->expects));
    for (size_t i = 0; i < count; i++) {
        s->expects[s->expect_count++] = expects[i];
    }
    mem_free(expects);
    for (size_t i = 0; i < INVARIANT_COUNT; i++) {
        s->waived[i] = s->waived[i] || waived[i];
    }
}

void read_expect_if(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    s->plain_expects = s->expect_count;
    if (!reading_is_list(r, node, "expect_if", SCENARIO_ITEMS_MAX)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        read_entry(r, node->items[i], s);
    }
}
