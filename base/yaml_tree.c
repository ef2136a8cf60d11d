/* libyaml's events made into a tree that remembers where everything stood.
 *
 * What our subset leaves out (anchors, aliases, tags, merge keys, repeated keys, keys that YAML 1.1
 * takes for booleans) is noted and reading goes on, so that one pass shows all of it; only broken YAML
 * ends the pass, because libyaml cannot find its way back.  A file may be hostile: its size, its depth,
 * its nodes and the keys of one map are bounded, and an alias is never followed. */
#include "base/yaml_tree.h"

#include "base/memory.h"
#include "base/yaml_limits.h"
#include <yaml.h>

struct frame {
    struct yaml_node *node; /* owned by the tree */
    struct yaml_node *key;  /* owned: a key that waits for its value */
    size_t capacity;
};

struct builder {
    yaml_parser_t parser;
    struct yaml_problems *problems;
    struct str source;
    struct frame frames[YAML_DEPTH_MAX];
    size_t depth;
    size_t nodes;
    struct yaml_node *root;
    bool stopped; /* no use in reading on */
};

void yaml_tree_free(struct yaml_node *node)
{
    if (node == NULL) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        yaml_tree_free(node->items[i]); /* as deep as YAML_DEPTH_MAX at most */
        if (node->keys != NULL) {
            yaml_tree_free(node->keys[i]);
        }
    }
    mem_free(node->items);
    mem_free(node->keys);
    mem_free(node->text);
    mem_free(node);
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (map == NULL || map->kind != YAML_MAP) {
        return NULL;
    }
    struct str wanted = str_of(key);
    for (size_t i = 0; i < map->count; i++) {
        if (str_equal(str_make(map->keys[i]->text, map->keys[i]->text_size), wanted)) {
            return map->items[i];
        }
    }
    return NULL;
}

static bool is_one_of(const char *text, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(text, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool yaml_is_null(const struct yaml_node *node)
{
    static const char *const names[] = { "", "~", "null", "Null", "NULL" };
    return node->kind == YAML_SCALAR && !node->quoted &&
           is_one_of(node->text, names, sizeof(names) / sizeof(names[0]));
}

static struct yaml_node *node_new(enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *node = mem_alloc(sizeof(*node));
    node->kind = kind;
    node->line = (unsigned)mark.line + 1;
    node->column = (unsigned)mark.column + 1;
    return node;
}

static void stop(struct builder *b)
{
    b->stopped = true;
}

/* A key that our subset refuses; the node stays in the tree all the same. */
static void check_key(struct builder *b, const struct yaml_node *map, const struct yaml_node *key)
{
    static const char *const booleans[] = { "on", "On", "ON",  "off", "Off", "OFF", "y",  "Y",
                                            "n",  "N",  "yes", "Yes", "YES", "no",  "No", "NO" };
    if (!key->quoted && strcmp(key->text, "<<") == 0) {
        yaml_problem_at(b->problems, key, NULL, "merge keys are not supported: write the keys out");
    } else if (!key->quoted && is_one_of(key->text, booleans, sizeof(booleans) / sizeof(booleans[0]))) {
        yaml_problem_at(b->problems, key, NULL,
                        "key \"%s\" is a boolean to YAML 1.1 editors: use another name", key->text);
    }
    for (size_t i = 0; i < map->count; i++) {
        if (map->keys[i]->text_size == key->text_size &&
            memcmp(map->keys[i]->text, key->text, key->text_size) == 0) {
            yaml_problem_at(b->problems, key, NULL, "key \"%s\" stands twice in one map (first in line %u)",
                            key->text, map->keys[i]->line);
            return;
        }
    }
}

static void make_room(struct frame *f)
{
    struct yaml_node *node = f->node;
    if (node->count < f->capacity) {
        return;
    }
    f->capacity = f->capacity == 0 ? 4 : f->capacity * 2;
    node->items = mem_realloc(node->items, f->capacity * sizeof(struct yaml_node *));
    if (node->kind == YAML_MAP) {
        node->keys = mem_realloc(node->keys, f->capacity * sizeof(struct yaml_node *));
    }
}

/* Hangs a node where the next one belongs. Takes ownership; false when it was refused and freed. */
static bool put_node(struct builder *b, struct yaml_node *node)
{
    b->nodes++;
    if (b->nodes > YAML_NODES_MAX) {
        yaml_problem_at(b->problems, node, NULL, "too large: more than %d values", (int)YAML_NODES_MAX);
        yaml_free(node);
        stop(b);
        return false;
    }
    if (b->depth == 0) {
        yaml_free(b->root);
        b->root = node;
        return true;
    }
    struct frame *f = &b->frames[b->depth - 1];
    if (f->node->kind == YAML_MAP && f->key == NULL) {
        const char *refusal = node->kind != YAML_SCALAR         ? "a key must be plain text"
                              : f->node->count >= YAML_KEYS_MAX ? "too many keys in one map"
                                                                : NULL;
        if (refusal != NULL) {
            yaml_problem_at(b->problems, node, NULL, "%s", refusal);
            yaml_free(node);
            stop(b);
            return false;
        }
        check_key(b, f->node, node);
        f->key = node;
        return true;
    }
    make_room(f);
    if (f->node->kind == YAML_MAP) {
        f->node->keys[f->node->count] = f->key;
        f->key = NULL;
    }
    f->node->items[f->node->count++] = node;
    return true;
}

static void refuse_decoration(struct builder *b, yaml_mark_t mark, const yaml_char_t *anchor,
                              const yaml_char_t *tag)
{
    if (anchor != NULL) {
        yaml_problem_add(b->problems, (unsigned)mark.line + 1, (unsigned)mark.column + 1, 1, NULL,
                         "anchors are not supported (&%s)", (const char *)anchor);
    }
    if (tag != NULL) {
        yaml_problem_add(b->problems, (unsigned)mark.line + 1, (unsigned)mark.column + 1, 1, NULL,
                         "tags are not supported (%s)", (const char *)tag);
    }
}

static void on_scalar(struct builder *b, const yaml_event_t *e)
{
    refuse_decoration(b, e->start_mark, e->data.scalar.anchor, e->data.scalar.tag);
    struct yaml_node *node = node_new(YAML_SCALAR, e->start_mark);
    node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = mem_strndup((const char *)e->data.scalar.value, e->data.scalar.length);
    node->text_size = e->data.scalar.length;
    if (memchr(node->text, '\0', node->text_size) != NULL) {
        yaml_problem_at(b->problems, node, NULL, "a text must not hold a zero byte");
    }
    (void)put_node(b, node); /* a refusal stops the builder */
}

static void on_container(struct builder *b, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *node = node_new(kind, mark);
    if (b->depth == YAML_DEPTH_MAX) {
        yaml_problem_at(b->problems, node, NULL, "too deep: more than %d levels", (int)YAML_DEPTH_MAX);
        yaml_free(node);
        stop(b);
        return;
    }
    if (put_node(b, node)) {
        b->frames[b->depth++] = (struct frame){ .node = node };
    }
}

static void on_event(struct builder *b, const yaml_event_t *e)
{
    switch (e->type) {
        case YAML_SCALAR_EVENT:
            on_scalar(b, e);
            break;
        case YAML_SEQUENCE_START_EVENT:
            refuse_decoration(b, e->start_mark, e->data.sequence_start.anchor, e->data.sequence_start.tag);
            on_container(b, YAML_LIST, e->start_mark);
            break;
        case YAML_MAPPING_START_EVENT:
            refuse_decoration(b, e->start_mark, e->data.mapping_start.anchor, e->data.mapping_start.tag);
            on_container(b, YAML_MAP, e->start_mark);
            break;
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_END_EVENT:
            b->depth--;
            break;
        case YAML_ALIAS_EVENT: {
            struct yaml_node *stand_in = node_new(YAML_SCALAR, e->start_mark);
            stand_in->text = mem_strdup("");
            yaml_problem_at(b->problems, stand_in, NULL, "aliases are not supported (*%s)",
                            (const char *)e->data.alias.anchor);
            (void)put_node(b, stand_in);
            break;
        }
        case YAML_DOCUMENT_START_EVENT:
            if (b->root != NULL) {
                yaml_problem_add(b->problems, (unsigned)e->start_mark.line + 1,
                                 (unsigned)e->start_mark.column + 1, 3, NULL,
                                 "one file holds one document: a second one begins here");
                stop(b);
            }
            break;
        case YAML_STREAM_END_EVENT:
            stop(b);
            break;
        case YAML_NO_EVENT:
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
    }
}

/* libyaml tells the place of an unreadable byte by its offset only. */
static void place_of(struct str source, size_t offset, unsigned *line, unsigned *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < offset && i < source.size; i++) {
        if (source.data[i] == '\n') {
            (*line)++;
            *column = 1;
        } else {
            (*column)++;
        }
    }
}

static void note_broken_yaml(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    unsigned line = (unsigned)p->problem_mark.line + 1;
    unsigned column = (unsigned)p->problem_mark.column + 1;
    const char *hint = NULL;
    if (p->error == YAML_READER_ERROR) {
        place_of(b->source, p->problem_offset, &line, &column);
    } else if (p->problem_mark.index < b->source.size && b->source.data[p->problem_mark.index] == '\t') {
        hint = "a tab cannot indent: use spaces";
    }
    const char *problem = p->problem == NULL ? "out of memory" : p->problem;
    if (p->context != NULL) {
        yaml_problem_add(b->problems, line, column, 1, hint, "not YAML: %s %s (line %u)", problem, p->context,
                         (unsigned)p->context_mark.line + 1);
    } else {
        yaml_problem_add(b->problems, line, column, 1, hint, "not YAML: %s", problem);
    }
    stop(b);
}

static void build(struct builder *b)
{
    yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b->parser, (const unsigned char *)b->source.data, b->source.size);
    while (!b->stopped) {
        yaml_event_t event;
        if (yaml_parser_parse(&b->parser, &event) == 0) {
            note_broken_yaml(b);
            break;
        }
        on_event(b, &event);
        yaml_event_delete(&event);
        if (b->problems->count > YAML_PROBLEMS_MAX) {
            stop(b);
        }
    }
    for (size_t i = 0; i < b->depth; i++) {
        yaml_free(b->frames[i].key);
    }
    if (b->root == NULL && b->problems->count == 0) {
        yaml_problem_add(b->problems, 1, 1, 1, NULL, "the file is empty");
    }
}

struct yaml_node *yaml_parse(struct str source, struct yaml_problems *problems)
{
    size_t before = problems->count;
    if (source.size > YAML_BYTES_MAX) {
        yaml_problem_add(problems, 1, 1, 1, NULL, "the file is too large: %zu bytes, at most %d", source.size,
                         (int)YAML_BYTES_MAX);
        return NULL;
    }
    if (source.data == NULL) {
        source = STR("");
    }
    struct builder *b = mem_alloc(sizeof(*b));
    b->problems = problems;
    b->source = source;
    if (yaml_parser_initialize(&b->parser) == 0) {
        yaml_problem_add(problems, 1, 1, 1, NULL, "out of memory");
    } else {
        build(b);
        yaml_parser_delete(&b->parser);
    }
    struct yaml_node *root = b->root;
    mem_free(b);
    if (problems->count > before) {
        yaml_free(root);
        return NULL;
    }
    return root;
}
