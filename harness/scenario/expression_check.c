/* The unit check: walks the tree from the leaves and gives every node its unit, so that a count is never
 * compared with a duration.  A plain number beside a metric that has a unit is the commonest mistake and
 * gets its own message.
 *
 * rate() of a load is a rate or a share: what it is compared with decides.  "rate(load.w.accepted) >= 20/s"
 * counts per second; "rate(load.w.accepted) >= 99.9%" is the share of what was offered in the window. */
#include "harness/scenario/expression_tree.h"

#include <stdarg.h>
#include <stdio.h>

struct check {
    const struct expression_scope *scope;
    struct expression_error *error;
};

static bool check_node(struct node *node, struct check *c);

__attribute__((format(printf, 3, 4))) static bool fail(struct check *c, const struct node *at,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(c->error->message.text, sizeof(c->error->message.text), format, args);
    va_end(args);
    c->error->column = at->column;
    c->error->width = at->width == 0 ? 1 : at->width;
    return false;
}

/* --- rate or share ----------------------------------------------------------------------------- */

static void settle_either(struct node *node, enum unit unit)
{
    if (node == NULL || node->unit != UNIT_EITHER) {
        return;
    }
    node->unit = unit;
    if (node->kind == NODE_CALL) {
        node->function = unit == UNIT_SHARE ? "share" : "rate";
        return;
    }
    settle_either(node->left, unit);
    settle_either(node->right, unit);
}

static void settle_pair(struct node *left, struct node *right)
{
    settle_either(left, right->unit == UNIT_SHARE ? UNIT_SHARE : UNIT_RATE);
    settle_either(right, left->unit == UNIT_SHARE ? UNIT_SHARE : UNIT_RATE);
}

/* --- calls --------------------------------------------------------------------------------------- */

static bool check_call(struct node *node, struct check *c)
{
    struct node *metric = node->left;
    struct metric_found found;
    if (!metric_find(str_of(metric->text), c->scope, &found, c->error)) {
        return false;
    }
    bool rate = strcmp(node->function, "rate") == 0;
    bool count = strcmp(node->function, "count") == 0;
    if (metric->unit == UNIT_TRUTH || metric->unit == UNIT_TEXT) {
        return fail(c, metric, "%s is %s; %s() takes a number", metric->text,
                    metric->unit == UNIT_TEXT ? "a text" : "true or false", node->function);
    }
    if (found.latency && (rate || count)) {
        return fail(c, node, "%s is a distribution: p50() p90() p99() max() min() or mean(), not %s()",
                    metric->text, node->function);
    }
    if (found.of_load && !found.latency && !rate && !count) {
        return fail(c, node, "%s is counted: count() or rate(), not %s()", metric->text, node->function);
    }
    if (!found.of_load && count) {
        return fail(c, node, "count() takes a figure of a load; %s is a sampled value already", metric->text);
    }
    if (!found.of_load && rate && metric->unit != UNIT_COUNT) {
        return fail(c, node, "rate() takes a count; %s is a %s", metric->text, unit_name(metric->unit));
    }
    node->unit = count ? UNIT_COUNT : !rate ? metric->unit : found.of_load ? UNIT_EITHER : UNIT_RATE;
    return true;
}

/* --- arithmetic ------------------------------------------------------------------------------------ */

static bool is_number(enum unit unit)
{
    return unit <= UNIT_SHARE || unit == UNIT_EITHER;
}

static bool multiply(enum unit a, enum unit b, enum unit *out)
{
    if (a == UNIT_COUNT || a == UNIT_SHARE) {
        *out = b;
        return true;
    }
    if (b == UNIT_COUNT || b == UNIT_SHARE) {
        *out = a;
        return true;
    }
    *out = UNIT_COUNT;
    return (a == UNIT_RATE && b == UNIT_DURATION) || (a == UNIT_DURATION && b == UNIT_RATE);
}

static bool divide(enum unit a, enum unit b, enum unit *out)
{
    if (b == UNIT_COUNT || (b == UNIT_SHARE && a != UNIT_SHARE)) {
        *out = a;
        return true;
    }
    *out = a == b ? UNIT_COUNT : UNIT_RATE;
    return a == b || (a == UNIT_COUNT && b == UNIT_DURATION);
}

static bool check_arithmetic(struct node *node, struct check *c)
{
    struct node *left = node->left;
    struct node *right = node->right;
    if (!is_number(left->unit) || !is_number(right->unit)) {
        const struct node *bad = is_number(left->unit) ? right : left;
        return fail(c, bad, "arithmetic needs numbers; here stands a %s", unit_name(bad->unit));
    }
    bool scaled = (left->unit == UNIT_EITHER && right->unit == UNIT_COUNT && node->kind != NODE_ADD &&
                   node->kind != NODE_SUBTRACT) ||
                  (right->unit == UNIT_EITHER && left->unit == UNIT_COUNT && node->kind == NODE_MULTIPLY);
    if (scaled) {
        node->unit = UNIT_EITHER;
        return true;
    }
    settle_pair(left, right);
    bool sound = false;
    const char *verb = "added";
    if (node->kind == NODE_MULTIPLY) {
        verb = "multiplied";
        sound = multiply(left->unit, right->unit, &node->unit);
    } else if (node->kind == NODE_DIVIDE) {
        verb = "divided";
        sound = divide(left->unit, right->unit, &node->unit);
    } else {
        node->unit = left->unit;
        sound = left->unit == right->unit;
    }
    return sound ||
           fail(c, node, "a %s and a %s cannot be %s", unit_name(left->unit), unit_name(right->unit), verb);
}

/* --- comparisons ----------------------------------------------------------------------------------- */

static bool is_plain_number(const struct node *node)
{
    return node->kind == NODE_LITERAL && node->unit == UNIT_COUNT;
}

static bool check_missing_unit(const struct node *plain, const struct node *other, struct check *c)
{
    char title[160];
    if (!is_plain_number(plain) || other->kind == NODE_LITERAL || !is_number(other->unit) ||
        other->unit == UNIT_COUNT) {
        return true;
    }
    if (other->unit == UNIT_DURATION) {
        return fail(c, plain,
                    "\"%s\" needs a unit: %s is a duration; write \"%ss\", or \"%sm\" if you meant minutes",
                    plain->text, node_title(other, title, sizeof(title)), plain->text, plain->text);
    }
    return fail(c, plain, "\"%s\" needs a unit: %s is a %s; write it like \"%s\"", plain->text,
                node_title(other, title, sizeof(title)), unit_name(other->unit), unit_example(other->unit));
}

static bool json_compares(enum unit unit)
{
    return unit == UNIT_JSON || unit == UNIT_COUNT || unit == UNIT_TRUTH || unit == UNIT_TEXT ||
           unit == UNIT_NULL;
}

static bool check_outcome_word(const struct node *node, struct check *c)
{
    static const char *const words[] = { "answered", "refused", "timeout", "broken" };
    if (node->kind != NODE_LITERAL ||
        (node->unit != UNIT_TEXT && node->unit != UNIT_COUNT && node->unit != UNIT_OUTCOME)) {
        return fail(c, node, "an outcome is answered, refused, timeout, broken or a status like 503");
    }
    if (node->unit == UNIT_COUNT) {
        return (node->number >= 100 && node->number <= 599) ||
               fail(c, node, "%s is no HTTP status", node->text);
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(node->text, words[i]) == 0) {
            return true;
        }
    }
    hint_nearest(c->error, str_of(node->text), words, sizeof(words) / sizeof(words[0]));
    return fail(c, node, "\"%s\" is no outcome (answered, refused, timeout, broken, or a status like 503)",
                node->text);
}

/* Do the two sides measure the same? */
static bool check_pair(struct node *left, struct node *right, struct check *c)
{
    char a[160];
    char b[160];
    if (left->kind == NODE_OUTCOME) {
        return check_outcome_word(right, c);
    }
    if (right->kind == NODE_OUTCOME) {
        return check_outcome_word(left, c);
    }
    if (left->unit == UNIT_OUTCOME || right->unit == UNIT_OUTCOME) {
        const struct node *word = left->unit == UNIT_OUTCOME ? left : right;
        return fail(c, word, "\"%s\" is an outcome; only \"outcome\" compares with it", word->text);
    }
    if (left->unit == UNIT_JSON || right->unit == UNIT_JSON) {
        const struct node *other = left->unit == UNIT_JSON ? right : left;
        return json_compares(other->unit) ||
               fail(c, other,
                    "a JSON value compares with a plain number, a text, true, false or null, not with a %s",
                    unit_name(other->unit));
    }
    if (!check_missing_unit(left, right, c) || !check_missing_unit(right, left, c)) {
        return false;
    }
    settle_pair(left, right);
    if (left->unit == right->unit && left->unit != UNIT_NULL) {
        return true;
    }
    return fail(c, right, "%s is a %s and %s is a %s; they cannot be compared",
                node_title(left, a, sizeof(a)), unit_name(left->unit), node_title(right, b, sizeof(b)),
                unit_name(right->unit));
}

static bool check_comparison(struct node *node, struct check *c)
{
    bool order = node->kind != NODE_EQUAL && node->kind != NODE_NOT_EQUAL;
    node->unit = UNIT_TRUTH;
    if (!check_pair(node->left, node->right, c)) {
        return false;
    }
    const struct node *sides[] = { node->left, node->right };
    for (size_t i = 0; order && i < 2; i++) {
        if (!is_number(sides[i]->unit) && sides[i]->unit != UNIT_JSON) {
            return fail(c, sides[i], "a %s has no order; only == and != compare it",
                        unit_name(sides[i]->unit));
        }
    }
    return true;
}

static bool check_in(struct node *node, struct check *c)
{
    node->unit = UNIT_TRUTH;
    for (size_t i = 0; i < node->right->item_count; i++) {
        struct node *item = node->right->items[i];
        if (item->kind != NODE_LITERAL) {
            return fail(c, item, "the list of \"in\" holds plain values");
        }
        if (!check_pair(node->left, item, c)) {
            return false;
        }
    }
    return true;
}

static bool is_text(enum unit unit)
{
    return unit == UNIT_TEXT || unit == UNIT_JSON;
}

static bool check_contains(struct node *node, struct check *c)
{
    node->unit = UNIT_TRUTH;
    const struct node *bad = !is_text(node->left->unit)    ? node->left
                             : !is_text(node->right->unit) ? node->right
                                                           : NULL;
    return bad == NULL ||
           fail(c, bad, "\"contains\" looks for a text in a text; here stands a %s", unit_name(bad->unit));
}

/* --- the walk ---------------------------------------------------------------------------------------- */

static bool check_truth(const struct node *node, struct check *c)
{
    char title[160];
    if (node->unit == UNIT_TRUTH) {
        return true;
    }
    (void)node_title(node, title, sizeof(title));
    return fail(c, node, "%s alone is no condition (it is a %s); compare it: %s == %s", title,
                unit_name(node->unit), title, unit_example(node->unit));
}

static bool check_connective(struct node *node, struct check *c)
{
    node->unit = UNIT_TRUTH;
    return check_truth(node->left, c) && (node->right == NULL || check_truth(node->right, c));
}

/* A metric that stands alone: figures of loads have no value at an instant. */
static bool check_metric(const struct node *node, struct check *c)
{
    struct metric_found found;
    if (!node->of_load) {
        return true;
    }
    if (!metric_find(str_of(node->text), c->scope, &found, c->error)) {
        return false;
    }
    return fail(c, node, "%s needs a function: %s", node->text,
                found.latency ? "p50() p90() p99() max() min() mean()" : "count() or rate()");
}

static bool check_operator(struct node *node, struct check *c)
{
    switch (node->kind) {
        case NODE_ADD:
        case NODE_SUBTRACT:
        case NODE_MULTIPLY:
        case NODE_DIVIDE:
            return check_arithmetic(node, c);
        case NODE_NEGATE:
            node->unit = node->left->unit;
            return is_number(node->unit) || fail(c, node, "\"-\" needs a number");
        case NODE_EQUAL:
        case NODE_NOT_EQUAL:
        case NODE_LESS:
        case NODE_LESS_EQUAL:
        case NODE_GREATER:
        case NODE_GREATER_EQUAL:
            return check_comparison(node, c);
        case NODE_IN:
            return check_in(node, c);
        case NODE_CONTAINS:
            return check_contains(node, c);
        case NODE_AND:
        case NODE_OR:
        case NODE_IMPLIES:
        case NODE_NOT:
            return check_connective(node, c);
        case NODE_LITERAL:
        case NODE_METRIC:
        case NODE_CALL:
        case NODE_AROUND:
        case NODE_STATUS:
        case NODE_OUTCOME:
        case NODE_LATENCY:
        case NODE_BODY:
        case NODE_JSON:
        case NODE_HEADER:
        case NODE_LIST:
            break;
    }
    return true;
}

static bool check_node(struct node *node, struct check *c)
{
    switch (node->kind) {
        case NODE_CALL:
            return check_call(node, c);
        case NODE_METRIC:
            return check_metric(node, c);
        case NODE_STATUS:
            node->unit = UNIT_COUNT;
            return true;
        case NODE_OUTCOME:
            node->unit = UNIT_OUTCOME;
            return true;
        case NODE_LATENCY:
            node->unit = UNIT_DURATION;
            return true;
        case NODE_BODY:
        case NODE_HEADER:
            node->unit = UNIT_TEXT;
            return true;
        case NODE_JSON:
            node->unit = UNIT_JSON;
            return true;
        case NODE_LITERAL:
        case NODE_AROUND:
            return true;
        case NODE_LIST:
        case NODE_ADD:
        case NODE_SUBTRACT:
        case NODE_MULTIPLY:
        case NODE_DIVIDE:
        case NODE_NEGATE:
        case NODE_EQUAL:
        case NODE_NOT_EQUAL:
        case NODE_LESS:
        case NODE_LESS_EQUAL:
        case NODE_GREATER:
        case NODE_GREATER_EQUAL:
        case NODE_IN:
        case NODE_CONTAINS:
        case NODE_AND:
        case NODE_OR:
        case NODE_IMPLIES:
        case NODE_NOT:
            break;
    }
    for (size_t i = 0; i < node->item_count; i++) {
        if (!check_node(node->items[i], c)) {
            return false;
        }
    }
    if (node->left != NULL && !check_node(node->left, c)) {
        return false;
    }
    if (node->right != NULL && !check_node(node->right, c)) {
        return false;
    }
    return check_operator(node, c);
}

bool expression_check_units(struct node *node, const struct expression_scope *scope,
                            struct expression_error *error)
{
    struct check c = { scope, error };
    if (!check_node(node, &c)) {
        return false;
    }
    settle_either(node, UNIT_RATE);
    return scope->value || check_truth(node, &c);
}
