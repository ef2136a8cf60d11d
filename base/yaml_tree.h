/* A YAML document as a tree in which every node knows its line and column, read with libyaml.
 *
 * The subset of docs/scenarios.md: YAML 1.2 core without anchors, aliases, tags and merge keys;
 * repeated keys are errors.  All errors of a file are collected, not only the first. */
#ifndef WALDRILL_BASE_YAML_TREE_H
#define WALDRILL_BASE_YAML_TREE_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stddef.h>

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    unsigned line;   /* 1-based */
    unsigned column; /* 1-based */
    bool quoted;     /* scalar in quotes: always text */
    char *text;      /* scalar, terminated */
    size_t text_size;
    struct yaml_node **items; /* list: elements; map: values */
    struct yaml_node **keys;  /* map: scalar nodes, same order as in the file */
    size_t count;
};

/* One complaint about a file.  The list is owned by its struct and freed with yaml_problems_deinit. */
struct yaml_problem {
    unsigned line;
    unsigned column;
    unsigned width; /* columns to underline, at least 1 */
    char *text;     /* what was wrong, what was expected */
    char *hint;     /* 'did you mean "during"?' or NULL */
};
struct yaml_problems {
    struct yaml_problem *items;
    size_t count;
    size_t capacity;
};
void yaml_problem_add(struct yaml_problems *list, unsigned line, unsigned column, unsigned width,
                      const char *hint, const char *format, ...) __attribute__((format(printf, 6, 7)));
void yaml_problem_at(struct yaml_problems *list, const struct yaml_node *node, const char *hint,
                     const char *format, ...) __attribute__((format(printf, 4, 5)));
void yaml_problems_deinit(struct yaml_problems *list);
/* "path:line:column: error: text", the source line and a caret under it, at most cap problems in
 * the order of lines, then "and N more". */
struct buf;
void yaml_problems_print(const struct yaml_problems *list, const char *path, struct str source, size_t cap,
                         bool colour, struct buf *out);

/* Parses source; NULL with problems when it is not YAML of our subset. */
struct yaml_node *yaml_parse(struct str source, struct yaml_problems *problems);
void yaml_tree_free(struct yaml_node *node); /* NULL allowed */
/* Inline, because libyaml has a function of this name that a linked one would replace. */
static inline void yaml_free(struct yaml_node *node)
{
    yaml_tree_free(node);
}
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key); /* NULL if absent */
bool yaml_is_null(const struct yaml_node *node);                                /* plain "", "~" or "null" */

#endif
