/* The parts of an expression and their values as a person reads them, and what a condition's names were at an
 * instant. */
#include "base/units.h"
#include "harness/scenario/expression_tree.h"
#include <stdio.h>

bool node_samples(const struct node *node)
{
    if (node == NULL) {
        return false;
    }
    if (node->kind == NODE_METRIC) {
        return true;
    }
    return node->kind != NODE_CALL && (node_samples(node->left) || node_samples(node->right));
}

const char *node_title(const struct node *node, char *out, size_t size)
{
    switch (node->kind) {
        case NODE_METRIC:
            (void)snprintf(out, size, "%s", node->text);
            break;
        case NODE_CALL:
            (void)snprintf(out, size, "%s(%s)", node->function, node->left->text);
            break;
        case NODE_LITERAL:
            (void)snprintf(out, size, "\"%s\"",
                           node->text != NULL  ? node->text
                           : node->number != 0 ? "true"
                                               : "false");
            break;
        case NODE_AROUND:
            (void)snprintf(out, size, "%s(...).%s", node->function, node->text);
            break;
        case NODE_STATUS:
            (void)snprintf(out, size, "status");
            break;
        case NODE_OUTCOME:
            (void)snprintf(out, size, "outcome");
            break;
        case NODE_LATENCY:
            (void)snprintf(out, size, "latency");
            break;
        case NODE_BODY:
            (void)snprintf(out, size, "body");
            break;
        case NODE_JSON:
            (void)snprintf(out, size, "json(\"%s\")", node->text);
            break;
        case NODE_HEADER:
            (void)snprintf(out, size, "header(\"%s\")", node->text);
            break;
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
            (void)snprintf(out, size, "this");
            break;
    }
    return out;
}

const char *unit_example(enum unit unit)
{
    switch (unit) {
        case UNIT_DURATION:
            return "30s";
        case UNIT_SIZE:
            return "64MiB";
        case UNIT_RATE:
            return "20/s";
        case UNIT_SHARE:
            return "99.9%";
        case UNIT_EITHER:
            return "20/s\" or \"99.9%";
        case UNIT_TRUTH:
            return "true";
        case UNIT_COUNT:
        case UNIT_TEXT:
        case UNIT_JSON:
        case UNIT_OUTCOME:
        case UNIT_NULL:
            break;
    }
    return "10";
}

static bool node_asks_alerts(const struct node *node)
{
    if (node == NULL) {
        return false;
    }
    bool named =
        (node->kind == NODE_METRIC || node->kind == NODE_AROUND) && strncmp(node->text, "alerts.", 7) == 0;
    return named || node_asks_alerts(node->left) || node_asks_alerts(node->right);
}

bool expression_asks_alerts(const struct expression *e)
{
    return e != NULL && node_asks_alerts(e->condition);
}

void value_format(const struct value *v, char *out, size_t size)
{
    if (!v->known) {
        (void)snprintf(out, size, "unknown");
        return;
    }
    switch (v->unit) {
        case UNIT_COUNT:
            (void)snprintf(out, size, "%.10g", v->number);
            return;
        case UNIT_DURATION:
            if (v->number >= 0 && v->number < 1e18) {
                /* Whole microseconds: a person does not want the nanoseconds. */
                uint64_t ns = (uint64_t)v->number;
                units_format_duration(ns >= 1000000 ? ns - ns % 1000 : ns, out, size);
            } else {
                (void)snprintf(out, size, "%.6gs", v->number / 1e9);
            }
            return;
        case UNIT_SIZE:
            if (v->number >= 0 && v->number < 1e18) {
                units_format_size((uint64_t)v->number, out, size);
            } else {
                (void)snprintf(out, size, "%.6g bytes", v->number);
            }
            return;
        case UNIT_RATE:
        case UNIT_EITHER:
            (void)snprintf(out, size, "%.4g/s", v->number);
            return;
        case UNIT_SHARE:
            (void)snprintf(out, size, "%.6g%%", v->number * 100);
            return;
        case UNIT_TRUTH:
            (void)snprintf(out, size, "%s", v->number != 0 ? "true" : "false");
            return;
        case UNIT_TEXT:
        case UNIT_JSON:
            (void)snprintf(out, size, "\"%.*s%s\"", (int)(v->text.size > 100 ? 100 : v->text.size),
                           v->text.data == NULL ? "" : v->text.data, v->text.size > 100 ? "..." : "");
            return;
        case UNIT_OUTCOME:
            (void)snprintf(out, size, "%.*s", STR_ARGS(v->text));
            return;
        case UNIT_NULL:
            (void)snprintf(out, size, "null");
            return;
    }
}

static void node_label(const struct node *node, char *out, size_t size)
{
    if (node->kind == NODE_CALL) {
        (void)snprintf(out, size, "%s(%s)", strcmp(node->function, "share") == 0 ? "rate" : node->function,
                       node->left->text);
    } else if (node->kind == NODE_AROUND) {
        (void)snprintf(out, size, "%s: %s", node->function, node->text);
    } else if (node->kind == NODE_METRIC) {
        (void)snprintf(out, size, "%s", node->text);
    } else if (node->kind == NODE_JSON) {
        (void)snprintf(out, size, "json(\"%s\")", node->text);
    } else if (node->kind == NODE_HEADER) {
        (void)snprintf(out, size, "header(\"%s\")", node->text);
    } else if (node->kind == NODE_STATUS) {
        (void)snprintf(out, size, "status");
    } else if (node->kind == NODE_OUTCOME) {
        (void)snprintf(out, size, "outcome");
    } else if (node->kind == NODE_LATENCY) {
        (void)snprintf(out, size, "latency");
    } else if (node->kind == NODE_BODY) {
        (void)snprintf(out, size, "body");
    } else {
        out[0] = '\0';
    }
}

void node_describe(const struct node *node, struct evaluation *ev, size_t sample, char *out, size_t size)
{
    if (node == NULL || size < 8) {
        return;
    }
    char label[200];
    node_label(node, label, sizeof(label));
    if (label[0] == '\0') {
        node_describe(node->left, ev, sample, out, size);
        node_describe(node->right, ev, sample, out, size);
        return;
    }
    char text[160];
    struct value v = node_value(node, ev, sample);
    value_format(&v, text, sizeof(text));
    if (node->kind == NODE_OUTCOME && v.known && str_equal(v.text, STR("answered"))) {
        (void)snprintf(text, sizeof(text), "answered with %d", ev->world->step_status);
    }
    size_t used = strlen(out);
    if (strstr(out, label) == NULL && used + 8 < size) {
        (void)snprintf(out + used, size - used, "%s%s = %s", used == 0 ? "" : ", ", label, text);
    }
}
