/* Reading the list, and holding it against the guide.  All mistakes of the list in one pass. */
#include "harness/runbook/runbook.h"

#include "base/buf.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include <stdio.h>
#include <string.h>

#define RUNBOOK_LINES_MAX 5000
#define SHOWN             90

struct list_reading {
    struct runbook *b;
    struct yaml_problems *problems;
};

static void complain_of_key(struct list_reading *r, const struct yaml_node *key, const char *const *names,
                            size_t count)
{
    char hint[128] = "";
    const char *near = suggest_name(str_of(key->text), names, count);
    if (near != NULL) {
        (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
    }
    yaml_problem_at(r->problems, key, near == NULL ? NULL : hint, "unknown key \"%s\"", key->text);
}

/* False after a complaint: not a map, or with other keys than these. */
static bool is_map(struct list_reading *r, const struct yaml_node *node, const char *const *names,
                   size_t count)
{
    if (node->kind != YAML_MAP) {
        yaml_problem_at(r->problems, node, NULL, "this takes keys: { key: value, ... }");
        return false;
    }
    bool good = true;
    for (size_t i = 0; i < node->count; i++) {
        bool known = false;
        for (size_t k = 0; k < count; k++) {
            known = known || strcmp(node->keys[i]->text, names[k]) == 0;
        }
        if (!known) {
            complain_of_key(r, node->keys[i], names, count);
            good = false;
        }
    }
    return good;
}

/* A copy of the scalar at key; NULL when it is absent, and after a complaint when it is no scalar or must
 * not be absent. */
static char *text_at(struct list_reading *r, const struct yaml_node *map, const char *key, bool required)
{
    const struct yaml_node *node = yaml_get(map, key);
    if (node == NULL) {
        if (required) {
            yaml_problem_at(r->problems, map, NULL, "\"%s\" is missing", key);
        }
        return NULL;
    }
    if (node->kind != YAML_SCALAR) {
        yaml_problem_at(r->problems, node, NULL, "%s takes a text", key);
        return NULL;
    }
    return mem_strdup(node->text);
}

/* "12" or "12-15". */
static bool lines_of(struct list_reading *r, const struct yaml_node *map, unsigned *from, unsigned *to)
{
    char *text = text_at(r, map, "lines", true);
    if (text == NULL) {
        return false;
    }
    struct str rest;
    struct str first = str_cut(str_of(text), '-', &rest);
    uint64_t low = 0;
    uint64_t high = 0;
    bool good = units_parse_u64(first, &low, NULL) == 0;
    high = low;
    good = good && (rest.data == NULL || units_parse_u64(rest, &high, NULL) == 0);
    good = good && low >= 1 && high >= low && high <= RUNBOOK_LINES_MAX;
    if (!good) {
        yaml_problem_at(r->problems, yaml_get(map, "lines"), NULL,
                        "lines takes \"12\" or \"12-15\", not \"%s\"", text);
    }
    *from = (unsigned)low;
    *to = (unsigned)high;
    mem_free(text);
    return good;
}

/* ---- the switch ---- */

static void read_answer(struct list_reading *r, const struct yaml_node *map, struct red_switch *red)
{
    red->kind = RED_ANSWER;
    red->path = text_at(r, map, "path", true);
    red->json = text_at(r, map, "json", false);
    red->value = text_at(r, map, "value", red->json != NULL);
    char *status = text_at(r, map, "status", false);
    char *late = text_at(r, map, "late", false);
    char *after = text_at(r, map, "after", false);
    uint64_t number = 0;
    if (status != NULL &&
        (units_parse_u64(str_of(status), &number, NULL) != 0 || number < 100 || number > 599)) {
        yaml_problem_at(r->problems, yaml_get(map, "status"), NULL, "status takes an HTTP status");
    }
    red->status = (int)number;
    if (late != NULL && units_parse_duration(str_of(late), 0, &red->late_ns, NULL) != 0) {
        yaml_problem_at(r->problems, yaml_get(map, "late"), NULL, "late takes a duration like 3s");
    }
    if (after != NULL && units_parse_duration(str_of(after), 0, &red->after_ns, NULL) != 0) {
        yaml_problem_at(r->problems, yaml_get(map, "after"), NULL, "after takes a duration like 3m");
    }
    if ((red->json != NULL) + (status != NULL) + (late != NULL) != 1) {
        yaml_problem_at(r->problems, map, NULL, "an answer is falsified by one of json, status, late");
    }
    mem_free(status);
    mem_free(late);
    mem_free(after);
}

static void read_environment(struct list_reading *r, const struct yaml_node *map, struct red_switch *red)
{
    struct buf lines;
    red->kind = RED_ENVIRONMENT;
    if (map->kind != YAML_MAP || map->count == 0) {
        yaml_problem_at(r->problems, map, NULL, "environment takes { NAME: value, ... }");
        return;
    }
    buf_init(&lines, 4096);
    for (size_t i = 0; i < map->count; i++) {
        char *value = text_at(r, map, map->keys[i]->text, true);
        buf_printf(&lines, "%s=%s\n", map->keys[i]->text, value == NULL ? "" : value);
        mem_free(value);
    }
    red->value = mem_strdup(buf_text(&lines));
    buf_deinit(&lines);
}

static void read_red(struct list_reading *r, const struct yaml_node *map, struct red_switch *red)
{
    static const char *const keys[] = { "path",    "json",    "value",  "status",      "late",
                                        "without", "setting", "mutant", "environment", "after" };
    if (!is_map(r, map, keys, sizeof(keys) / sizeof(keys[0]))) {
        return;
    }
    red->line = map->line;
    if (yaml_get(map, "without") != NULL) {
        red->kind = RED_WITHOUT;
        red->name = text_at(r, map, "without", true);
    } else if (yaml_get(map, "mutant") != NULL) {
        red->kind = RED_MUTANT;
        red->name = text_at(r, map, "mutant", true);
    } else if (yaml_get(map, "environment") != NULL) {
        read_environment(r, yaml_get(map, "environment"), red);
    } else if (yaml_get(map, "setting") != NULL) {
        red->kind = RED_SETTING;
        red->name = text_at(r, map, "setting", true);
        red->value = text_at(r, map, "value", true);
    } else {
        read_answer(r, map, red);
    }
}

/* ---- the lists ---- */

static void read_id(struct list_reading *r, const struct yaml_node *map)
{
    static const char *const keys[] = { "id", "lines", "says", "red", "test" };
    if (!is_map(r, map, keys, sizeof(keys) / sizeof(keys[0]))) {
        return;
    }
    struct runbook *b = r->b;
    struct runbook_id item = { .line = map->line };
    item.id = text_at(r, map, "id", true);
    item.says = text_at(r, map, "says", true);
    item.test = text_at(r, map, "test", false);
    const struct yaml_node *red = yaml_get(map, "red");
    if (red != NULL) {
        read_red(r, red, &item.red);
    }
    if ((red == NULL) == (item.test == NULL)) {
        yaml_problem_at(r->problems, map, NULL,
                        "an id has \"red\", the switch that turns its check red, or \"test\", the test that "
                        "proves it");
    }
    bool placed = lines_of(r, map, &item.from, &item.to);
    if (item.id != NULL && runbook_find(b, str_of(item.id)) != NULL) {
        yaml_problem_at(r->problems, yaml_get(map, "id"), NULL, "id \"%s\" stands here twice", item.id);
    }
    b->ids = mem_realloc(b->ids, (b->id_count + 1) * sizeof(*b->ids));
    if (!placed || item.id == NULL) {
        item.from = item.to = 0;
    }
    if (item.id == NULL) {
        item.id = mem_strdup("");
    }
    b->ids[b->id_count++] = item;
}

static void read_gap(struct list_reading *r, const struct yaml_node *map)
{
    static const char *const keys[] = { "lines", "why" };
    struct runbook_gap gap;
    if (!is_map(r, map, keys, sizeof(keys) / sizeof(keys[0]))) {
        return;
    }
    char *why = text_at(r, map, "why", true);
    if (lines_of(r, map, &gap.from, &gap.to)) {
        r->b->gaps = mem_realloc(r->b->gaps, (r->b->gap_count + 1) * sizeof(*r->b->gaps));
        r->b->gaps[r->b->gap_count++] = gap;
    }
    mem_free(why);
}

static void read_scenario_path(struct list_reading *r, const struct yaml_node *node)
{
    if (node->kind != YAML_SCALAR) {
        yaml_problem_at(r->problems, node, NULL, "scenarios takes paths");
        return;
    }
    struct runbook *b = r->b;
    struct buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "%s%s", b->folder, node->text);
    b->scenarios = mem_realloc(b->scenarios, (b->scenario_count + 1) * sizeof(*b->scenarios));
    b->scenarios[b->scenario_count++] = mem_strdup(buf_text(&path));
    buf_deinit(&path);
}

static void read_items(struct list_reading *r, const struct yaml_node *root, const char *key,
                       void (*read)(struct list_reading *r, const struct yaml_node *node))
{
    const struct yaml_node *list = yaml_get(root, key);
    if (list == NULL || list->kind != YAML_LIST || list->count == 0) {
        yaml_problem_at(r->problems, list == NULL ? root : list, NULL, "\"%s\" takes a list, and is not here",
                        key);
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        read(r, list->items[i]);
    }
}

/* ---- against the guide ---- */

/* The guide's line, 1-based; false past its end. */
static bool guide_line(const struct runbook *b, unsigned number, struct str *out)
{
    struct str rest = str_make(b->guide, b->guide_size);
    for (unsigned i = 1; rest.data != NULL && rest.size > 0; i++) {
        struct str line = str_cut(rest, '\n', &rest);
        if (i == number) {
            *out = line;
            return true;
        }
    }
    return false;
}

static void check_words(struct list_reading *r, const struct runbook_id *id)
{
    struct str line;
    bool there = false;
    for (unsigned i = id->from; id->says != NULL && i <= id->to && guide_line(r->b, i, &line); i++) {
        char *text = mem_strndup(line.data, line.size);
        there = there || strstr(text, id->says) != NULL;
        mem_free(text);
    }
    if (!there && id->says != NULL && id->from > 0) {
        yaml_problem_add(r->problems, id->line, 1, 1, NULL,
                         "%s: the guide does not say \"%s\" in lines %u to %u", id->id, id->says, id->from,
                         id->to);
    }
}

static bool is_claimed(const struct runbook *b, unsigned line)
{
    for (size_t i = 0; i < b->id_count; i++) {
        if (line >= b->ids[i].from && line <= b->ids[i].to) {
            return true;
        }
    }
    for (size_t i = 0; i < b->gap_count; i++) {
        if (line >= b->gaps[i].from && line <= b->gaps[i].to) {
            return true;
        }
    }
    return false;
}

/* Blank lines, headings and fences say nothing. */
static bool says_something(struct str line)
{
    struct str text = str_trim(line);
    return text.size > 0 && !str_starts(text, STR("#")) && !str_starts(text, STR("```"));
}

static void check_claims(struct list_reading *r)
{
    struct str line;
    for (unsigned i = 1; guide_line(r->b, i, &line); i++) {
        if (says_something(line) && !is_claimed(r->b, i)) {
            int shown = (int)(line.size > SHOWN ? SHOWN : line.size);
            yaml_problem_add(r->problems, 1, 1, 1, NULL,
                             "line %u of the guide has no id, and does not stand in nothing_to_prove: %.*s",
                             i, shown, line.data);
        }
    }
}

static int load_guide(struct list_reading *r, const struct yaml_node *root, struct errmsg *msg)
{
    char *name = text_at(r, root, "guide", true);
    struct buf path;
    if (name == NULL) {
        return 0;
    }
    buf_init(&path, 4096);
    buf_printf(&path, "%s%s", r->b->folder, name);
    r->b->guide_path = mem_strdup(buf_text(&path));
    buf_deinit(&path);
    mem_free(name);
    r->b->guide = scenario_read_file(r->b->guide_path, &r->b->guide_size, msg);
    return r->b->guide == NULL ? ERR_IO : 0;
}

struct runbook *runbook_load(const char *path, struct str text, struct yaml_problems *problems,
                             struct errmsg *msg)
{
    static const char *const keys[] = { "guide", "scenarios", "ids", "nothing_to_prove" };
    struct yaml_node *root = yaml_parse(text, problems);
    if (root == NULL) {
        return NULL;
    }
    struct list_reading r = { .b = mem_alloc(sizeof(*r.b)), .problems = problems };
    const char *slash = strrchr(path, '/');
    r.b->path = mem_strdup(path);
    r.b->folder = slash == NULL ? mem_strdup("") : mem_strndup(path, (size_t)(slash - path) + 1);
    int rv = 0;
    if (is_map(&r, root, keys, sizeof(keys) / sizeof(keys[0]))) {
        rv = load_guide(&r, root, msg);
        read_items(&r, root, "scenarios", read_scenario_path);
        read_items(&r, root, "ids", read_id);
        read_items(&r, root, "nothing_to_prove", read_gap);
    }
    for (size_t i = 0; r.b->guide != NULL && i < r.b->id_count; i++) {
        check_words(&r, &r.b->ids[i]);
    }
    if (r.b->guide != NULL) {
        check_claims(&r);
    }
    yaml_free(root);
    if (rv != 0 || problems->count > 0) {
        runbook_free(r.b);
        return NULL;
    }
    return r.b;
}

static void free_red(struct red_switch *red)
{
    mem_free(red->name);
    mem_free(red->value);
    mem_free(red->path);
    mem_free(red->json);
}

void runbook_free(struct runbook *b)
{
    if (b == NULL) {
        return;
    }
    for (size_t i = 0; i < b->id_count; i++) {
        mem_free(b->ids[i].id);
        mem_free(b->ids[i].says);
        mem_free(b->ids[i].test);
        free_red(&b->ids[i].red);
    }
    for (size_t i = 0; i < b->scenario_count; i++) {
        mem_free(b->scenarios[i]);
    }
    mem_free(b->ids);
    mem_free(b->gaps);
    mem_free(b->scenarios);
    mem_free(b->guide);
    mem_free(b->guide_path);
    mem_free(b->folder);
    mem_free(b->path);
    mem_free(b);
}

const struct runbook_id *runbook_find(const struct runbook *b, struct str id)
{
    for (size_t i = 0; i < b->id_count; i++) {
        if (str_equal(id, str_of(b->ids[i].id))) {
            return &b->ids[i];
        }
    }
    return NULL;
}

bool runbook_in(const char *ids, const char *id)
{
    struct str rest = str_of(ids == NULL ? "" : ids);
    while (rest.data != NULL && rest.size > 0) {
        if (str_equal(str_cut(rest, ' ', &rest), str_of(id))) {
            return true;
        }
    }
    return false;
}
