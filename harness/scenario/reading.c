/* Complaints at their place, and the files that a scenario extends.
 *
 * A base file is merged into the tree before anything is read: maps key by key, lists and values replaced
 * as a whole.  Its nodes carry lines of another file; they are remembered by address, and a complaint about
 * one of them is shown at `extends:` with the other file's place in its text. */
#include "harness/scenario/reading.h"

#include "base/memory.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

struct base_node {
    const struct yaml_node *node;
    char *path; /* shared by all nodes of a file; owned by the file's first */
    bool owns_path;
    UT_hash_handle hh;
};

static const struct base_node *base_of(const struct reading *r, const struct yaml_node *node)
{
    struct base_node *found = NULL;
    HASH_FIND_PTR(r->base_nodes, &node, found);
    return found;
}

unsigned reading_line(const struct reading *r, const struct yaml_node *node)
{
    return base_of(r, node) != NULL && r->extends != NULL ? r->extends->line : node->line;
}

static void complain_of_base(struct reading *r, const struct base_node *base, unsigned line, unsigned column,
                             const char *hint, const char *text)
{
    yaml_problem_at(r->problems, r->extends, NULL, "%s:%u:%u: %s%s%s", base->path, line, column, text,
                    hint == NULL ? "" : "; ", hint == NULL ? "" : hint);
}

void complain(struct reading *r, const struct yaml_node *node, const char *hint, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const struct base_node *base = base_of(r, node);
    if (base != NULL) {
        complain_of_base(r, base, node->line, node->column, hint, text);
        return;
    }
    yaml_problem_at(r->problems, node, hint, "%s", text);
}

/* Where the source holds a scalar's first character; NULL when it cannot be found. */
static const char *source_at(struct str source, unsigned line, unsigned column)
{
    size_t at = 0;
    for (unsigned l = 1; l < line; l++) {
        const char *end = at < source.size ? memchr(source.data + at, '\n', source.size - at) : NULL;
        if (end == NULL) {
            return NULL;
        }
        at = (size_t)(end - source.data) + 1;
    }
    for (unsigned c = 1; c < column; c++) {
        if (at >= source.size) {
            return NULL;
        }
        do {
            at++;
        } while (at < source.size && ((unsigned char)source.data[at] & 0xc0) == 0x80);
    }
    return at < source.size ? source.data + at : NULL;
}

/* Columns from the scalar's own to the character at offset, counting escapes of quoted texts. */
static unsigned columns_to(const struct reading *r, const struct yaml_node *node, size_t offset)
{
    const char *end = r->source.data + r->source.size;
    const char *at = source_at(r->source, node->line, node->column);
    if (at == NULL) {
        return 0;
    }
    char quote = node->quoted && (*at == '"' || *at == '\'') ? *at : '\0';
    if (node->quoted && quote == '\0') {
        return 0; /* a block text: its lines lie elsewhere */
    }
    unsigned columns = quote != '\0' ? 1 : 0;
    at += columns;
    for (size_t i = 0; i < offset && at < end && *at != '\n'; i++) {
        bool escaped = at + 1 < end &&
                       ((quote == '"' && *at == '\\') || (quote == '\'' && at[0] == '\'' && at[1] == '\''));
        at += escaped ? 2 : 1;
        columns += escaped ? 2 : ((unsigned char)node->text[i] & 0xc0) == 0x80 ? 0 : 1;
    }
    return columns;
}

void complain_inside(struct reading *r, const struct yaml_node *node, size_t offset, size_t width,
                     const char *hint, const char *text)
{
    const struct base_node *base = base_of(r, node);
    if (base != NULL) {
        complain_of_base(r, base, node->line, node->column, hint, text);
        return;
    }
    yaml_problem_add(r->problems, node->line, node->column + columns_to(r, node, offset), (unsigned)width,
                     hint, "%s", text);
}

const char *reading_text(struct reading *r, const struct yaml_node *node, const char *what)
{
    if (node->kind != YAML_SCALAR) {
        complain(r, node, NULL, "%s takes one value, not a %s", what,
                 node->kind == YAML_MAP ? "map" : "list");
        return NULL;
    }
    if (yaml_is_null(node)) {
        complain(r, node, NULL, "%s has no value", what);
        return NULL;
    }
    return node->text;
}

bool reading_is_list(struct reading *r, const struct yaml_node *node, const char *what, size_t limit)
{
    if (node->kind != YAML_LIST) {
        complain(r, node, NULL, "%s takes a list: lines that begin with \"- \", or [ ... ]", what);
        return false;
    }
    if (node->count > limit) {
        complain(r, node->items[limit], NULL, "%s holds at most %zu entries", what, limit);
        return false;
    }
    return true;
}

bool name_is_plain(const char *text)
{
    size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");
    bool letter = (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z');
    return letter && size <= SCENARIO_NAME_MAX && text[size] == '\0' && text[size - 1] != '-';
}

/* --- extends ---------------------------------------------------------------------------------------- */

static void remember(struct reading *r, const struct yaml_node *node, char *path, bool owns)
{
    if (base_of(r, node) != NULL) {
        return; /* of a file that the base itself extends */
    }
    struct base_node *entry = mem_alloc(sizeof(*entry));
    entry->node = node;
    entry->path = path;
    entry->owns_path = owns;
    HASH_ADD_PTR(r->base_nodes, node, entry);
    for (size_t i = 0; i < node->count; i++) {
        remember(r, node->items[i], path, false);
        if (node->keys != NULL) {
            remember(r, node->keys[i], path, false);
        }
    }
}

void reading_deinit(struct reading *r)
{
    struct base_node *entry = NULL;
    struct base_node *next = NULL;
    HASH_ITER (hh, r->base_nodes, entry, next) {
        HASH_DEL(r->base_nodes, entry);
        if (entry->owns_path) {
            mem_free(entry->path);
        }
        mem_free(entry);
    }
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
            child->keys = mem_realloc(child->keys, (child->count + 1) * sizeof(struct yaml_node *));
            child->items = mem_realloc(child->items, (child->count + 1) * sizeof(struct yaml_node *));
            child->keys[child->count] = base->keys[i];
            child->items[child->count++] = base->items[i];
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

/* The base file's tree, its own bases already in it; NULL after a complaint. */
static struct yaml_node *load_base(struct reading *r, char *path, unsigned depth)
{
    struct errmsg msg;
    size_t size = 0;
    char *text = scenario_read_file(path, &size, &msg);
    if (text == NULL) {
        complain(r, r->extends, NULL, "cannot extend %s", msg.text);
        return NULL;
    }
    struct yaml_problems problems = { 0 };
    struct yaml_node *root = yaml_parse(str_make(text, size), &problems);
    for (size_t i = 0; i < problems.count; i++) {
        complain(r, r->extends, NULL, "%s:%u:%u: %s", path, problems.items[i].line, problems.items[i].column,
                 problems.items[i].text);
    }
    if (root != NULL && root->kind != YAML_MAP) {
        complain(r, r->extends, NULL, "%s is no scenario: it holds no keys", path);
    }
    if (root != NULL && (problems.count > 0 || root->kind != YAML_MAP)) {
        yaml_free(root);
        root = NULL;
    }
    if (root != NULL) {
        reading_extend(r, root, path, depth + 1);
    }
    yaml_problems_deinit(&problems);
    mem_free(text);
    return root;
}

void reading_extend(struct reading *r, struct yaml_node *root, const char *path, unsigned depth)
{
    const struct yaml_node *node = yaml_get(root, "extends");
    if (node == NULL) {
        return;
    }
    if (depth == 0) {
        r->extends = node;
    }
    const char *relative = reading_text(r, depth == 0 ? node : r->extends, "extends");
    if (relative == NULL || node->kind != YAML_SCALAR) {
        return;
    }
    if (depth >= SCENARIO_EXTENDS_MAX) {
        complain(r, r->extends, NULL, "files extend each other more than %d deep; is %s in a circle?",
                 SCENARIO_EXTENDS_MAX, path);
        return;
    }
    char *base_path = path_beside(path, node->text);
    struct yaml_node *base = load_base(r, base_path, depth);
    if (base == NULL) {
        mem_free(base_path);
        return;
    }
    /* Entries of nodes that are freed below stay: no node is made any more that could get their address, and
     * the root's entry owns the path. */
    remember(r, base, base_path, true);
    merge(root, base);
    yaml_free(base);
}
