/* What the balancer's alert rules must do.  Each entry becomes expressions over alerts.<rule>, so that
 * windows and what was not seen mean the same as everywhere. */
#include "harness/scenario/keys.h"

#include "base/memory.h"
#include "base/suggest.h"
#include "proxy/core/alerts.h"
#include <stdio.h>

#define ALERT_TEXT 512

void read_alerts(struct reading *r, const struct yaml_node *node, void *target)
{
    keys_read(r, "alerts", "alerts", node, target, false);
}

static const char *rule_of(struct reading *r, const struct yaml_node *node)
{
    const char *text = reading_text(r, node, "rule");
    for (size_t i = 0; text != NULL && i < ALERT_RULES; i++) {
        if (strcmp(alert_names[i], text) == 0) {
            return text;
        }
    }
    if (text != NULL) {
        char hint[128] = "";
        const char *near = suggest_name(str_of(text), alert_names, ALERT_RULES);
        (void)snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near == NULL ? "" : near);
        complain(r, node, near == NULL ? NULL : hint, "no alert rule \"%s\" (docs/metrics.md)", text);
    }
    return NULL;
}

/* " within 60s after outage.start" of an entry; false after a complaint. */
static bool window_text(struct reading *r, const struct yaml_node *entry, char *out, size_t size)
{
    const struct yaml_node *within = yaml_get(entry, "within");
    const struct yaml_node *after = yaml_get(entry, "after");
    const struct yaml_node *during = yaml_get(entry, "during");
    struct mark mark;
    uint32_t phase = 0;
    uint64_t length = 0;
    bool good = true;
    out[0] = '\0';
    if (within != NULL) {
        good = keys_read_duration(r, within, "within", &length);
    }
    if (after != NULL) {
        good = mark_parse(r, after, &mark) && good;
    }
    if (during != NULL) {
        good = reading_text(r, during, "during") != NULL &&
               phase_find(r, during, str_of(during->text), 0, &phase) && good;
    }
    if (after != NULL && during != NULL) {
        complain(r, during, NULL, "\"during\" and \"after\" name two windows; keep one");
        good = false;
    }
    if (good) {
        (void)snprintf(out, size, "%s%.80s%s%.80s%s%.80s", within == NULL ? "" : " within ",
                       within == NULL ? "" : within->text, after == NULL ? "" : " after ",
                       after == NULL ? "" : after->text, during == NULL ? "" : " during ",
                       during == NULL ? "" : during->text);
    }
    return good;
}

static void alert_add(struct reading *r, struct scenario *s, const struct yaml_node *entry, const char *rule,
                      const char *window, struct scenario_alert alert)
{
    static const char *const deeds[] = { "must fire", "must clear", "must not fire" };
    static const char *const forms[] = { "eventually", "eventually not", "never" };
    char text[ALERT_TEXT];
    (void)snprintf(text, sizeof(text), "%s alerts.%s%s", forms[alert.kind], rule, window);
    alert.expect.expression = read_composed(r, entry, text);
    if (alert.kind == ALERT_MUST_CLEAR) {
        (void)snprintf(text, sizeof(text), "eventually alerts.%s", rule);
        alert.fired = read_composed(r, entry, text);
    }
    (void)snprintf(text, sizeof(text), "alert %s %s%s", rule, deeds[alert.kind], window);
    alert.expect.text = mem_strdup(text);
    alert.expect.line = reading_line(r, entry);
    s->alerts = mem_realloc(s->alerts, (s->alert_count + 1) * sizeof(*s->alerts));
    s->alerts[s->alert_count++] = alert;
}

static void read_rules(struct reading *r, const struct yaml_node *node, const char *what,
                       enum scenario_alert_kind kind, struct scenario *s)
{
    if (!reading_is_list(r, node, what, SCENARIO_ITEMS_MAX)) {
        return;
    }
    for (size_t i = 0; i < node->count; i++) {
        const struct yaml_node *entry = node->items[i];
        struct scenario_alert alert = { .kind = kind };
        char window[ALERT_TEXT / 2] = "";
        const struct yaml_node *name = entry;
        bool good = true;
        if (entry->kind == YAML_MAP) {
            keys_read(r, "alert", what, entry, &alert.expect, false);
            name = yaml_get(entry, "rule");
            good = window_text(r, entry, window, sizeof(window));
        }
        const char *rule = name == NULL ? NULL : rule_of(r, name);
        if (rule != NULL && good) {
            alert_add(r, s, entry, rule, window, alert);
        } else {
            mem_free(alert.expect.proves);
        }
    }
}

void read_must_fire(struct reading *r, const struct yaml_node *node, void *target)
{
    read_rules(r, node, "must_fire", ALERT_MUST_FIRE, target);
}

void read_must_clear(struct reading *r, const struct yaml_node *node, void *target)
{
    read_rules(r, node, "must_clear", ALERT_MUST_CLEAR, target);
}

void read_never_fire(struct reading *r, const struct yaml_node *node, void *target)
{
    read_rules(r, node, "never_fire", ALERT_NEVER_FIRE, target);
}
