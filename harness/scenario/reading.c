/* Complaints at their place.
 *
 * Nodes that came from another file (files.c) carry lines of that file; they are remembered by address, and a
 * complaint about one of them is shown where the scenario names the file, with the other file's place in its
 * text. */
#include "harness/scenario/reading.h"

#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <uthash.h>

struct base_node {
    const struct yaml_node *node;
    const struct yaml_node *shown; /* where the scenario's own file names the other one */
    const char *path;              /* of the other file; the reading owns it */
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
    const struct base_node *base = base_of(r, node);
    return base != NULL ? base->shown->line : node->line;
}

static void complain_of_base(struct reading *r, const struct base_node *base, unsigned line, unsigned column,
                             const char *hint, const char *text)
{
    yaml_problem_at(r->problems, base->shown, NULL, "%s:%u:%u: %s%s%s", base->path, line, column, text,
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

/* --- nodes of other files ------------------------------------------------------------------------------ */

static void remember(struct reading *r, const struct yaml_node *node, const struct yaml_node *shown,
                     const char *path)
{
    if (base_of(r, node) != NULL) {
        return; /* of a file that this one itself names */
    }
    struct base_node *entry = mem_alloc(sizeof(*entry));
    *entry = (struct base_node){ .node = node, .shown = shown, .path = path };
    HASH_ADD_PTR(r->base_nodes, node, entry);
    for (size_t i = 0; i < node->count; i++) {
        remember(r, node->items[i], shown, path);
        if (node->keys != NULL) {
            remember(r, node->keys[i], shown, path);
        }
    }
}

void reading_remember(struct reading *r, const struct yaml_node *node, const struct yaml_node *shown,
                      char *path)
{
    r->paths = mem_realloc(r->paths, (r->path_count + 1) * sizeof(*r->paths));
    r->paths[r->path_count++] = path;
    remember(r, node, shown, path);
}

void reading_remember_like(struct reading *r, const struct yaml_node *node, const struct yaml_node *like)
{
    const struct base_node *base = base_of(r, like);
    if (base != NULL) {
        remember(r, node, base->shown, base->path);
    }
}

void reading_forget(struct reading *r, const struct yaml_node *node)
{
    struct base_node *found = NULL;
    HASH_FIND_PTR(r->base_nodes, &node, found);
    if (found != NULL) {
        HASH_DEL(r->base_nodes, found);
        mem_free(found);
    }
    for (size_t i = 0; i < node->count; i++) {
        reading_forget(r, node->items[i]);
        if (node->keys != NULL) {
            reading_forget(r, node->keys[i]);
        }
    }
}

void reading_deinit(struct reading *r)
{
    struct base_node *entry = NULL;
    struct base_node *next = NULL;
    HASH_ITER (hh, r->base_nodes, entry, next) {
        HASH_DEL(r->base_nodes, entry);
        mem_free(entry);
    }
    for (size_t i = 0; i < r->path_count; i++) {
        mem_free(r->paths[i]);
    }
    mem_free(r->paths);
}
