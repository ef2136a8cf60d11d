/* The other files of a scenario: what it extends, and the pieces that it includes.
 *
 * Both are put into the tree before anything is read.  A file that is extended is merged: maps key by key,
 * lists and values replaced as a whole.  A piece holds lists (faults, steps, expect, ...) that are appended
 * to the scenario's own.  How it fails: a file that cannot be read, that is no YAML or that names files in a
 * circle is one complaint at the place that names it. */
#include "harness/scenario/reading.h"

#include "base/memory.h"
#include "base/suggest.h"
#include <errno.h>
#include <stdio.h>

void map_add(struct yaml_node *map, struct yaml_node *key, struct yaml_node *value)
{
    map->keys = mem_realloc(map->keys, (map->count + 1) * sizeof(struct yaml_node *));
    map->items = mem_realloc(map->items, (map->count + 1) * sizeof(struct yaml_node *));
    map->keys[map->count] = key;
    map->items[map->count++] = value;
}

/* Moves into child what only base has. */
static void merge(struct yaml_node *child, struct yaml_node *base)
{
    size_t kept = 0;
    for (size_t i = 0; i < base->count; i++) {
        struct yaml_node *mine = NULL;
        for (size_t k = 0; k < child->count; k++) {
            if (strcmp(child->keys[k]->text, base->keys[i]->text) == 0) {
                mine = child->items[k];
            }
        }
        if (mine == NULL) {
            map_add(child, base->keys[i], base->items[i]);
            continue;
        }
        if (mine->kind == YAML_MAP && base->items[i]->kind == YAML_MAP) {
            merge(mine, base->items[i]);
        }
        base->keys[kept] = base->keys[i];
        base->items[kept++] = base->items[i];
    }
    base->count = kept;
}

char *scenario_read_file(const char *path, size_t *size, struct errmsg *msg)
{
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        (void)error_set(msg, ERR_IO, "%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = mem_alloc(SCENARIO_FILE_MAX + 1);
    *size = fread(text, 1, SCENARIO_FILE_MAX + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file); /* only read */
    if (failed || *size > SCENARIO_FILE_MAX) {
        (void)error_set(msg, ERR_IO, "%s: %s", path, failed ? "cannot be read" : "larger than 4 MiB");
        mem_free(text);
        return NULL;
    }
    return text;
}

static char *path_beside(const char *path, const char *relative)
{
    const char *slash = strrchr(path, '/');
    size_t folder = relative[0] == '/' || slash == NULL ? 0 : (size_t)(slash - path) + 1;
    size_t size = folder + strlen(relative) + 1;
    char *out = mem_alloc(size);
    (void)snprintf(out, size, "%.*s%s", (int)folder, path, relative);
    return out;
}

/* A file's tree; NULL after a complaint at `shown`.  verb: what was to be done with it. */
static struct yaml_node *load_file(struct reading *r, const char *path, const struct yaml_node *shown,
                                   const char *verb)
{
    struct errmsg msg;
    size_t size = 0;
    char *text = scenario_read_file(path, &size, &msg);
    if (text == NULL) {
        complain(r, shown, NULL, "cannot %s %s", verb, msg.text);
        return NULL;
    }
    struct yaml_problems problems = { 0 };
    struct yaml_node *root = yaml_parse(str_make(text, size), &problems);
    for (size_t i = 0; i < problems.count; i++) {
        complain(r, shown, NULL, "%s:%u:%u: %s", path, problems.items[i].line, problems.items[i].column,
                 problems.items[i].text);
    }
    if (root != NULL && root->kind != YAML_MAP) {
        complain(r, shown, NULL, "%s is no scenario: it holds no keys", path);
    }
    if (root != NULL && (problems.count > 0 || root->kind != YAML_MAP)) {
        yaml_free(root);
        root = NULL;
    }
    yaml_problems_deinit(&problems);
    mem_free(text);
    return root;
}

/* --- include ---------------------------------------------------------------------------------------- */

static const char *const pieces[] = { "faults", "steps", "expect", "steady_state", "stop_if", "expect_if" };
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

static struct yaml_node **list_in(struct yaml_node *map, const char *key)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            return &map->items[i];
        }
    }
    return NULL;
}

/* False after a complaint: it is neither one of the lists that can be included nor empty. */
static bool piece_is_sound(struct reading *r, const struct yaml_node *key, const struct yaml_node *value)
{
    for (size_t i = 0; i < PIECES; i++) {
        if (strcmp(key->text, pieces[i]) == 0) {
            return reading_is_list(r, value, key->text, SCENARIO_ITEMS_MAX);
        }
    }
    char hint[128];
    const char *near = suggest_name(str_of(key->text), pieces, PIECES);
    (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near == NULL ? "" : near);
    complain(r, key, near == NULL ? NULL : hint,
             "a file that is included holds faults, steps, expect, steady_state, stop_if and expect_if, not "
             "\"%s\"",
             key->text);
    return false;
}

/* Moves the lists of a piece behind those of root. */
static void append_piece(struct reading *r, struct yaml_node *root, struct yaml_node *piece)
{
    size_t kept = 0;
    for (size_t i = 0; i < piece->count; i++) {
        struct yaml_node *key = piece->keys[i];
        struct yaml_node *value = piece->items[i];
        struct yaml_node **mine = list_in(root, key->text);
        bool sound = piece_is_sound(r, key, value);
        if (sound && mine == NULL) {
            map_add(root, key, value);
            continue;
        }
        if (sound && (*mine)->kind == YAML_LIST) {
            size_t count = (*mine)->count + value->count;
            (*mine)->items = mem_realloc((*mine)->items, (count + 1) * sizeof(struct yaml_node *));
            memcpy((*mine)->items + (*mine)->count, value->items, value->count * sizeof(struct yaml_node *));
            (*mine)->count = count;
            value->count = 0;
        }
        piece->keys[kept] = key;
        piece->items[kept++] = value;
    }
    piece->count = kept;
}

static void include_files(struct reading *r, struct yaml_node *root, const char *path, unsigned depth)
{
    const struct yaml_node *list = yaml_get(root, "include");
    if (list == NULL || !reading_is_list(r, list, "include", SCENARIO_INCLUDES_MAX)) {
        return;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct yaml_node *shown = depth == 0 ? list->items[i] : r->extends;
        if (reading_text(r, list->items[i], "include") == NULL) {
            continue;
        }
        char *piece_path = path_beside(path, list->items[i]->text);
        struct yaml_node *piece = load_file(r, piece_path, shown, "include");
        if (piece == NULL) {
            mem_free(piece_path);
            continue;
        }
        reading_remember(r, piece, shown, piece_path);
        append_piece(r, root, piece);
        reading_forget(r, piece);
        yaml_free(piece);
    }
}

/* What a base file includes is in it by now; the scenario that extends it must not include it again. */
static void drop_key(struct reading *r, struct yaml_node *map, const char *key)
{
    size_t kept = 0;
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            reading_forget(r, map->keys[i]);
            reading_forget(r, map->items[i]);
            yaml_free(map->keys[i]);
            yaml_free(map->items[i]);
            continue;
        }
        map->keys[kept] = map->keys[i];
        map->items[kept++] = map->items[i];
    }
    map->count = kept;
}

/* --- extends ---------------------------------------------------------------------------------------- */

static void extend_base(struct reading *r, struct yaml_node *root, const char *path, unsigned depth)
{
    const struct yaml_node *node = yaml_get(root, "extends");
    if (node == NULL) {
        return;
    }
    if (depth == 0) {
        r->extends = node;
    }
    if (reading_text(r, depth == 0 ? node : r->extends, "extends") == NULL || node->kind != YAML_SCALAR) {
        return;
    }
    if (depth >= SCENARIO_EXTENDS_MAX) {
        complain(r, r->extends, NULL, "files extend each other more than %d deep; is %s in a circle?",
                 SCENARIO_EXTENDS_MAX, path);
        return;
    }
    char *base_path = path_beside(path, node->text);
    struct yaml_node *base = load_file(r, base_path, r->extends, "extend");
    if (base == NULL) {
        mem_free(base_path);
        return;
    }
    reading_extend(r, base, base_path, depth + 1);
    drop_key(r, base, "include");
    reading_remember(r, base, r->extends, base_path);
    merge(root, base);
    reading_forget(r, base);
    yaml_free(base);
}

void reading_extend(struct reading *r, struct yaml_node *root, const char *path, unsigned depth)
{
    extend_base(r, root, path, depth);
    include_files(r, root, path, depth);
}
