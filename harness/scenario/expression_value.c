/* Values of an expression's nodes at one sample of a run, or of a step's answer.
 *
 * Truth has three values: what was not seen is UNKNOWN, and an unknown operand leaves a comparison unknown;
 * and, or, implies follow Kleene (false and unknown is false, true or unknown is true). */
#include "harness/scenario/expression_tree.h"

#include "base/check.h"
#include "base/memory.h"
#include <jansson.h>
#include <math.h>
#include <stdio.h>

void evaluation_init(struct evaluation *ev, const struct expression *e, const struct expression_world *world,
                     int64_t from, int64_t to)
{
    *ev = (struct evaluation){ .world = world, .from = from, .to = to };
    ev->calls = mem_alloc_array(e->call_count + 1, sizeof(*ev->calls));
    for (size_t i = 0; i <= e->call_count; i++) {
        ev->calls[i].unit = UNIT_NULL;
    }
}

void evaluation_deinit(struct evaluation *ev)
{
    mem_free(ev->calls);
    json_decref((json_t *)ev->document);
    ev->calls = NULL;
    ev->document = NULL;
}

static struct value unknown_of(enum unit unit)
{
    return (struct value){ .known = false, .unit = unit };
}

static struct value number_of(enum unit unit, double number)
{
    return (struct value){ .known = isfinite(number) != 0, .unit = unit, .number = number };
}

/* --- functions over samples ---------------------------------------------------------------------- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest value that at least share of all are not above. */
static double quantile(const double *sorted, size_t count, double share)
{
    double rank = ceil(share * (double)count);
    size_t index = rank < 1 ? 0 : (size_t)rank - 1;
    return sorted[index < count ? index : count - 1];
}

static double reduce(const char *function, double *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += values[i];
    }
    if (strcmp(function, "mean") == 0) {
        return sum / (double)count;
    }
    qsort(values, count, sizeof(*values), compare_doubles);
    if (strcmp(function, "min") == 0) {
        return values[0];
    }
    if (strcmp(function, "max") == 0) {
        return values[count - 1];
    }
    return quantile(values, count,
                    strcmp(function, "p50") == 0   ? 0.5
                    : strcmp(function, "p90") == 0 ? 0.9
                                                   : 0.99);
}

static struct value call_samples(const struct node *node, const struct evaluation *ev)
{
    const struct expression_world *world = ev->world;
    double *values = mem_alloc_array(world->sample_count + 1, sizeof(*values));
    size_t count = 0;
    int64_t first = 0;
    int64_t last = 0;
    for (size_t i = 0; i < world->sample_count; i++) {
        int64_t at = world->sample_time(world->context, i);
        double v = 0;
        if (at < ev->from || at > ev->to || (ev->open_end && at == ev->to) ||
            !world->value(world->context, node->left->text, i, &v)) {
            continue;
        }
        first = count == 0 ? at : first;
        last = at;
        values[count++] = v;
    }
    struct value out = unknown_of(node->unit);
    if (strcmp(node->function, "rate") == 0) {
        if (count >= 2 && last > first) {
            out = number_of(node->unit, (values[count - 1] - values[0]) / ((double)(last - first) / 1e9));
        }
    } else if (count > 0) {
        out = number_of(node->unit, reduce(node->function, values, count));
    }
    mem_free(values);
    return out;
}

static struct value call_value(const struct node *node, struct evaluation *ev)
{
    struct value *slot = &ev->calls[node->call_index];
    if (slot->unit != UNIT_NULL) {
        return *slot;
    }
    if (!node->of_load) {
        *slot = call_samples(node, ev);
        return *slot;
    }
    double v = 0;
    bool known = ev->world->aggregate != NULL && ev->world->aggregate(ev->world->context, node->function,
                                                                      node->left->text, ev->from, ev->to, &v);
    *slot = known ? number_of(node->unit, v) : unknown_of(node->unit);
    return *slot;
}

/* --- a step's answer -------------------------------------------------------------------------------- */

static const json_t *json_walk(const json_t *at, const char *path)
{
    path++; /* "$"; the parser has checked the rest */
    while (at != NULL && *path != '\0') {
        if (*path == '[') {
            size_t index = 0;
            for (path++; *path != ']'; path++) {
                index = index * 10 + (size_t)(*path - '0');
            }
            path++;
            at = json_array_get(at, index);
            continue;
        }
        size_t size = strcspn(++path, ".[");
        at = json_object_getn(at, path, size);
        path += size;
    }
    return at;
}

static struct value json_value(const struct node *node, struct evaluation *ev)
{
    if (!ev->document_tried) {
        ev->document_tried = true;
        struct str body = ev->world->step_body;
        ev->document = json_loadb(body.data == NULL ? "" : body.data, body.size, JSON_DECODE_ANY, NULL);
    }
    const json_t *found = json_walk((const json_t *)ev->document, node->text);
    if (found == NULL || json_is_object(found) || json_is_array(found)) {
        return unknown_of(UNIT_JSON);
    }
    if (json_is_string(found)) {
        return (struct value){ true, UNIT_TEXT, 0,
                               str_make(json_string_value(found), json_string_length(found)) };
    }
    if (json_is_boolean(found)) {
        return number_of(UNIT_TRUTH, json_is_true(found) ? 1 : 0);
    }
    if (json_is_null(found)) {
        return (struct value){ .known = true, .unit = UNIT_NULL };
    }
    return number_of(UNIT_COUNT, json_number_value(found));
}

static struct value header_value(const struct node *node, const struct evaluation *ev)
{
    struct str rest = ev->world->step_headers;
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        struct str value;
        struct str name = str_cut(line, ':', &value);
        if (str_equal_nocase(str_trim(name), str_of(node->text))) {
            return (struct value){ true, UNIT_TEXT, 0, str_trim(value) };
        }
    }
    return unknown_of(UNIT_TEXT);
}

static struct value outcome_value(const struct evaluation *ev)
{
    const struct expression_world *world = ev->world;
    return (struct value){ world->step_outcome != NULL, UNIT_OUTCOME, world->step_status,
                           str_of(world->step_outcome) };
}

/* --- arithmetic ------------------------------------------------------------------------------------- */

/* Durations are in nanoseconds and rates per second; their product is a count.  Divided, not multiplied by a
 * billionth, so that "50/s * 20s" is exactly 1000. */
static double in_seconds(double result, const struct node *node)
{
    CHECK(node->right != NULL);
    bool left = node->left->unit == UNIT_DURATION;
    bool right = node->right->unit == UNIT_DURATION;
    if (node->kind == NODE_MULTIPLY && node->unit == UNIT_COUNT && left != right) {
        return result / 1e9;
    }
    return node->kind == NODE_DIVIDE && node->unit == UNIT_RATE && right ? result * 1e9 : result;
}

static struct value arithmetic_value(const struct node *node, struct evaluation *ev, size_t sample)
{
    struct value a = node_value(node->left, ev, sample);
    struct value b = node->right == NULL ? a : node_value(node->right, ev, sample);
    if (!a.known || !b.known) {
        return unknown_of(node->unit);
    }
    double result = -a.number;
    if (node->kind == NODE_ADD) {
        result = a.number + b.number;
    } else if (node->kind == NODE_SUBTRACT) {
        result = a.number - b.number;
    } else if (node->kind == NODE_MULTIPLY) {
        result = in_seconds(a.number * b.number, node);
    } else if (node->kind == NODE_DIVIDE) {
        if (b.number == 0) {
            return unknown_of(node->unit);
        }
        result = in_seconds(a.number / b.number, node);
    }
    return number_of(node->unit, result);
}

static struct value metric_value(const struct node *node, const struct evaluation *ev, size_t sample)
{
    double v = 0;
    bool there = sample != NO_SAMPLE && sample < ev->world->sample_count;
    if (node->unit == UNIT_TEXT) {
        struct value text = unknown_of(UNIT_TEXT);
        text.known = there && ev->world->text != NULL &&
                     ev->world->text(ev->world->context, node->text, sample, &text.text);
        return text;
    }
    bool known = there && ev->world->value(ev->world->context, node->text, sample, &v);
    return known ? number_of(node->unit, v) : unknown_of(node->unit);
}

/* The last known value up to the fault's instant, or the first one after it. */
static struct value around_value(const struct node *node, const struct evaluation *ev)
{
    const struct expression_world *world = ev->world;
    int64_t at = 0;
    struct value found = unknown_of(node->unit);
    if (world->fault_time == NULL || !world->fault_time(world->context, node->fault, &at)) {
        return found;
    }
    bool before = strcmp(node->function, "before") == 0;
    for (size_t i = 0; i < world->sample_count; i++) {
        bool past = world->sample_time(world->context, i) > at;
        struct value here = past == before ? found : metric_value(node, ev, i);
        if (past && before) {
            break;
        }
        found = here.known ? here : found;
        if (past && found.known) {
            break;
        }
    }
    return found;
}

struct value node_value(const struct node *node, struct evaluation *ev, size_t sample)
{
    switch (node->kind) {
        case NODE_LITERAL:
            return (struct value){ true, node->unit, node->number, str_of(node->text) };
        case NODE_METRIC:
            return metric_value(node, ev, sample);
        case NODE_CALL:
            return call_value(node, ev);
        case NODE_AROUND:
            return around_value(node, ev);
        case NODE_STATUS:
            return (struct value){ ev->world->step_status != 0 || ev->world->step_outcome == NULL ||
                                       strcmp(ev->world->step_outcome, "answered") == 0,
                                   UNIT_COUNT,
                                   ev->world->step_status,
                                   { NULL, 0 } };
        case NODE_OUTCOME:
            return outcome_value(ev);
        case NODE_LATENCY:
            return number_of(UNIT_DURATION, ev->world->step_latency_ns);
        case NODE_BODY:
            return (struct value){ true, UNIT_TEXT, 0, ev->world->step_body };
        case NODE_JSON:
            return json_value(node, ev);
        case NODE_HEADER:
            return header_value(node, ev);
        case NODE_ADD:
        case NODE_SUBTRACT:
        case NODE_MULTIPLY:
        case NODE_DIVIDE:
        case NODE_NEGATE:
            return arithmetic_value(node, ev, sample);
        case NODE_LIST:
            return unknown_of(UNIT_NULL);
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
        case NODE_NOT: {
            enum expression_verdict truth = node_truth(node, ev, sample);
            return (struct value){
                truth != EXPRESSION_UNKNOWN, UNIT_TRUTH, truth == EXPRESSION_TRUE ? 1 : 0, { NULL, 0 }
            };
        }
    }
    return unknown_of(UNIT_NULL);
}

/* --- truth ------------------------------------------------------------------------------------------- */

static enum expression_verdict verdict_of(bool truth)
{
    return truth ? EXPRESSION_TRUE : EXPRESSION_FALSE;
}

static bool values_equal(const struct value *a, const struct value *b)
{
    if (a->unit == UNIT_OUTCOME && b->unit == UNIT_COUNT) {
        return str_equal(a->text, STR("answered")) && a->number == b->number;
    }
    if (b->unit == UNIT_OUTCOME && a->unit == UNIT_COUNT) {
        return values_equal(b, a);
    }
    bool a_text = a->unit == UNIT_TEXT || a->unit == UNIT_OUTCOME;
    bool b_text = b->unit == UNIT_TEXT || b->unit == UNIT_OUTCOME;
    if (a_text || b_text) {
        return a_text && b_text && str_equal(a->text, b->text);
    }
    return a->unit == b->unit && (a->unit == UNIT_NULL || a->number == b->number);
}

static enum expression_verdict compare(const struct node *node, struct evaluation *ev, size_t sample)
{
    struct value a = node_value(node->left, ev, sample);
    struct value b = node_value(node->right, ev, sample);
    if (!a.known || !b.known) {
        return EXPRESSION_UNKNOWN;
    }
    if (node->kind == NODE_EQUAL || node->kind == NODE_NOT_EQUAL) {
        return verdict_of(values_equal(&a, &b) == (node->kind == NODE_EQUAL));
    }
    if (a.unit != b.unit) {
        return EXPRESSION_FALSE; /* a JSON value that turned out to be a text has no order */
    }
    if (node->kind == NODE_LESS) {
        return verdict_of(a.number < b.number);
    }
    if (node->kind == NODE_LESS_EQUAL) {
        return verdict_of(a.number <= b.number);
    }
    if (node->kind == NODE_GREATER) {
        return verdict_of(a.number > b.number);
    }
    return verdict_of(a.number >= b.number);
}

static enum expression_verdict is_in(const struct node *node, struct evaluation *ev, size_t sample)
{
    struct value a = node_value(node->left, ev, sample);
    if (!a.known) {
        return EXPRESSION_UNKNOWN;
    }
    for (size_t i = 0; i < node->right->item_count; i++) {
        struct value item = node_value(node->right->items[i], ev, sample);
        if (values_equal(&a, &item)) {
            return EXPRESSION_TRUE;
        }
    }
    return EXPRESSION_FALSE;
}

static enum expression_verdict contains(const struct node *node, struct evaluation *ev, size_t sample)
{
    struct value a = node_value(node->left, ev, sample);
    struct value b = node_value(node->right, ev, sample);
    if (!a.known || !b.known) {
        return EXPRESSION_UNKNOWN;
    }
    if (a.unit != UNIT_TEXT || b.unit != UNIT_TEXT) {
        return EXPRESSION_FALSE;
    }
    return verdict_of(b.text.size == 0 || (a.text.size > 0 && memmem(a.text.data, a.text.size, b.text.data,
                                                                     b.text.size) != NULL));
}

static enum expression_verdict negate(enum expression_verdict v)
{
    return v == EXPRESSION_UNKNOWN ? v : verdict_of(v == EXPRESSION_FALSE);
}

static enum expression_verdict either(enum expression_verdict a, enum expression_verdict b)
{
    if (a == EXPRESSION_TRUE || b == EXPRESSION_TRUE) {
        return EXPRESSION_TRUE;
    }
    return a == EXPRESSION_UNKNOWN || b == EXPRESSION_UNKNOWN ? EXPRESSION_UNKNOWN : EXPRESSION_FALSE;
}

static enum expression_verdict connective(const struct node *node, struct evaluation *ev, size_t sample)
{
    enum expression_verdict a = node_truth(node->left, ev, sample);
    if (node->kind == NODE_NOT) {
        return negate(a);
    }
    enum expression_verdict b = node_truth(node->right, ev, sample);
    if (node->kind == NODE_AND) {
        return negate(either(negate(a), negate(b)));
    }
    return node->kind == NODE_OR ? either(a, b) : either(negate(a), b);
}

enum expression_verdict node_truth(const struct node *node, struct evaluation *ev, size_t sample)
{
    switch (node->kind) {
        case NODE_EQUAL:
        case NODE_NOT_EQUAL:
        case NODE_LESS:
        case NODE_LESS_EQUAL:
        case NODE_GREATER:
        case NODE_GREATER_EQUAL:
            return compare(node, ev, sample);
        case NODE_IN:
            return is_in(node, ev, sample);
        case NODE_CONTAINS:
            return contains(node, ev, sample);
        case NODE_AND:
        case NODE_OR:
        case NODE_IMPLIES:
        case NODE_NOT:
            return connective(node, ev, sample);
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
        case NODE_ADD:
        case NODE_SUBTRACT:
        case NODE_MULTIPLY:
        case NODE_DIVIDE:
        case NODE_NEGATE:
            break;
    }
    struct value v = node_value(node, ev, sample);
    return !v.known ? EXPRESSION_UNKNOWN : verdict_of(v.number != 0);
}
