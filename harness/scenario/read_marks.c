/* Phases as marks, and expressions at their place.
 *
 *   outage  outage.start  outage.end  outage + 35s  healed.end - 1s  90s (from the start of the run)  */
#include "harness/scenario/keys.h"

#include "base/suggest.h"
#include "base/units.h"
#include <stdio.h>

bool phase_find(struct reading *r, const struct yaml_node *node, struct str name, size_t offset,
                uint32_t *out)
{
    for (size_t i = 0; i < r->phase_count; i++) {
        if (str_equal(name, str_of(r->phases[i]))) {
            *out = (uint32_t)i;
            return true;
        }
    }
    char text[256];
    char hint[128] = "";
    const char *near = suggest_name(name, r->phases, r->phase_count);
    (void)snprintf(text, sizeof(text), "no phase \"%.*s\"", (int)(name.size > 100 ? 100 : name.size),
                   name.data);
    if (near != NULL) {
        (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
    }
    complain_inside(r, node, offset, name.size, near == NULL ? NULL : hint, text);
    return false;
}

/* "outage.end": the mark's own part of its text. */
static bool mark_point(struct reading *r, const struct yaml_node *node, struct str point, size_t offset,
                       struct mark *out)
{
    if (str_ends(point, STR(".end"))) {
        out->end = true;
        point.size -= 4;
    } else if (str_ends(point, STR(".start"))) {
        point.size -= 6;
    }
    return phase_find(r, node, point, offset, &out->phase);
}

static bool mark_offset(struct reading *r, const struct yaml_node *node, struct str length, bool minus,
                        struct mark *out)
{
    uint64_t ns = 0;
    double plain = 0;
    struct errmsg msg;
    size_t at = (size_t)(length.data - node->text);
    if (units_parse_duration(length, 0, &ns, &msg) != 0 || ns > (uint64_t)365 * 86400 * NS_PER_S) {
        char text[256];
        int shown = (int)(length.size > 60 ? 60 : length.size);
        if (units_parse_double(length, &plain, NULL) == 0) {
            (void)snprintf(text, sizeof(text), "\"%.*s\" needs a unit (a duration): write \"%.*ss\"", shown,
                           length.data, shown, length.data);
        } else {
            (void)snprintf(text, sizeof(text), "\"%.*s\" is no duration like 250ms, 30s, 5m or 1h", shown,
                           length.data);
        }
        complain_inside(r, node, at, length.size, NULL, text);
        return false;
    }
    out->offset_ns = minus ? -(int64_t)ns : (int64_t)ns;
    return true;
}

bool mark_parse(struct reading *r, const struct yaml_node *node, struct mark *out)
{
    *out = (struct mark){ .phase = UINT32_MAX };
    if (reading_text(r, node, "a mark") == NULL) {
        return false;
    }
    struct str text = str_trim(str_of(node->text));
    if (text.size == 0) {
        complain(r, node, NULL, "a mark is a phase or a time: outage, outage.end, outage + 35s, 90s");
        return false;
    }
    if (text.data[0] >= '0' && text.data[0] <= '9') {
        return mark_offset(r, node, text, false, out);
    }
    size_t sign = 0;
    while (sign < text.size && text.data[sign] != '+' &&
           (text.data[sign] != '-' || sign == 0 || text.data[sign - 1] != ' ')) {
        sign++;
    }
    struct str point = str_trim(str_make(text.data, sign));
    if (!mark_point(r, node, point, (size_t)(text.data - node->text), out)) {
        return false;
    }
    if (sign == text.size) {
        return true;
    }
    bool minus = text.data[sign] == '-';
    struct str length = str_trim(str_make(text.data + sign + 1, text.size - sign - 1));
    return mark_offset(r, node, length, minus, out);
}

void read_mark(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)mark_parse(r, node, &((struct scenario_step *)target)->at); /* complaints are noted */
}

static void scope_fill(const struct reading *r, struct expression_scope *scope)
{
    scope->phases = r->phases;
    scope->phase_count = r->phase_count;
    scope->loads = r->loads;
    scope->load_count = r->load_count;
    scope->faults = r->faults;
    scope->fault_count = r->fault_count;
}

struct expression *read_composed(struct reading *r, const struct yaml_node *node, const char *text)
{
    struct expression_scope scope = { 0 };
    struct expression_error error;
    scope_fill(r, &scope);
    struct expression *e = expression_parse(str_of(text), &scope, &error);
    if (e == NULL) {
        complain(r, node, error.hint[0] == '\0' ? NULL : error.hint, "%s", error.message.text);
    }
    return e;
}

struct expression *read_expression(struct reading *r, const struct yaml_node *node,
                                   struct expression_scope scope)
{
    if (reading_text(r, node, "an expression") == NULL) {
        return NULL;
    }
    scope_fill(r, &scope);
    struct expression_error error;
    struct expression *e = expression_parse(str_make(node->text, node->text_size), &scope, &error);
    if (e == NULL) {
        complain_inside(r, node, error.column, error.width, error.hint[0] == '\0' ? NULL : error.hint,
                        error.message.text);
    }
    return e;
}
