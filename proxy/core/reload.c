#include "proxy/core/reload.h"

#include "base/json_writer.h"
#include "proxy/core/admin_answers.h"
#include "proxy/core/health.h"
#include "proxy/core/pace.h"
#include "proxy/core/settings_live.h"
#include "proxy/core/trail.h"
#include <string.h>

#define ANSWER_LIMIT 8192

struct telling {
    struct core *core;
    const struct settings *wanted;
    const struct settings_row *changed[SETTINGS_MAX];
    const struct settings_row *frozen[SETTINGS_MAX];
    size_t changed_count, frozen_count;
};

static void tell(void *context, const struct settings_row *row, bool taken)
{
    struct telling *t = context;
    char value[SETTINGS_SECRET_MAX];
    settings_format(t->wanted, row, value, sizeof(value));
    core_line(t->core, taken ? LOG_INFO : LOG_WARN, taken ? "setting_changed" : "setting_needs_restart",
              "name", row->name, "value", value, NULL);
    if (taken) {
        t->changed[t->changed_count++] = row;
    } else {
        t->frozen[t->frozen_count++] = row;
    }
}

static void put_names(struct json_writer *w, const char *key, const struct settings_row *const *rows,
                      size_t count)
{
    json_key(w, key);
    json_array_begin(w);
    for (size_t i = 0; i < count; i++) {
        json_put_str(w, str_of(rows[i]->name));
    }
    json_array_end(w);
}

static struct block *told(const struct telling *t)
{
    struct buf b;
    struct json_writer w;
    buf_init(&b, ANSWER_LIMIT);
    json_writer_init(&w, &b, 0);
    json_object_begin(&w);
    put_names(&w, "changed", t->changed, t->changed_count);
    put_names(&w, "needs_restart", t->frozen, t->frozen_count);
    json_object_end(&w);
    struct block *body = block_from_buf(&b);
    buf_deinit(&b);
    return body;
}

static bool has_changed(const struct telling *t, const char *name)
{
    for (size_t i = 0; i < t->changed_count; i++) {
        if (strcmp(t->changed[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* What does not look at its setting each time. */
static void act_on(struct core *core, const struct telling *t)
{
    if (has_changed(t, "LOG_LEVEL")) {
        core_push(core, CORE_ACT_LEVEL)->u.level.level = core->settings.log_level;
    }
    if (has_changed(t, "REPLAY_RATE")) {
        pace_rate_changed(core);
    }
    if (has_changed(t, "CHECK_INTERVAL")) {
        health_interval_changed(core);
    }
}

void reload_settings(struct core *core, const struct core_event *event)
{
    const struct settings *wanted = event->u.command.settings;
    struct telling t = { .core = core, .wanted = wanted };
    if (event->u.command.ticket == 0) {
        trail_signal(core, "reload");
    }
    if (wanted == NULL) {
        core_line(core, LOG_ERROR, "reload_refused", "why", event->u.command.detail, NULL);
        admin_done(core, event->u.command.ticket, 422,
                   admin_refusal("InvalidSettings", event->u.command.detail));
        return;
    }
    settings_take_over(&core->settings, wanted, tell, &t);
    act_on(core, &t);
    core_line(core, LOG_INFO, "reloaded", NULL);
    admin_done(core, event->u.command.ticket, 200, told(&t));
}
