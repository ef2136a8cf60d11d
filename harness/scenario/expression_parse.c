/* The parser of expressions: recursive descent, one function per level of binding.
 *
 *   expression := [always|never|eventually] implies { for D | within D | during PHASE | after MARK }
 *   implies    := or [ "implies" implies ]        or  := and { "or" and }       and := not { "and" not }
 *   not        := "not" not | comparison
 *   comparison := sum [ (== != < <= > >=) sum | "in" list | "contains" sum ]
 *   sum        := product { (+ -) product }       product := unary { (* /) unary }
 *   unary      := "-" unary | primary
 *   primary    := number | "text" | true | false | null | name | function "(" name ")" | "(" implies ")"
 *
 * Names are resolved while parsing; units are checked afterwards on the tree (expression_check.c).  The
 * first error ends it: column, width, message, hint.  Depth and length are bounded, because files come
 * from anywhere. */
#include "harness/scenario/expression_parser.h"

#include "base/memory.h"
#include <stdio.h>

void expression_free(struct expression *e)
{
    if (e == NULL) {
        return;
    }
    node_free(e->condition);
    mem_free(e->text);
    mem_free(e);
}

/* Joins two operands; when the second is missing the first is let go. */
static struct node *node_join(struct parser *p, enum node_kind kind, struct node *left, struct node *right)
{
    if (left == NULL || right == NULL) {
        node_free(left);
        node_free(right);
        return NULL;
    }
    struct node *node = node_new(kind, left->column, p->taken_end - left->column);
    node->left = left;
    node->right = right;
    return node;
}

/* --- levels of binding ------------------------------------------------------------------------ */

static struct node *parse_unary(struct parser *p)
{
    size_t column = p->token.column;
    if (!parser_accept(p, "-")) {
        return parse_primary(p);
    }
    if (!parser_deeper(p)) {
        return NULL;
    }
    struct node *inner = parse_unary(p);
    p->depth--;
    if (inner == NULL) {
        return NULL;
    }
    struct node *node = node_new(NODE_NEGATE, column, p->taken_end - column);
    node->left = inner;
    return node;
}

static struct node *parse_product(struct parser *p)
{
    struct node *left = parse_unary(p);
    while (left != NULL && (token_is(&p->token, "*") || token_is(&p->token, "/"))) {
        enum node_kind kind = token_is(&p->token, "*") ? NODE_MULTIPLY : NODE_DIVIDE;
        parser_advance(p);
        left = node_join(p, kind, left, parse_unary(p));
    }
    return left;
}

static struct node *parse_sum(struct parser *p)
{
    struct node *left = parse_product(p);
    while (left != NULL && (token_is(&p->token, "+") || token_is(&p->token, "-"))) {
        enum node_kind kind = token_is(&p->token, "+") ? NODE_ADD : NODE_SUBTRACT;
        parser_advance(p);
        left = node_join(p, kind, left, parse_product(p));
    }
    return left;
}

static struct node *parse_list(struct parser *p)
{
    size_t column = p->token.column;
    if (!parser_expect(p, "[", "and the values after \"in\": in [200, 201]")) {
        return NULL;
    }
    struct node *list = node_new(NODE_LIST, column, 1);
    do {
        struct node *item = parse_primary(p);
        if (item == NULL) {
            node_free(list);
            return NULL;
        }
        list->items = mem_realloc(list->items, (list->item_count + 1) * sizeof(struct node *));
        list->items[list->item_count++] = item;
    } while (parser_accept(p, ","));
    if (!parser_expect(p, "]", "after the values")) {
        node_free(list);
        return NULL;
    }
    list->width = p->taken_end - column;
    return list;
}

static struct node *parse_comparison(struct parser *p)
{
    static const struct {
        const char *sign;
        enum node_kind kind;
    } signs[] = {
        { "==", NODE_EQUAL },         { "!=", NODE_NOT_EQUAL }, { "<=", NODE_LESS_EQUAL },
        { ">=", NODE_GREATER_EQUAL }, { "<", NODE_LESS },       { ">", NODE_GREATER },
    };
    struct node *left = parse_sum(p);
    if (left == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        if (parser_accept(p, signs[i].sign)) {
            return node_join(p, signs[i].kind, left, parse_sum(p));
        }
    }
    if (parser_accept(p, "in")) {
        return node_join(p, NODE_IN, left, parse_list(p));
    }
    if (parser_accept(p, "contains")) {
        return node_join(p, NODE_CONTAINS, left, parse_sum(p));
    }
    return left;
}

static struct node *parse_not(struct parser *p)
{
    size_t column = p->token.column;
    if (!parser_accept(p, "not")) {
        return parse_comparison(p);
    }
    if (!parser_deeper(p)) {
        return NULL;
    }
    struct node *inner = parse_not(p);
    p->depth--;
    if (inner == NULL) {
        return NULL;
    }
    struct node *node = node_new(NODE_NOT, column, p->taken_end - column);
    node->left = inner;
    return node;
}

static struct node *parse_and(struct parser *p)
{
    struct node *left = parse_not(p);
    while (left != NULL && parser_accept(p, "and")) {
        left = node_join(p, NODE_AND, left, parse_not(p));
    }
    return left;
}

static struct node *parse_or(struct parser *p)
{
    struct node *left = parse_and(p);
    while (left != NULL && parser_accept(p, "or")) {
        left = node_join(p, NODE_OR, left, parse_and(p));
    }
    return left;
}

struct node *parse_implies(struct parser *p)
{
    struct node *left = parse_or(p);
    if (left == NULL || !parser_accept(p, "implies")) {
        return left;
    }
    if (!parser_deeper(p)) {
        node_free(left);
        return NULL;
    }
    struct node *right = parse_implies(p);
    p->depth--;
    return node_join(p, NODE_IMPLIES, left, right);
}

/* --- windows ---------------------------------------------------------------------------------- */

static bool parse_length(struct parser *p, const char *keyword, int64_t *out)
{
    struct token token = p->token;
    if (token.kind == TOKEN_NUMBER && token.unit == UNIT_COUNT) {
        (void)parser_fail(
            p, token.column, token.text.size,
            "\"%.*s\" needs a unit after \"%s\" (a duration): write \"%.*ss\", or \"%.*sm\" if you "
            "meant minutes",
            STR_ARGS(token.text), keyword, STR_ARGS(token.text), STR_ARGS(token.text));
        return false;
    }
    if (token.kind != TOKEN_NUMBER || token.unit != UNIT_DURATION) {
        (void)parser_fail(p, token.column, token_width(&token),
                          "expected a duration after \"%s\", as in \"%s 5s\"", keyword, keyword);
        return false;
    }
    *out = (int64_t)token.number;
    parser_advance(p);
    return true;
}

/* "outage", "outage.end": the phase of a token that names one. */
static bool parse_phase(struct parser *p, struct expression_mark *mark)
{
    struct token token = p->token;
    if (token.kind != TOKEN_NAME) {
        (void)parser_fail(p, token.column, token_width(&token), "expected the name of a phase");
        return false;
    }
    struct str name = token.text;
    mark->end = str_ends(name, STR(".end"));
    if (mark->end) {
        name.size -= 4;
    } else if (str_ends(name, STR(".start"))) {
        name.size -= 6;
    }
    for (size_t i = 0; i < p->scope->phase_count; i++) {
        if (str_equal(name, str_of(p->scope->phases[i]))) {
            mark->phase = (uint32_t)i;
            (void)snprintf(mark->name, sizeof(mark->name), "%.*s", STR_ARGS(token.text));
            parser_advance(p);
            return true;
        }
    }
    if (!p->failed) {
        hint_nearest(p->error, name, p->scope->phases, p->scope->phase_count);
    }
    (void)parser_fail(p, token.column, name.size, "no phase \"%.*s\"", STR_ARGS(name));
    return false;
}

static bool parse_mark(struct parser *p, struct expression_mark *mark)
{
    if (!parse_phase(p, mark)) {
        return false;
    }
    bool minus = token_is(&p->token, "-");
    if (!minus && !token_is(&p->token, "+")) {
        return true;
    }
    parser_advance(p);
    if (!parse_length(p, minus ? "-" : "+", &mark->offset_ns)) {
        return false;
    }
    mark->offset_ns = minus ? -mark->offset_ns : mark->offset_ns;
    return true;
}

static bool once(struct parser *p, bool *flag, const struct token *word)
{
    if (*flag) {
        (void)parser_fail(p, word->column, word->text.size, "\"%.*s\" a second time", STR_ARGS(word->text));
        return false;
    }
    *flag = true;
    return true;
}

static bool parse_window(struct parser *p, struct expression *e)
{
    struct token word = p->token;
    if (parser_accept(p, "for")) {
        return once(p, &e->has_hold, &word) && parse_length(p, "for", &e->hold_ns);
    }
    if (parser_accept(p, "within")) {
        return once(p, &e->has_within, &word) && parse_length(p, "within", &e->within_ns);
    }
    if (parser_accept(p, "during")) {
        if (!once(p, &e->has_during, &word) || !parse_phase(p, &e->during)) {
            return false;
        }
        if (strcmp(e->during.name, p->scope->phases[e->during.phase]) != 0) {
            (void)parser_fail(p, word.column, p->taken_end - word.column,
                              "\"during\" takes a phase, not one of its ends: during %s",
                              p->scope->phases[e->during.phase]);
        }
        return !p->failed;
    }
    if (parser_accept(p, "after")) {
        return once(p, &e->has_after, &word) && parse_mark(p, &e->after);
    }
    static const char *const words[] = { "for", "within",  "during", "after",   "and",
                                         "or",  "implies", "in",     "contains" };
    if (word.kind == TOKEN_NAME && !p->failed) {
        hint_nearest(p->error, word.text, words, COUNT_OF(words));
    }
    (void)parser_fail(p, word.column, token_width(&word), "\"%.*s\" does not continue the expression%s",
                      STR_ARGS(word.text),
                      e->has_hold || e->has_within || e->has_during || e->has_after
                          ? ""
                          : " (and or implies, == != < <= > >= + - * /, for within during after)");
    return false;
}

/* Combinations that would say nothing or two things. */
static bool window_is_sound(struct parser *p, const struct expression *e)
{
    if (e->has_during && e->has_after) {
        (void)parser_fail(p, 0, e->condition_column + e->condition_width,
                          "\"during\" and \"after\" name two windows; keep one");
    } else if (e->has_hold && e->temporal != TEMPORAL_EVENTUALLY && e->temporal != TEMPORAL_NEVER) {
        (void)parser_fail(p, 0, e->condition_column + e->condition_width,
                          "\"for\" belongs to \"eventually\" or \"never\": eventually ... for 5s");
    } else if (p->scope->no_window && (e->temporal != TEMPORAL_NONE || e->has_hold || e->has_within ||
                                       e->has_during || e->has_after)) {
        (void)parser_fail(p, 0, p->lexer.source.size,
                          "this is asked again and again: write only the condition, without always, never, "
                          "eventually, for, "
                          "within, during, after");
    } else if (p->scope->in_step && (e->temporal != TEMPORAL_NONE || e->has_hold || e->has_within ||
                                     e->has_during || e->has_after)) {
        (void)parser_fail(p, 0, p->lexer.source.size, "a step has one answer: write only the condition");
    }
    return !p->failed;
}

static void parse_all(struct parser *p, struct expression *e)
{
    parser_advance(p);
    if (!p->failed && p->token.kind == TOKEN_END) {
        (void)parser_fail(p, 0, 1, "the expression is empty");
    }
    if (parser_accept(p, "always")) {
        e->temporal = TEMPORAL_ALWAYS;
    } else if (parser_accept(p, "never")) {
        e->temporal = TEMPORAL_NEVER;
    } else if (parser_accept(p, "eventually")) {
        e->temporal = TEMPORAL_EVENTUALLY;
    }
    e->condition_column = p->token.column;
    e->condition = p->failed ? NULL : parse_implies(p);
    e->condition_width = p->taken_end - e->condition_column;
    while (!p->failed && p->token.kind != TOKEN_END && parse_window(p, e)) {
    }
    e->call_count = p->call_count;
    if (!p->failed && window_is_sound(p, e)) {
        p->failed = !expression_check_units(e->condition, p->scope, p->error);
    }
}

struct expression *expression_parse(struct str text, const struct expression_scope *scope,
                                    struct expression_error *error)
{
    *error = (struct expression_error){ .width = 1 };
    struct parser p = { .lexer = { text, 0 }, .scope = scope, .error = error };
    if (text.size > EXPRESSION_TEXT_MAX ||
        memchr(text.data == NULL ? "" : text.data, '\0', text.size) != NULL) {
        (void)parser_fail(&p, 0, 1, "an expression is a text of at most %d bytes", EXPRESSION_TEXT_MAX);
        return NULL;
    }
    struct expression *e = mem_alloc(sizeof(*e));
    e->text = mem_strndup(text.data == NULL ? "" : text.data, text.size);
    parse_all(&p, e);
    if (p.failed || e->condition == NULL) {
        expression_free(e);
        return NULL;
    }
    return e;
}
