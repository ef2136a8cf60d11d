#include "proxy/ctl/acts.h"

#include "proxy/ctl/ctl.h"
#include "proxy/ctl/exchange.h"
#include "proxy/ctl/show.h"
#include "proxy/ctl/table.h"
#include <stdio.h>
#include <string.h>

#define PATH_LIMIT ((size_t)1 << 16)
#define BODY_LIMIT ((size_t)64 << 20)

/* ---- looking ---- */

static int look_at(struct session *s, const char *target, show_cb *show)
{
    struct reply reply;
    int rc = exchange(s, "GET", target, STR(""), &reply);
    if (rc != CTL_DONE) {
        return rc;
    }
    exchange_show(s, &reply, show);
    reply_release(&reply);
    return CTL_DONE;
}

static int look_at_page(struct session *s, const char *target, show_cb *show)
{
    struct buf path;
    buf_init(&path, PATH_LIMIT);
    buf_append_text(&path, target);
    exchange_page(&path, s->options);
    int rc = look_at(s, buf_text(&path), show);
    buf_deinit(&path);
    return rc;
}

int act_status(struct session *s)
{
    return look_at(s, "/status", show_status);
}

int act_plan(struct session *s)
{
    return look_at_page(s, "/admin/plan", show_plan);
}

int act_pending(struct session *s)
{
    return look_at_page(s, "/admin/pending", show_pending);
}

int act_letters(struct session *s)
{
    return look_at_page(s, "/admin/dead-letters", show_letters);
}

int act_ids(struct session *s)
{
    return look_at_page(s, "/admin/ids", show_ids);
}

static int print_body(struct session *s, const char *target)
{
    struct reply reply;
    int rc = exchange(s, "GET", target, STR(""), &reply);
    if (rc != CTL_DONE) {
        return rc;
    }
    const json_t *body = json_object_get(reply.json, "body");
    (void)fwrite(json_string_value(body), 1, json_string_length(body), stdout);
    (void)fflush(stdout);
    reply_release(&reply);
    return CTL_DONE;
}

int act_letter(struct session *s)
{
    struct buf path;
    buf_init(&path, PATH_LIMIT);
    (void)exchange_path(&path, "/admin/dead-letters/", s->words[0], "");
    int rc = s->options->body ? print_body(s, buf_text(&path)) : look_at(s, buf_text(&path), show_letter);
    buf_deinit(&path);
    return rc;
}

/* ---- acting ---- */

/* Carries it out; key: the number in the answer that the sentence has a place for, NULL = none. */
static int act(struct session *s, const char *method, const char *target, struct str body,
               const char *sentence, const char *key)
{
    struct reply reply;
    int rc = exchange(s, method, target, body, &reply);
    if (rc != CTL_DONE) {
        return rc;
    }
    if (s->options->json) {
        exchange_json(&reply);
    } else if (key == NULL) {
        (void)printf("%s\n", sentence);
    } else {
        (void)printf("%s%lld\n", sentence, show_number(reply.json, key));
    }
    reply_release(&reply);
    return CTL_DONE;
}

static int act_on_letter(struct session *s, const char *method, const char *after, struct str body,
                         const char *sentence, const char *key)
{
    struct buf path;
    buf_init(&path, PATH_LIMIT);
    (void)exchange_path(&path, "/admin/dead-letters/", s->words[0], after);
    int rc = act(s, method, buf_text(&path), body, sentence, key);
    buf_deinit(&path);
    return rc;
}

int act_edit(struct session *s)
{
    struct buf body;
    struct errmsg msg = { "" };
    buf_init(&body, BODY_LIMIT);
    int rc = CTL_USAGE;
    if (options_read_file(s->words[1], &body, &msg) != 0) {
        (void)fprintf(stderr, "walproxy ctl: %s\n", msg.text);
    } else {
        rc = act_on_letter(s, "PUT", "", buf_str(&body),
                           "it has another body now; to send it: walproxy ctl letters retry ", "edited");
    }
    buf_deinit(&body);
    return rc;
}

int act_retry(struct session *s)
{
    return act_on_letter(s, "POST", s->options->force ? "/retry?force=yes" : "/retry", STR(""),
                         "sent again as write ", "redriven_as");
}

int act_drop(struct session *s)
{
    return act_on_letter(s, "DELETE", "", STR(""), "given up: dead letter ", "dropped");
}

int act_pause(struct session *s)
{
    return act(s, "POST", "/admin/replay/pause", STR(""),
               "replay is paused; writes that wait for the primary: ", "pending");
}

int act_resume(struct session *s)
{
    return act(s, "POST", "/admin/replay/resume", STR(""),
               "replay goes on; writes that wait for the primary: ", "pending");
}

int act_step(struct session *s)
{
    return act(s, "POST", "/admin/replay/step", STR(""), "steps to go: ", "steps");
}

int act_throttle(struct session *s)
{
    struct buf path;
    bool off = strcmp(s->words[0], "off") == 0;
    buf_init(&path, PATH_LIMIT);
    (void)exchange_path(&path, "/admin/replay/throttle?rate=", off ? "0" : s->words[0], "");
    int rc =
        act(s, "POST", buf_text(&path), STR(""),
            off ? "replay is as fast as REPLAY_RATE and the instances allow" : "replay is throttled", NULL);
    buf_deinit(&path);
    return rc;
}

int act_force(struct session *s)
{
    struct buf path;
    buf_init(&path, PATH_LIMIT);
    (void)exchange_path(&path, "/admin/instances/", s->words[0], "/force?state=");
    (void)exchange_path(&path, "", s->words[1], "");
    int rc =
        act(s, "POST", buf_text(&path), STR(""),
            strcmp(s->words[1], "auto") == 0 ? "its probes decide again"
                                             : "it counts as that until: walproxy ctl force INSTANCE auto",
            NULL);
    buf_deinit(&path);
    return rc;
}

int act_log_level(struct session *s)
{
    struct buf path;
    buf_init(&path, PATH_LIMIT);
    (void)exchange_path(&path, "/admin/log-level?level=", s->words[0], "");
    int rc = act(s, "POST", buf_text(&path), STR(""), "the log has that level until the next restart", NULL);
    buf_deinit(&path);
    return rc;
}

static void say_names(const char *before, const json_t *names)
{
    size_t i;
    const json_t *name;
    json_array_foreach(names, i, name)
    {
        (void)printf("%s%s", i == 0 ? before : ", ", json_string_value(name));
    }
    if (json_array_size(names) > 0) {
        (void)printf("\n");
    }
}

int act_reload(struct session *s)
{
    struct reply reply;
    int rc = exchange(s, "POST", "/admin/reload", STR(""), &reply);
    if (rc != CTL_DONE) {
        return rc;
    }
    if (s->options->json) {
        exchange_json(&reply);
    } else {
        const json_t *changed = json_object_get(reply.json, "changed");
        const json_t *frozen = json_object_get(reply.json, "needs_restart");
        (void)printf("the settings have been read again%s\n",
                     json_array_size(changed) + json_array_size(frozen) == 0 ? ": nothing has changed" : "");
        say_names("hold now: ", changed);
        say_names("need a restart: ", frozen);
    }
    reply_release(&reply);
    return CTL_DONE;
}

int act_drain(struct session *s)
{
    return act(
        s, "POST", "/admin/drain", STR(""),
        "it takes nothing new and ends when all is answered; writes that stay in the log: ", "pending");
}
