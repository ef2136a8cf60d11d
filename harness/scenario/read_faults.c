/* Faults.  What the harness does itself (kill, restart, pause, the disk of the balancer) and when things
 * happen is read here; all other keys become the JSON document that a mock understands, and the mock checks
 * it.  A complaint of the mock names the key it is about, and is shown at that key in the YAML. */
#include "harness/scenario/keys.h"

#include "base/buf.h"
#include "base/json_writer.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "base/units.h"
#include "harness/scenario/yaml_json.h"
#include "mockchroma/core/mock.h"
#include <stdio.h>

#define RESTART_DEFAULT_NS NS_PER_S

/* --- parts -------------------------------------------------------------------------------------------- */

void read_restart_data(struct reading *r, const struct yaml_node *node, void *target)
{
    struct fault_draft *draft = target;
    (void)keys_read_choice(r, node, "data", "keep|lose|empty", &draft->restart_data); /* has been checked */
}

void read_restart(struct reading *r, const struct yaml_node *node, void *target)
{
    struct fault_draft *draft = target;
    draft->restart = node;
    draft->has_restart_after = yaml_get(node, "after") != NULL;
    keys_read(r, "restart", "restart", node, draft, false);
    const struct yaml_node *lost = yaml_get(node, "lost");
    if (draft->restart_data == RESTART_LOSE_TAIL && lost == NULL) {
        complain(r, node, NULL,
                 "data: lose needs \"lost\": how much of the latest is forgotten, as in lost: 5s");
    } else if (draft->restart_data != RESTART_LOSE_TAIL && lost != NULL) {
        complain(r, lost, NULL, "\"lost\" belongs to data: lose");
    }
}

/* The mock knows "when: during" of a reset, one word; a condition is more than that. */
static bool when_is_condition(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && strpbrk(node->text, " .<>=()") != NULL;
}

void read_when(struct reading *r, const struct yaml_node *node, void *target)
{
    struct fault_draft *draft = target;
    if (reading_text(r, node, "when") != NULL && when_is_condition(node)) {
        draft->when = node;
        draft->trigger = read_expression(r, node, (struct expression_scope){ .no_window = true });
    }
}

void read_expect_hits(struct reading *r, const struct yaml_node *node, void *target)
{
    struct fault_draft *draft = target;
    const char *text = reading_text(r, node, "expect_hits");
    if (text == NULL) {
        return;
    }
    struct str number = str_trim(str_of(strncmp(text, "at least ", 9) == 0 ? text + 9 : text));
    if (units_parse_u64(number, &draft->expect_hits, NULL) != 0) {
        complain(r, node, NULL, "expect_hits takes \"at least 1\" or a whole number, not \"%s\"", text);
        return;
    }
    draft->has_expect_hits = true;
}

void read_fault_done_by(struct reading *r, const struct yaml_node *node, void *target)
{
    struct fault_draft *draft = target;
    size_t who = 0;
    (void)keys_read_choice(r, node, "done_by", "harness|operator", &who); /* has been checked */
    draft->by_operator = who == 1;
}

/* --- when ----------------------------------------------------------------------------------------------- */

static void check_known_early(struct reading *r, const struct yaml_node *node, const struct mark *mark)
{
    if (mark->offset_ns >= 0) {
        return;
    }
    if (mark->phase == UINT32_MAX || (mark->phase == 0 && !mark->end)) {
        complain(r, node, NULL, "\"%s\" is before the run begins", node->text);
    } else if (mark->phase < r->s->phase_count) {
        /* What ends by a condition is known only when it has ended. */
        size_t last = mark->end ? mark->phase : mark->phase - 1;
        if (r->s->phases[last].until != NULL) {
            complain(r, node, NULL, "\"%s\" cannot be known beforehand: phase \"%s\" ends by a condition",
                     node->text, r->s->phases[last].name);
        }
    }
}

static void read_times(struct reading *r, const struct fault_draft *draft, struct scenario_fault *fault)
{
    uint64_t length = 0;
    fault->at = (struct mark){ .phase = UINT32_MAX };
    if (draft->when != NULL && (draft->at != NULL || draft->during != NULL)) {
        complain(r, draft->when, NULL, "%s begins by \"when\" and by \"%s\"; keep one", r->title,
                 draft->at != NULL ? "at" : "during");
    }
    if (draft->during != NULL) {
        if (draft->at != NULL || draft->length != NULL) {
            complain(r, draft->at != NULL ? draft->at : draft->length, NULL,
                     "%s has both \"during\" and \"%s\"; keep one", r->title,
                     draft->at != NULL ? "at" : "for");
        }
        if (reading_text(r, draft->during, "during") != NULL &&
            phase_find(r, draft->during, str_of(draft->during->text), 0, &fault->at.phase)) {
            fault->has_end = true;
            fault->until = (struct mark){ .phase = fault->at.phase, .end = true };
        }
        return;
    }
    if (draft->at != NULL && mark_parse(r, draft->at, &fault->at)) {
        check_known_early(r, draft->at, &fault->at);
    }
    if (draft->length != NULL && keys_read_duration(r, draft->length, "for", &length)) {
        fault->has_end = true;
        fault->for_ns = length;
        fault->until = fault->at;
        fault->until.offset_ns += (int64_t)length;
    }
}

/* --- the mock's document -------------------------------------------------------------------------------- */

static bool key_is_passed(const struct yaml_node *key, const struct yaml_node *value)
{
    const struct key_row *row = keys_find("fault", str_of(key->text));
    if (strcmp(key->text, "when") == 0 && when_is_condition(value)) {
        return false;
    }
    return row == NULL || row->type == KEY_PASSED || strcmp(key->text, "do") == 0;
}

static char *document_of(const struct yaml_node *map, const char *name)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, SCENARIO_FILE_MAX * 2);
    json_writer_init(&w, &out, 0);
    json_object_begin(&w);
    json_pair_text(&w, "name", name);
    for (size_t i = 0; i < map->count; i++) {
        if (key_is_passed(map->keys[i], map->items[i])) {
            json_key(&w, map->keys[i]->text);
            yaml_json_put(&w, map->items[i]);
        }
    }
    json_object_end(&w);
    char *text = mem_strdup(buf_text(&out));
    buf_deinit(&out);
    return text;
}

/* The key, or plain value, that a message names in quotes; NULL if none is. */
static const struct yaml_node *node_named(const struct yaml_node *node, const char *message)
{
    char quoted[128];
    for (size_t i = 0; i < node->count; i++) {
        if (node->keys != NULL) {
            (void)snprintf(quoted, sizeof(quoted), "\"%.100s\"", node->keys[i]->text);
            if (strstr(message, quoted) != NULL) {
                return node->keys[i];
            }
        }
        if (node->items[i]->kind == YAML_SCALAR) {
            (void)snprintf(quoted, sizeof(quoted), "\"%.100s\"", node->items[i]->text);
            if (node->items[i]->text_size > 0 && strstr(message, quoted) != NULL) {
                return node->items[i];
            }
        }
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *inner =
            node->items[i]->kind == YAML_SCALAR ? NULL : node_named(node->items[i], message);
        if (inner != NULL) {
            return inner;
        }
    }
    return NULL;
}

/* What the mock has to say stands at the key that it is about; its own suggestion goes where all of them do.
 */
static void check_document(struct reading *r, const struct yaml_node *map, const char *document,
                           const char *title)
{
    static const char meant[] = "; did you mean ";
    struct errmsg msg = { "" };
    if (mock_fault_check(str_of(document), &msg) == 0) {
        return;
    }
    const struct yaml_node *named = node_named(map, msg.text);
    char *hint = strstr(msg.text, meant);
    if (hint != NULL) {
        *hint = '\0';
        hint += 2;
    }
    complain(r, named != NULL ? named : map, hint, "%s: %s", title, msg.text);
}

/* --- put together ------------------------------------------------------------------------------------------
 */

static bool draft_says(const struct fault_draft *draft, const char *what)
{
    return draft->does != NULL && draft->does->kind == YAML_SCALAR && strcmp(draft->does->text, what) == 0;
}

static enum lb_disk draft_disk(const struct fault_draft *draft)
{
    return draft_says(draft, "disk-full")   ? LB_DISK_FULL
           : draft_says(draft, "disk-slow") ? LB_DISK_SLOW
           : draft_says(draft, "disk-fail") ? LB_DISK_FAIL
                                            : LB_DISK_SOUND;
}

/* What the harness does itself: no key of the mock's may stand beside it, but those allowed ("by"). */
static void check_own_keys(struct reading *r, const struct yaml_node *map, const char *what,
                           const char *allowed)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_node *key = map->keys[i];
        const struct key_row *row = keys_find("fault", str_of(key->text));
        if (row != NULL && strcmp(key->text, "do") != 0 && strstr(allowed, key->text) == NULL &&
            (key_is_passed(key, map->items[i]) || strcmp(key->text, "expect_hits") == 0)) {
            complain(r, key, NULL, "\"%s\" says nothing about %s", key->text, what);
        }
    }
}

static void fill_process_fault(struct reading *r, const struct yaml_node *map,
                               const struct fault_draft *draft, struct scenario_fault *fault,
                               const char *title)
{
    bool restarts = draft_says(draft, "restart");
    bool lb = fault->target == SCENARIO_LB;
    /* One that waits for its condition may be allowed not to happen. */
    check_own_keys(r, map, "kill, restart or pause", draft->when != NULL ? "expect_hits" : "");
    fault->expect_hits = draft->when == NULL ? 0 : draft->has_expect_hits ? draft->expect_hits : 1;
    fault->pause = draft_says(draft, "pause");
    fault->terminate = restarts && lb;
    fault->kill = !fault->pause && !fault->terminate;
    fault->restart = draft->has_restart_after || restarts;
    fault->restart_after_ns = draft->has_restart_after ? draft->restart_after_ns
                              : restarts               ? RESTART_DEFAULT_NS
                                                       : 0;
    fault->restart_lost_ns = draft->restart_lost_ns;
    fault->by_operator = draft->by_operator;
    if (draft->restart_data == RESTART_LOSE_TAIL) {
        fault->restart_what = RESTART_LOSE_TAIL;
    } else if (draft->restart_data == RESTART_EMPTY) {
        fault->restart_what = RESTART_EMPTY;
    }
    if (fault->pause && !lb) {
        complain(r, draft->does, NULL, "only lb can be paused; an instance that hangs is do: blackhole");
    }
    if (lb && draft->restart_data != RESTART_KEEP) {
        complain(r, draft->restart, NULL,
                 "data belongs to an instance; what the balancer keeps is its own promise");
    }
    if (fault->has_end && fault->restart) {
        complain(r, draft->restart != NULL ? draft->restart : draft->does, NULL,
                 "%s ends twice: by \"%s\" and by its restart; keep one", title,
                 draft->during != NULL ? "during" : "for");
    }
}

static void fill_disk_fault(struct reading *r, const struct yaml_node *map, const struct fault_draft *draft,
                            struct scenario_fault *fault, const char *title)
{
    const struct yaml_node *by = yaml_get(map, "by");
    fault->disk = draft_disk(draft);
    bool slow = fault->disk == LB_DISK_SLOW;
    check_own_keys(r, map, draft->does->text, slow ? "by expect_hits" : "expect_hits");
    fault->expect_hits = draft->has_expect_hits ? draft->expect_hits : 1;
    if (fault->target != SCENARIO_LB) {
        complain(r, draft->does, NULL, "%s is about the disk of the balancer's log: target: lb",
                 draft->does->text);
    }
    if (draft->restart != NULL) {
        complain(r, draft->restart, NULL, "\"restart\" belongs to do: kill and do: restart");
    }
    if (slow && by == NULL) {
        complain(r, map, NULL, "%s needs \"by\": how much longer each sync takes, as in by: 200ms", title);
    } else if (slow) {
        (void)keys_read_duration(r, by, "by", &fault->disk_by_ns); /* complaints are noted */
    }
}

/* Not for the balancer; is it nearly something that is? */
static void complain_of_lb(struct reading *r, const struct yaml_node *does)
{
    static const char *const names[] = { "kill", "restart", "pause", "disk-full", "disk-slow", "disk-fail" };
    const char *text = does->kind == YAML_SCALAR ? does->text : "this";
    const char *near = suggest_name(str_of(text), names, sizeof(names) / sizeof(names[0]));
    char hint[64] = "";
    if (near != NULL) {
        (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
    }
    complain(r, does, near == NULL ? NULL : hint,
             "lb can be hit by kill, restart, pause, disk-full, disk-slow and disk-fail, not by \"%s\"",
             text);
}

static bool fault_keys_are_known(const struct yaml_node *map)
{
    bool known = true;
    for (size_t i = 0; i < map->count; i++) {
        known = known && keys_find("fault", str_of(map->keys[i]->text)) != NULL;
    }
    return known;
}

static void fill_fault(struct reading *r, const struct yaml_node *map, const struct fault_draft *draft,
                       struct scenario_fault *fault, const char *title)
{
    if (draft->target != NULL && draft->target->kind == YAML_SCALAR) {
        fault->target = strcmp(draft->target->text, "lb") == 0        ? SCENARIO_LB
                        : strcmp(draft->target->text, "replica") == 0 ? SCENARIO_REPLICA
                                                                      : SCENARIO_PRIMARY;
    }
    if (fault->target == SCENARIO_REPLICA && !r->s->has_replica) {
        complain(r, draft->target, NULL, "%s hits the replica, but topology has none", title);
    }
    read_times(r, draft, fault);
    if (draft->does == NULL) {
        return; /* it has been asked for */
    }
    bool process = draft_says(draft, "kill") || draft_says(draft, "pause") || draft_says(draft, "restart");
    if (draft->by_operator &&
        (!process || draft_says(draft, "pause") || fault->target != SCENARIO_LB || draft->when != NULL)) {
        complain(r, map, NULL, "%s: an operator can kill or restart lb, at a moment that is known", title);
    }
    if (process) {
        fill_process_fault(r, map, draft, fault, title);
        return;
    }
    if (draft_disk(draft) != LB_DISK_SOUND) {
        fill_disk_fault(r, map, draft, fault, title);
        return;
    }
    if (fault->target == SCENARIO_LB) {
        complain_of_lb(r, draft->does);
        return;
    }
    if (draft->restart != NULL) {
        complain(r, draft->restart, NULL, "\"restart\" belongs to do: kill and do: restart");
    }
    fault->expect_hits = draft->has_expect_hits ? draft->expect_hits : 1;
    fault->document = document_of(map, fault->name == NULL ? "" : fault->name);
    if (fault_keys_are_known(map)) { /* else that has been said */
        check_document(r, map, fault->document, title);
    }
}

void read_faults(struct reading *r, const struct yaml_node *node, void *target)
{
    struct scenario *s = target;
    if (!reading_is_list(r, node, "faults", SCENARIO_ITEMS_MAX)) {
        return;
    }
    s->faults = mem_alloc_array(node->count + 1, sizeof(*s->faults));
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *map = node->items[i];
        struct scenario_fault *fault = &s->faults[s->fault_count++];
        struct fault_draft draft = { .at = yaml_get(map, "at"),
                                     .during = yaml_get(map, "during"),
                                     .length = yaml_get(map, "for"),
                                     .does = yaml_get(map, "do"),
                                     .target = yaml_get(map, "target") };
        const struct yaml_node *name = yaml_get(map, "name");
        char title[128];
        (void)snprintf(title, sizeof(title), "fault \"%.60s\"",
                       name != NULL && name->kind == YAML_SCALAR ? name->text : "?");
        fault->line = reading_line(r, map);
        keys_read(r, "fault", title, map, &draft, false);
        fault->name = draft.name;
        fault->when = draft.trigger;
        fault->when_text = draft.when == NULL ? NULL : mem_strdup(draft.when->text);
        if (map->kind != YAML_MAP) {
            continue;
        }
        const char *outer = r->title;
        r->title = title;
        fill_fault(r, map, &draft, fault, title);
        r->title = outer;
        for (size_t k = 0; k + 1 < s->fault_count && fault->name != NULL; k++) {
            if (s->faults[k].name != NULL && strcmp(s->faults[k].name, fault->name) == 0) {
                complain(r, name, NULL, "%s stands twice", title);
            }
        }
    }
}
