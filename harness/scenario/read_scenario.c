/* The file as a whole: limits, promises, and the lists of expressions. */
#include "harness/scenario/keys.h"

#include "base/memory.h"
#include "base/suggest.h"
#include <stdio.h>

/* Keys whose value is looked at elsewhere. */
void read_nothing(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)r;
    (void)node;
    (void)target;
}

void read_clock(struct reading *r, const struct yaml_node *node, void *target)
{
    (void)r;
    ((struct scenario *)target)->virtual_clock = strcmp(node->text, "virtual") == 0;
}

void read_limits(struct reading *r, const struct yaml_node *node, void *target)
{
    keys_read(r, "limits", "limits", node, target, false);
}

/* --- promises --------------------------------------------------------------------------------------- */

const char *const scenario_invariant_names[INVARIANT_COUNT] = {
    [INVARIANT_CONSERVATION] = "conservation",
    [INVARIANT_NO_LOST_ACK] = "no_lost_ack",
    [INVARIANT_NO_DOUBLE_EFFECT] = "no_double_effect",
    [INVARIANT_ORDER_PER_LANE] = "order_per_lane",
    [INVARIANT_CONVERGE] = "converge",
    [INVARIANT_READ_YOUR_WRITES] = "read_your_writes",
    [INVARIANT_STATUS_TRUTHFUL] = "status_truthful",
    [INVARIANT_REFUSED_NOT_APPLIED] = "refused_not_applied",
    [INVARIANT_NOT_DENIED] = "not_denied",
    [INVARIANT_BOUNDED_RECOVERY] = "bounded_recovery",
    [INVARIANT_BOUNDED_MEMORY] = "bounded_memory",
};

/* The names again, then older spellings of the same promises. */
const char *const scenario_invariant_spellings[] = {
    "conservation",     "no_lost_ack",         "no_double_effect",     "order_per_lane", "converge",
    "read_your_writes", "status_truthful",     "refused_not_applied",  "not_denied",     "bounded_recovery",
    "bounded_memory",   "no_duplicate_effect", "order_per_collection",
};
const size_t scenario_invariant_spelling_count =
    sizeof(scenario_invariant_spellings) / sizeof(scenario_invariant_spellings[0]);
static const enum scenario_invariant older[] = { INVARIANT_NO_DOUBLE_EFFECT, INVARIANT_ORDER_PER_LANE };
_Static_assert(sizeof(scenario_invariant_spellings) / sizeof(scenario_invariant_spellings[0]) ==
                   INVARIANT_COUNT + sizeof(older) / sizeof(older[0]),
               "every promise can be named");

static bool invariant_find(const char *text, size_t *out)
{
    for (size_t i = 0; i < scenario_invariant_spelling_count; i++) {
        if (strcmp(text, scenario_invariant_spellings[i]) == 0) {
            *out = i < INVARIANT_COUNT ? i : (size_t)older[i - INVARIANT_COUNT];
            return true;
        }
    }
    return false;
}

void read_promises(struct reading *r, const struct yaml_node *node, const char *what, bool *out)
{
    if (!reading_is_list(r, node, what, INVARIANT_COUNT)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        size_t index = 0;
        const char *text = reading_text(r, node->items[i], what);
        if (text == NULL) {
            continue;
        }
        if (invariant_find(text, &index)) {
            out[index] = true;
            continue;
        }
        char hint[128] = "";
        const char *near = suggest_name(str_of(text), scenario_invariant_names, INVARIANT_COUNT);
        if (near != NULL) {
            (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
        }
        complain(r, node->items[i], near == NULL ? NULL : hint, "no invariant \"%s\"", text);
    }
}

void read_invariants(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    memset(s->invariants, 0, sizeof(s->invariants));
    read_promises(r, node, "invariants", s->invariants);
}

void read_waive(struct reading *r, const struct yaml_node *node, void *target)
{
    read_promises(r, node, "waive", ((struct scenario *)target)->waived);
}

void read_report(struct reading *r, const struct yaml_node *node, void *target)
{
    static const unsigned formats[] = { REPORT_HTML, REPORT_MARKDOWN, REPORT_JUNIT,
                                        REPORT_JSON, REPORT_CSV,      REPORT_EVENTS };
    unsigned chosen = 0;
    size_t index = 0;
    if (!reading_is_list(r, node, "report", 16)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        chosen |= keys_read_choice(r, node->items[i], "report", "html|md|junit|json|csv|events", &index)
                      ? formats[index]
                      : 0;
    }
    if (node->count == 0) {
        complain(r, node, NULL,
                 "report is empty: a run leaves at least one of html, md, junit, json, csv, events");
    }
    ((struct scenario *)target)->formats = chosen;
}

/* --- lists of expressions --------------------------------------------------------------------------- */

void read_claim_done_by(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario_expect *claim = target;
    size_t who = 0;
    (void)keys_read_choice(r, node, "done_by", "harness|operator", &who); /* has been checked */
    claim->of_operator = who == 1;
}

void read_claims(struct reading *r, const struct yaml_node *node, struct expression_scope scope,
                 struct scenario_expect **list, size_t *count)
{
    *list = mem_alloc_array(node->count + 1, sizeof(**list));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *that = node->items[i];
        struct scenario_expect claim = { .line = reading_line(r, that) };
        if (that->kind == YAML_MAP) {
            keys_read(r, "claim", "the expectation", that, &claim, false);
            that = yaml_get(that, "that");
        }
        claim.expression = that == NULL ? NULL : read_expression(r, that, scope);
        if (claim.expression == NULL) {
            mem_free(claim.proves);
            continue;
        }
        claim.text = mem_strdup(that->text);
        (*list)[(*count)++] = claim;
    }
}

static void read_list(struct reading *r, const struct yaml_node *node, const char *what,
                      struct expression_scope scope, struct scenario_expect **list, size_t *count)
{
    if (reading_is_list(r, node, what, SCENARIO_ITEMS_MAX)) {
        read_claims(r, node, scope, list, count);
    }
}

void read_steady(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    read_list(r, node, "steady_state", (struct expression_scope){ .no_window = true }, &s->steady,
              &s->steady_count);
}

void read_expect(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    read_list(r, node, "expect", (struct expression_scope){ 0 }, &s->expects, &s->expect_count);
}

void read_stop_if(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    read_list(r, node, "stop_if", (struct expression_scope){ .no_window = true, .wall = true }, &s->stops,
              &s->stop_count);
}
