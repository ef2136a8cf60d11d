/* The smallest parts of an expression: numbers, texts, metrics, functions, a step's answer, brackets; and the
 * parser's helpers. */
#include "harness/scenario/expression_parser.h"

#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>

static const char *const sample_functions[] = { "p50", "p90", "p99", "max", "min", "mean", "rate", "count" };
static const char *const step_names[] = { "status", "outcome", "latency", "json", "header", "body" };
static const char *const outcome_words[] = { "answered", "refused", "timeout", "broken" };

/* The first error stays. */
void *parser_fail(struct parser *p, size_t column, size_t width, const char *format, ...)
{
    if (p->failed) {
        return NULL;
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(p->error->message.text, sizeof(p->error->message.text), format, args);
    va_end(args);
    p->error->column = column;
    p->error->width = width == 0 ? 1 : width;
    p->failed = true;
    return NULL;
}

void parser_advance(struct parser *p)
{
    if (p->failed) {
        return;
    }
    p->taken_end = p->lexer.at;
    if (!lexer_next(&p->lexer, &p->token, p->error)) {
        p->failed = true;
        p->token = (struct token){ .kind = TOKEN_END, .column = p->lexer.source.size };
    }
}

bool parser_accept(struct parser *p, const char *text)
{
    if (p->failed || !token_is(&p->token, text)) {
        return false;
    }
    parser_advance(p);
    return true;
}

size_t token_width(const struct token *token)
{
    return token->kind == TOKEN_STRING ? token->text.size + 2 : token->text.size;
}

bool parser_expect(struct parser *p, const char *text, const char *why)
{
    if (parser_accept(p, text)) {
        return true;
    }
    (void)parser_fail(p, p->token.column, token_width(&p->token), "expected \"%s\" %s", text, why);
    return false;
}

struct node *node_new(enum node_kind kind, size_t column, size_t width)
{
    struct node *node = mem_alloc(sizeof(*node));
    node->kind = kind;
    node->unit = UNIT_NULL;
    node->column = column;
    node->width = width;
    return node;
}

void node_free(struct node *node)
{
    if (node == NULL) {
        return;
    }
    node_free(node->left);
    node_free(node->right);
    for (size_t i = 0; i < node->item_count; i++) {
        node_free(node->items[i]);
    }
    mem_free(node->items);
    mem_free(node->text);
    mem_free(node);
}

bool parser_deeper(struct parser *p)
{
    if (p->depth < EXPRESSION_DEPTH_MAX) {
        p->depth++;
        return true;
    }
    (void)parser_fail(p, p->token.column, 1, "nested deeper than %d levels", EXPRESSION_DEPTH_MAX);
    return false;
}

/* "$.a.b[0]": dots, names, numbers in brackets. */
static bool json_path_is_valid(struct str path)
{
    if (path.size == 0 || path.data[0] != '$') {
        return false;
    }
    size_t i = 1;
    while (i < path.size) {
        size_t start = i + 1;
        if (path.data[i] == '.') {
            for (i = start; i < path.size && path.data[i] != '.' && path.data[i] != '['; i++) {
            }
            if (i == start) {
                return false;
            }
        } else if (path.data[i] == '[') {
            for (i = start; i < path.size && path.data[i] >= '0' && path.data[i] <= '9'; i++) {
            }
            if (i == start || i - start > 9 || i >= path.size || path.data[i] != ']') {
                return false;
            }
            i++;
        } else {
            return false;
        }
    }
    return true;
}

/* json("$.id"), header("X-Wal-Status"): the name is taken, "(" comes next. */
static struct node *parse_step_call(struct parser *p, enum node_kind kind, size_t column)
{
    if (!parser_expect(
            p, "(",
            kind == NODE_JSON ? "and a path: json(\"$.id\")" : "and a name: header(\"X-Wal-Status\")")) {
        return NULL;
    }
    struct token argument = p->token;
    if (argument.kind != TOKEN_STRING) {
        return parser_fail(p, argument.column, argument.text.size, "expected a text in quotes, as in %s",
                           kind == NODE_JSON ? "json(\"$.id\")" : "header(\"X-Wal-Status\")");
    }
    if (kind == NODE_JSON && !json_path_is_valid(argument.text)) {
        return parser_fail(
            p, argument.column, argument.text.size + 2,
            "\"%.*s\" is no path into JSON: \"$\", then \".name\" and \"[0]\" as often as needed",
            STR_ARGS(argument.text));
    }
    parser_advance(p);
    if (!parser_expect(p, ")", "after the text")) {
        return NULL;
    }
    struct node *node = node_new(kind, column, p->taken_end - column);
    node->text = mem_strndup(argument.text.data, argument.text.size);
    return node;
}

static struct node *parse_step_name(struct parser *p, const struct token *name)
{
    static const enum node_kind kinds[] = { NODE_STATUS, NODE_OUTCOME, NODE_LATENCY,
                                            NODE_JSON,   NODE_HEADER,  NODE_BODY };
    for (size_t i = 0; i < COUNT_OF(step_names); i++) {
        if (token_is(name, step_names[i])) {
            if (kinds[i] == NODE_JSON || kinds[i] == NODE_HEADER) {
                return parse_step_call(p, kinds[i], name->column);
            }
            return node_new(kinds[i], name->column, name->text.size);
        }
    }
    for (size_t i = 0; i < COUNT_OF(outcome_words); i++) {
        if (token_is(name, outcome_words[i])) {
            struct node *node = node_new(NODE_LITERAL, name->column, name->text.size);
            node->unit = UNIT_OUTCOME;
            node->text = mem_strdup(outcome_words[i]);
            return node;
        }
    }
    const char *known[COUNT_OF(step_names) + COUNT_OF(outcome_words)];
    memcpy(known, step_names, sizeof(step_names));
    memcpy(known + COUNT_OF(step_names), outcome_words, sizeof(outcome_words));
    hint_nearest(p->error, name->text, known, COUNT_OF(known));
    return parser_fail(
        p, name->column, name->text.size,
        "a step sees its own answer, not \"%.*s\": status, outcome, latency, body, json(\"$.x\"), "
        "header(\"X\")",
        STR_ARGS(name->text));
}

static struct node *parse_metric(struct parser *p, const struct token *name)
{
    struct metric_found found;
    if (!metric_find(name->text, p->scope, &found, p->error)) {
        if (!p->failed) {
            p->error->column = name->column;
            p->error->width = name->text.size;
            p->failed = true;
        }
        return NULL;
    }
    struct node *node = node_new(NODE_METRIC, name->column, name->text.size);
    node->unit = found.unit;
    node->of_load = found.of_load;
    node->text = mem_strndup(name->text.data, name->text.size);
    return node;
}

/* "(lb-crash).wal.pending_writes": the word before it is taken. */
static struct node *parse_around(struct parser *p, const struct token *name)
{
    const char *function = token_is(name, "before") ? "before" : "after";
    parser_advance(p); /* "(" */
    struct token fault = p->token;
    if (fault.kind != TOKEN_NAME && fault.kind != TOKEN_STRING) {
        return parser_fail(p, fault.column, token_width(&fault), "expected the name of a fault inside %s( )",
                           function);
    }
    uint32_t index = 0;
    while (index < p->scope->fault_count && !str_equal(fault.text, str_of(p->scope->faults[index]))) {
        index++;
    }
    if (index == p->scope->fault_count) {
        hint_nearest(p->error, fault.text, p->scope->faults, p->scope->fault_count);
        return parser_fail(p, fault.column, token_width(&fault), "no fault \"%.*s\"", STR_ARGS(fault.text));
    }
    parser_advance(p);
    if (!parser_expect(p, ")", "after the fault's name")) {
        return NULL;
    }
    struct token metric = p->token;
    if (metric.kind != TOKEN_NAME || metric.text.data[0] != '.') {
        return parser_fail(p, metric.column, token_width(&metric),
                           "expected a metric after the bracket: %s(%.*s).wal.pending_writes", function,
                           STR_ARGS(fault.text));
    }
    metric.text = str_make(metric.text.data + 1, metric.text.size - 1);
    metric.column++;
    parser_advance(p);
    struct node *node = parse_metric(p, &metric);
    if (node == NULL) {
        return NULL;
    }
    node->kind = NODE_AROUND;
    node->function = function;
    node->fault = index;
    node->column = name->column;
    node->width = p->taken_end - name->column;
    if (node->of_load) {
        node_free(node);
        return parser_fail(p, metric.column, metric.text.size,
                           "%s() takes a sampled metric; a load's figures have no value at an instant",
                           function);
    }
    return node;
}

static struct node *parse_call(struct parser *p, const struct token *name)
{
    const char *function = NULL;
    for (size_t i = 0; i < COUNT_OF(sample_functions); i++) {
        if (token_is(name, sample_functions[i])) {
            function = sample_functions[i];
        }
    }
    if (function == NULL) {
        static const char *const known[] = { "p50",  "p90",  "p99",   "max",    "min",
                                             "mean", "rate", "count", "before", "after" };
        hint_nearest(p->error, name->text, known, COUNT_OF(known));
        return parser_fail(p, name->column, name->text.size,
                           "no function \"%.*s\" (p50 p90 p99 max min mean rate count before after)",
                           STR_ARGS(name->text));
    }
    parser_advance(p); /* "(" */
    struct token metric = p->token;
    if (metric.kind != TOKEN_NAME) {
        return parser_fail(p, metric.column, token_width(&metric), "expected a metric inside %s( )",
                           function);
    }
    parser_advance(p);
    struct node *argument = parse_metric(p, &metric);
    if (argument == NULL || !parser_expect(p, ")", "after the metric")) {
        node_free(argument);
        return NULL;
    }
    struct node *node = node_new(NODE_CALL, name->column, p->taken_end - name->column);
    node->function = function;
    node->of_load = argument->of_load;
    node->call_index = p->call_count++;
    node->left = argument;
    return node;
}

static struct node *parse_name(struct parser *p)
{
    struct token name = p->token;
    parser_advance(p);
    bool truth = token_is(&name, "true");
    if (truth || token_is(&name, "false") || token_is(&name, "null")) {
        struct node *node = node_new(NODE_LITERAL, name.column, name.text.size);
        node->unit = token_is(&name, "null") ? UNIT_NULL : UNIT_TRUTH;
        node->number = truth ? 1 : 0;
        return node;
    }
    if (p->scope->in_step) {
        return parse_step_name(p, &name);
    }
    if (token_is(&p->token, "(") && (token_is(&name, "before") || token_is(&name, "after"))) {
        return parse_around(p, &name);
    }
    if (token_is(&p->token, "(")) {
        return parse_call(p, &name);
    }
    for (size_t i = 0; i < COUNT_OF(step_names); i++) {
        if (token_is(&name, step_names[i])) {
            return parser_fail(p, name.column, name.text.size,
                               "\"%s\" is known only in a step's assert and capture", step_names[i]);
        }
    }
    return parse_metric(p, &name);
}

struct node *parse_primary(struct parser *p)
{
    struct token token = p->token;
    if (token.kind == TOKEN_NAME) {
        return parse_name(p);
    }
    if (token.kind == TOKEN_NUMBER || token.kind == TOKEN_STRING) {
        struct node *node = node_new(NODE_LITERAL, token.column, token_width(&token));
        node->unit = token.kind == TOKEN_NUMBER ? token.unit : UNIT_TEXT;
        node->number = token.number;
        node->text = mem_strndup(token.text.data, token.text.size);
        parser_advance(p);
        return node;
    }
    if (token_is(&token, "(")) {
        parser_advance(p);
        if (!parser_deeper(p)) {
            return NULL;
        }
        struct node *inner = parse_implies(p);
        p->depth--;
        if (inner != NULL && !parser_expect(p, ")", "to close the bracket")) {
            node_free(inner);
            return NULL;
        }
        return inner;
    }
    if (token.kind == TOKEN_END) {
        return parser_fail(p, p->lexer.source.size, 1,
                           "the expression ends where a metric or a number should stand");
    }
    return parser_fail(p, token.column, token.text.size, "\"%.*s\" stands where a metric or a number should",
                       STR_ARGS(token.text));
}
