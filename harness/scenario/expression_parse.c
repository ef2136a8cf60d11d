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
#include "harness/scenario/expression_lexer.h"

#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>

struct parser {
    struct lexer lexer;
    struct token token; /* the next one, not yet taken */
    size_t taken_end;   /* where the last taken token ended */
    const struct expression_scope *scope;
    struct expression_error *error;
    size_t depth;
    size_t call_count;
    bool failed;
};

static const char *const sample_functions[] = { "p50", "p90", "p99", "max", "min", "mean", "rate", "count" };
static const char *const step_names[] = { "status", "outcome", "latency", "json", "header", "body" };
static const char *const outcome_words[] = { "answered", "refused", "timeout", "broken" };

#define COUNT_OF(table) (sizeof(table) / sizeof((table)[0]))

static struct node *parse_implies(struct parser *p);
static struct node *parse_sum(struct parser *p);

/* The first error stays. */
__attribute__((format(printf, 4, 5))) static void *fail_at(struct parser *p, size_t column, size_t width,
                                                           const char *format, ...)
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

static void advance(struct parser *p)
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

static bool accept(struct parser *p, const char *text)
{
    if (p->failed || !token_is(&p->token, text)) {
        return false;
    }
    advance(p);
    return true;
}

static size_t token_width(const struct token *token)
{
    return token->kind == TOKEN_STRING ? token->text.size + 2 : token->text.size;
}

static bool expect(struct parser *p, const char *text, const char *why)
{
    if (accept(p, text)) {
        return true;
    }
    (void)fail_at(p, p->token.column, token_width(&p->token), "expected \"%s\" %s", text, why);
    return false;
}

static struct node *node_new(enum node_kind kind, size_t column, size_t width)
{
    struct node *node = mem_alloc(sizeof(*node));
    node->kind = kind;
    node->unit = UNIT_NULL;
    node->column = column;
    node->width = width;
    return node;
}

static void node_free(struct node *node)
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

static bool deeper(struct parser *p)
{
    if (p->depth < EXPRESSION_DEPTH_MAX) {
        p->depth++;
        return true;
    }
    (void)fail_at(p, p->token.column, 1, "nested deeper than %d levels", EXPRESSION_DEPTH_MAX);
    return false;
}

/* --- primaries ------------------------------------------------------------------------------- */

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
    if (!expect(p, "(",
                kind == NODE_JSON ? "and a path: json(\"$.id\")" : "and a name: header(\"X-Wal-Status\")")) {
        return NULL;
    }
    struct token argument = p->token;
    if (argument.kind != TOKEN_STRING) {
        return fail_at(p, argument.column, argument.text.size, "expected a text in quotes, as in %s",
                       kind == NODE_JSON ? "json(\"$.id\")" : "header(\"X-Wal-Status\")");
    }
    if (kind == NODE_JSON && !json_path_is_valid(argument.text)) {
        return fail_at(p, argument.column, argument.text.size + 2,
                       "\"%.*s\" is no path into JSON: \"$\", then \".name\" and \"[0]\" as often as needed",
                       STR_ARGS(argument.text));
    }
    advance(p);
    if (!expect(p, ")", "after the text")) {
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
    return fail_at(p, name->column, name->text.size,
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

static struct node *parse_call(struct parser *p, const struct token *name)
{
    const char *function = NULL;
    for (size_t i = 0; i < COUNT_OF(sample_functions); i++) {
        if (token_is(name, sample_functions[i])) {
            function = sample_functions[i];
        }
    }
    if (function == NULL) {
        if (token_is(name, "before") || token_is(name, "after")) {
            return fail_at(p, name->column, name->text.size, "%.*s() is not supported in this version",
                           STR_ARGS(name->text));
        }
        hint_nearest(p->error, name->text, sample_functions, COUNT_OF(sample_functions));
        return fail_at(p, name->column, name->text.size,
                       "no function \"%.*s\" (p50 p90 p99 max min mean rate count)", STR_ARGS(name->text));
    }
    advance(p); /* "(" */
    struct token metric = p->token;
    if (metric.kind != TOKEN_NAME) {
        return fail_at(p, metric.column, token_width(&metric), "expected a metric inside %s( )", function);
    }
    advance(p);
    struct node *argument = parse_metric(p, &metric);
    if (argument == NULL || !expect(p, ")", "after the metric")) {
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
    advance(p);
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
    if (token_is(&p->token, "(")) {
        return parse_call(p, &name);
    }
    for (size_t i = 0; i < COUNT_OF(step_names); i++) {
        if (token_is(&name, step_names[i])) {
            return fail_at(p, name.column, name.text.size,
                           "\"%s\" is known only in a step's assert and capture", step_names[i]);
        }
    }
    return parse_metric(p, &name);
}

static struct node *parse_primary(struct parser *p)
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
        advance(p);
        return node;
    }
    if (token_is(&token, "(")) {
        advance(p);
        if (!deeper(p)) {
            return NULL;
        }
        struct node *inner = parse_implies(p);
        p->depth--;
        if (inner != NULL && !expect(p, ")", "to close the bracket")) {
            node_free(inner);
            return NULL;
        }
        return inner;
    }
    if (token.kind == TOKEN_END) {
        return fail_at(p, p->lexer.source.size, 1,
                       "the expression ends where a metric or a number should stand");
    }
    return fail_at(p, token.column, token.text.size, "\"%.*s\" stands where a metric or a number should",
                   STR_ARGS(token.text));
}

/* --- levels of binding ------------------------------------------------------------------------ */

static struct node *parse_unary(struct parser *p)
{
    size_t column = p->token.column;
    if (!accept(p, "-")) {
        return parse_primary(p);
    }
    if (!deeper(p)) {
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
        advance(p);
        left = node_join(p, kind, left, parse_unary(p));
    }
    return left;
}

static struct node *parse_sum(struct parser *p)
{
    struct node *left = parse_product(p);
    while (left != NULL && (token_is(&p->token, "+") || token_is(&p->token, "-"))) {
        enum node_kind kind = token_is(&p->token, "+") ? NODE_ADD : NODE_SUBTRACT;
        advance(p);
        left = node_join(p, kind, left, parse_product(p));
    }
    return left;
}

static struct node *parse_list(struct parser *p)
{
    size_t column = p->token.column;
    if (!expect(p, "[", "and the values after \"in\": in [200, 201]")) {
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
    } while (accept(p, ","));
    if (!expect(p, "]", "after the values")) {
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
        if (accept(p, signs[i].sign)) {
            return node_join(p, signs[i].kind, left, parse_sum(p));
        }
    }
    if (accept(p, "in")) {
        return node_join(p, NODE_IN, left, parse_list(p));
    }
    if (accept(p, "contains")) {
        return node_join(p, NODE_CONTAINS, left, parse_sum(p));
    }
    return left;
}

static struct node *parse_not(struct parser *p)
{
    size_t column = p->token.column;
    if (!accept(p, "not")) {
        return parse_comparison(p);
    }
    if (!deeper(p)) {
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
    while (left != NULL && accept(p, "and")) {
        left = node_join(p, NODE_AND, left, parse_not(p));
    }
    return left;
}

static struct node *parse_or(struct parser *p)
{
    struct node *left = parse_and(p);
    while (left != NULL && accept(p, "or")) {
        left = node_join(p, NODE_OR, left, parse_and(p));
    }
    return left;
}

static struct node *parse_implies(struct parser *p)
{
    struct node *left = parse_or(p);
    if (left == NULL || !accept(p, "implies")) {
        return left;
    }
    if (!deeper(p)) {
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
        (void)fail_at(p, token.column, token.text.size,
                      "\"%.*s\" needs a unit after \"%s\" (a duration): write \"%.*ss\", or \"%.*sm\" if you "
                      "meant minutes",
                      STR_ARGS(token.text), keyword, STR_ARGS(token.text), STR_ARGS(token.text));
        return false;
    }
    if (token.kind != TOKEN_NUMBER || token.unit != UNIT_DURATION) {
        (void)fail_at(p, token.column, token_width(&token),
                      "expected a duration after \"%s\", as in \"%s 5s\"", keyword, keyword);
        return false;
    }
    *out = (int64_t)token.number;
    advance(p);
    return true;
}

/* "outage", "outage.end": the phase of a token that names one. */
static bool parse_phase(struct parser *p, struct expression_mark *mark)
{
    struct token token = p->token;
    if (token.kind != TOKEN_NAME) {
        (void)fail_at(p, token.column, token_width(&token), "expected the name of a phase");
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
            advance(p);
            return true;
        }
    }
    if (!p->failed) {
        hint_nearest(p->error, name, p->scope->phases, p->scope->phase_count);
    }
    (void)fail_at(p, token.column, name.size, "no phase \"%.*s\"", STR_ARGS(name));
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
    advance(p);
    if (!parse_length(p, minus ? "-" : "+", &mark->offset_ns)) {
        return false;
    }
    mark->offset_ns = minus ? -mark->offset_ns : mark->offset_ns;
    return true;
}

static bool once(struct parser *p, bool *flag, const struct token *word)
{
    if (*flag) {
        (void)fail_at(p, word->column, word->text.size, "\"%.*s\" a second time", STR_ARGS(word->text));
        return false;
    }
    *flag = true;
    return true;
}

static bool parse_window(struct parser *p, struct expression *e)
{
    struct token word = p->token;
    if (accept(p, "for")) {
        return once(p, &e->has_hold, &word) && parse_length(p, "for", &e->hold_ns);
    }
    if (accept(p, "within")) {
        return once(p, &e->has_within, &word) && parse_length(p, "within", &e->within_ns);
    }
    if (accept(p, "during")) {
        if (!once(p, &e->has_during, &word) || !parse_phase(p, &e->during)) {
            return false;
        }
        if (strcmp(e->during.name, p->scope->phases[e->during.phase]) != 0) {
            (void)fail_at(p, word.column, p->taken_end - word.column,
                          "\"during\" takes a phase, not one of its ends: during %s",
                          p->scope->phases[e->during.phase]);
        }
        return !p->failed;
    }
    if (accept(p, "after")) {
        return once(p, &e->has_after, &word) && parse_mark(p, &e->after);
    }
    static const char *const words[] = { "for", "within",  "during", "after",   "and",
                                         "or",  "implies", "in",     "contains" };
    if (word.kind == TOKEN_NAME && !p->failed) {
        hint_nearest(p->error, word.text, words, COUNT_OF(words));
    }
    (void)fail_at(p, word.column, token_width(&word), "\"%.*s\" does not continue the expression%s",
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
        (void)fail_at(p, 0, e->condition_column + e->condition_width,
                      "\"during\" and \"after\" name two windows; keep one");
    } else if (e->has_hold && e->temporal != TEMPORAL_EVENTUALLY && e->temporal != TEMPORAL_NEVER) {
        (void)fail_at(p, 0, e->condition_column + e->condition_width,
                      "\"for\" belongs to \"eventually\" or \"never\": eventually ... for 5s");
    } else if (p->scope->no_window && (e->temporal != TEMPORAL_NONE || e->has_hold || e->has_within ||
                                       e->has_during || e->has_after)) {
        (void)fail_at(p, 0, p->lexer.source.size,
                      "this is asked again and again: write only the condition, without always, never, "
                      "eventually, for, "
                      "within, during, after");
    } else if (p->scope->in_step && (e->temporal != TEMPORAL_NONE || e->has_hold || e->has_within ||
                                     e->has_during || e->has_after)) {
        (void)fail_at(p, 0, p->lexer.source.size, "a step has one answer: write only the condition");
    }
    return !p->failed;
}

static void parse_all(struct parser *p, struct expression *e)
{
    advance(p);
    if (!p->failed && p->token.kind == TOKEN_END) {
        (void)fail_at(p, 0, 1, "the expression is empty");
    }
    if (accept(p, "always")) {
        e->temporal = TEMPORAL_ALWAYS;
    } else if (accept(p, "never")) {
        e->temporal = TEMPORAL_NEVER;
    } else if (accept(p, "eventually")) {
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
        (void)fail_at(&p, 0, 1, "an expression is a text of at most %d bytes", EXPRESSION_TEXT_MAX);
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
