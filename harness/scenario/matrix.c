/* matrix: one file, several runs.
 *
 * Each key is the path of one plain value (lb.wal_mode, load.writer.rate, seed), each value a list of what
 * stands there; the runs are all combinations, the first key changing slowest.  A run is made before anything
 * is read: its values are put into the tree, so that the parser checks each run like a file of its own, and a
 * wrong value is shown where the matrix names it. */
#include "harness/scenario/matrix.h"

#include "base/memory.h"
#include "base/suggest.h"
#include <stdio.h>

/* "lb.wal_mode" is short for "topology.lb.wal_mode". */
static bool is_short(struct str part)
{
    return str_equal(part, STR("lb")) || str_equal(part, STR("primary")) || str_equal(part, STR("replica"));
}

/* The next part of a path; *rest is what follows its dot. */
static struct str path_part(struct str *rest)
{
    return str_cut(*rest, '.', rest);
}

static struct str first_part(struct str path)
{
    return path_part(&path);
}

const struct yaml_node *matrix_find(const struct yaml_node *root, const char *path)
{
    struct str rest = str_of(path);
    const struct yaml_node *at = is_short(first_part(rest)) ? yaml_get(root, "topology") : root;
    while (at != NULL && rest.data != NULL) {
        char key[SCENARIO_NAME_MAX + 1];
        struct str part = path_part(&rest);
        if (part.size >= sizeof(key)) {
            return NULL;
        }
        (void)snprintf(key, sizeof(key), "%.*s", STR_ARGS(part));
        at = yaml_get(at, key);
    }
    return at;
}

static struct str without_topology(struct str path)
{
    struct str rest = path;
    return str_equal(path_part(&rest), STR("topology")) ? rest : path;
}

bool matrix_paths_equal(struct str a, struct str b)
{
    return str_equal(without_topology(a), without_topology(b));
}

/* Paths that a run may differ in. */
bool matrix_path_is_sound(struct reading *r, const struct yaml_node *node, struct str path)
{
    static const char *const heads[] = { "lb", "primary", "replica", "topology", "load", "seed" };
    struct str rest = path;
    struct str head = path_part(&rest);
    char hint[128] = "";
    char text[256];
    int shown = (int)(path.size > 80 ? 80 : path.size);
    bool known = false;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        known = known || str_equal(head, str_of(heads[i]));
    }
    if (!known) {
        const char *near = suggest_name(head, heads, sizeof(heads) / sizeof(heads[0]));
        (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near == NULL ? "" : near);
        (void)snprintf(
            text, sizeof(text),
            "\"%.*s\" is nothing that runs can differ in: lb.<setting>, primary.<key>, replica.<key>, "
            "load.<name>.<key> or seed",
            shown, path.data);
        complain_inside(r, node, (size_t)(path.data - node->text), head.size, near == NULL ? NULL : hint,
                        text);
        return false;
    }
    size_t wanted = str_equal(head, STR("seed"))                                       ? 1
                    : str_equal(head, STR("load")) || str_equal(head, STR("topology")) ? 3
                                                                                       : 2;
    size_t parts = 1;
    bool empty = head.size == 0;
    while (rest.data != NULL) {
        empty = path_part(&rest).size == 0 || empty;
        parts++;
    }
    if (empty || parts != wanted) {
        (void)snprintf(text, sizeof(text), "\"%.*s\" does not name one value", shown, path.data);
        complain_inside(r, node, (size_t)(path.data - node->text), path.size, NULL, text);
    }
    return !empty && parts == wanted;
}

/* --- axes ----------------------------------------------------------------------------------------------- */

/* A load that no load: names would be made by the path. */
static bool load_is_there(struct reading *r, const struct yaml_node *root, const struct yaml_node *key)
{
    struct str rest = str_of(key->text);
    if (!str_equal(path_part(&rest), STR("load"))) {
        return true;
    }
    const struct yaml_node *loads = yaml_get(root, "load");
    struct str name = path_part(&rest);
    const char *names[SCENARIO_LOADS_MAX];
    size_t count = 0;
    for (size_t i = 0; loads != NULL && loads->kind == YAML_MAP && i < loads->count; i++) {
        if (str_equal(name, str_of(loads->keys[i]->text))) {
            return true;
        }
        if (count < SCENARIO_LOADS_MAX) {
            names[count++] = loads->keys[i]->text;
        }
    }
    char hint[128];
    char text[160];
    const char *near = suggest_name(name, names, count);
    (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near == NULL ? "" : near);
    (void)snprintf(text, sizeof(text), "no load \"%.*s\"", (int)(name.size > 80 ? 80 : name.size), name.data);
    complain_inside(r, key, 5, name.size, near == NULL ? NULL : hint, text);
    return false;
}

static bool values_are_sound(struct reading *r, const struct yaml_node *key, const struct yaml_node *list)
{
    if (!reading_is_list(r, list, key->text, SCENARIO_RUNS_MAX)) {
        return false;
    }
    if (list->count == 0) {
        complain(r, list, NULL, "%s names no values, so there would be no run", key->text);
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (reading_text(r, list->items[i], key->text) == NULL) {
            return false;
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(list->items[k]->text, list->items[i]->text) == 0) {
                complain(r, list->items[i], NULL, "%s stands twice in %s", list->items[i]->text, key->text);
                return false;
            }
        }
    }
    return true;
}

/* The number of runs; 0 after a complaint. */
static size_t count_runs(struct reading *r, const struct yaml_node *root, const struct yaml_node *matrix)
{
    size_t runs = 1;
    if (matrix->kind != YAML_MAP || matrix->count == 0) {
        complain(r, matrix, NULL, "matrix takes paths and lists: { lb.wal_mode: [ memory, file ] }");
        return 0;
    }
    for (size_t i = 0; i < matrix->count; i++) {
        const struct yaml_node *key = matrix->keys[i];
        if (!matrix_path_is_sound(r, key, str_of(key->text)) || !load_is_there(r, root, key) ||
            !values_are_sound(r, key, matrix->items[i])) {
            return 0;
        }
        for (size_t k = 0; k < i; k++) {
            if (matrix_paths_equal(str_of(key->text), str_of(matrix->keys[k]->text))) {
                complain(r, key, NULL, "%s and %s are the same value", key->text, matrix->keys[k]->text);
                return 0;
            }
        }
        runs *= matrix->items[i]->count;
        if (runs > SCENARIO_RUNS_MAX) {
            complain(r, matrix, NULL, "this matrix makes more than %d runs", SCENARIO_RUNS_MAX);
            return 0;
        }
    }
    return runs;
}

/* --- one run ----------------------------------------------------------------------------------------------
 */

/* A scalar that stands where `like` does, `skip` columns later. */
static struct yaml_node *scalar_like(struct reading *r, const struct yaml_node *like, struct str text,
                                     size_t skip)
{
    struct yaml_node *node = mem_alloc(sizeof(*node));
    *node = (struct yaml_node){ .kind = YAML_SCALAR,
                                .line = like->line,
                                .column = like->column + (unsigned)skip,
                                .quoted = like->quoted,
                                .text = mem_strndup(text.data, text.size),
                                .text_size = text.size };
    reading_remember_like(r, node, like);
    return node;
}

static struct yaml_node **slot_of(struct yaml_node *map, struct str key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (str_equal(str_of(map->keys[i]->text), key)) {
            return &map->items[i];
        }
    }
    return NULL;
}

/* The map's entry, made if it is not there. */
static struct yaml_node **slot_make(struct reading *r, struct yaml_node *map, const struct yaml_node *like,
                                    struct str key, size_t skip)
{
    struct yaml_node **slot = slot_of(map, key);
    if (slot == NULL) {
        map_add(map, scalar_like(r, like, key, skip), NULL);
        slot = &map->items[map->count - 1];
    }
    return slot;
}

static void put_value(struct reading *r, struct yaml_node *root, const struct yaml_node *key,
                      const struct yaml_node *value)
{
    struct str rest = str_of(key->text);
    struct yaml_node *map = root;
    bool implied = is_short(first_part(rest));
    for (;;) {
        size_t skip = implied || rest.data == NULL ? 0 : (size_t)(rest.data - key->text);
        struct str part = implied ? STR("topology") : path_part(&rest);
        struct yaml_node **slot = slot_make(r, map, key, part, skip);
        bool last = !implied && rest.data == NULL;
        implied = false;
        if (last) {
            if (*slot != NULL) {
                reading_forget(r, *slot);
                yaml_free(*slot);
            }
            *slot = scalar_like(r, value, str_make(value->text, value->text_size), 0);
            return;
        }
        if (*slot == NULL) {
            *slot = scalar_like(r, key, STR(""), skip);
            (*slot)->kind = YAML_MAP;
        }
        if ((*slot)->kind != YAML_MAP) {
            complain(r, key, NULL, "%.*s is no map here, so %s cannot stand in it", STR_ARGS(part),
                     key->text);
            return;
        }
        map = *slot;
    }
}

size_t matrix_apply(struct reading *r, struct yaml_node *root, size_t run)
{
    struct yaml_node **slot = slot_of(root, STR("matrix"));
    if (slot == NULL) {
        return 1;
    }
    const struct yaml_node *matrix = *slot;
    size_t runs = count_runs(r, root, matrix);
    if (runs == 0) {
        return 1;
    }
    struct buf label;
    buf_init(&label, SCENARIO_FILE_MAX);
    size_t below = runs;
    for (size_t i = 0; i < matrix->count; i++) {
        const struct yaml_node *list = matrix->items[i];
        below /= list->count;
        const struct yaml_node *value = list->items[run / below % list->count];
        put_value(r, root, matrix->keys[i], value);
        buf_printf(&label, "%s%s=%s", i == 0 ? "" : ",", matrix->keys[i]->text, value->text);
    }
    r->s->variant = mem_strdup(buf_text(&label));
    buf_deinit(&label);
    return runs;
}
