/* Verbs whose work goes on after the answer: asked for, then looked at until it is over.  Progress goes to
 * stderr: one line that is written over on a terminal, a new line for each change elsewhere. */
#include "proxy/ctl/acts.h"
#include "proxy/ctl/ctl.h"
#include "proxy/ctl/exchange.h"
#include "proxy/ctl/show.h"
#include "proxy/ctl/table.h"
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS    200
#define TEXT_SIZE  256
#define TEXT_LIMIT ((size_t)64 << 20)

/* ---- progress ---- */

struct progress {
    bool over; /* the last line may be written over */
    char last[TEXT_SIZE];
};

static void progress(struct progress *p, const char *text)
{
    bool terminal = isatty(STDERR_FILENO) == 1;
    if (strcmp(p->last, text) == 0) {
        return;
    }
    (void)fprintf(stderr, terminal ? "\r\x1b[K%s" : "%s\n", text);
    p->over = terminal;
    (void)snprintf(p->last, sizeof(p->last), "%s", text);
}

static void progress_end(struct progress *p)
{
    if (p->over) {
        (void)fprintf(stderr, "\r\x1b[K");
    }
}

/* ---- looking until it is over ---- */

enum seen { SEEN_GOING_ON, SEEN_DONE, SEEN_CALLED_OFF };

/* Judges one look; puts words for the progress into text. */
typedef enum seen look_cb(struct session *s, const json_t *json, char text[TEXT_SIZE]);

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* last: the look that ended it, the caller's to release with CTL_DONE and CTL_NOT_DONE. */
static int wait_until(struct session *s, const char *target, look_cb *look, struct reply *last)
{
    struct progress p = { .over = false };
    uint64_t until = s->options->timeout_ms == 0 ? UINT64_MAX : now_ms() + s->options->timeout_ms;
    for (;;) {
        char text[TEXT_SIZE] = "";
        int rc = exchange(s, "GET", target, STR(""), last);
        if (rc != CTL_DONE) {
            progress_end(&p);
            return rc;
        }
        enum seen seen = look(s, last->json, text);
        bool late = now_ms() >= until;
        if (seen == SEEN_GOING_ON && !late) {
            progress(&p, text);
            reply_release(last);
            (void)poll(NULL, 0, LOOK_MS);
            continue;
        }
        progress_end(&p);
        if (seen == SEEN_CALLED_OFF || seen == SEEN_GOING_ON) {
            (void)fprintf(stderr, "walproxy ctl: %s\n",
                          seen == SEEN_GOING_ON ? "not over yet; it goes on without us" : text);
            return CTL_NOT_DONE;
        }
        return CTL_DONE;
    }
}

/* ---- failover ---- */

static enum seen look_at_failover(struct session *s, const json_t *status, char text[TEXT_SIZE])
{
    const json_t *failover = json_object_get(status, "failover");
    const char *role = show_text(show_instance(status, s->words[0]), "role");
    if (role != NULL && strcmp(role, "primary") == 0) {
        return SEEN_DONE;
    }
    if (!json_is_object(failover)) {
        (void)snprintf(text, TEXT_SIZE, "the promotion was called off; see promotion_called_off in the log");
        return SEEN_CALLED_OFF;
    }
    const char *why = show_text(failover, "why");
    (void)snprintf(text, TEXT_SIZE, "writes to go: %lld; %s", show_number(failover, "missing_writes"),
                   why == NULL ? "" : why);
    return SEEN_GOING_ON;
}

static void say_promoted(struct session *s, const json_t *promotion)
{
    struct buf out;
    buf_init(&out, TEXT_LIMIT);
    buf_append_text(&out, "the primary is now: ");
    table_say(&out, s->colour, TONE_GOOD, s->words[0]);
    buf_append_char(&out, '\n');
    show_missing(&out, s->colour, promotion);
    exchange_print(&out);
    buf_deinit(&out);
}

static int wait_for_role(struct session *s)
{
    struct reply status;
    int rc = wait_until(s, "/status", look_at_failover, &status);
    if (rc != CTL_DONE && rc != CTL_NOT_DONE) {
        return rc;
    }
    if (s->options->json) {
        exchange_json(&status);
    } else if (rc == CTL_DONE) {
        say_promoted(s, NULL);
    }
    reply_release(&status);
    return rc;
}

int act_failover(struct session *s)
{
    struct buf path;
    struct reply reply;
    buf_init(&path, TEXT_LIMIT);
    (void)exchange_path(&path, "/admin/instances/", s->words[0],
                        s->options->force ? "/promote?force=yes" : "/promote");
    int rc = exchange(s, "POST", buf_text(&path), STR(""), &reply);
    buf_deinit(&path);
    if (rc != CTL_DONE) {
        return rc;
    }
    bool waits = reply.status == 202;
    if (s->options->json && (!waits || s->options->no_wait)) {
        exchange_json(&reply);
    } else if (!s->options->json && !waits) {
        say_promoted(s, reply.json);
    } else if (!s->options->json && s->options->no_wait) {
        (void)printf("it waits until %s lacks nothing: walproxy ctl status\n", s->words[0]);
    }
    reply_release(&reply);
    return waits && !s->options->no_wait ? wait_for_role(s) : CTL_DONE;
}

/* ---- resync ---- */

static enum seen look_at_resync(struct session *s, const json_t *status, char text[TEXT_SIZE])
{
    const json_t *resync = json_object_get(show_instance(status, s->words[0]), "resync");
    if (!json_is_object(resync)) {
        return SEEN_DONE;
    }
    (void)snprintf(text, TEXT_SIZE,
                   "collections to go: %lld, done: %lld; records copied: %lld, removed: %lld",
                   show_number(resync, "collections_waiting"), show_number(resync, "collections_done"),
                   show_number(resync, "records_copied"), show_number(resync, "records_removed"));
    return SEEN_GOING_ON;
}

int act_resync(struct session *s)
{
    struct buf path;
    struct reply reply;
    buf_init(&path, TEXT_LIMIT);
    (void)exchange_path(&path, "/admin/instances/", s->words[0], "/resync");
    int rc = exchange(s, "POST", buf_text(&path), STR(""), &reply);
    buf_deinit(&path);
    if (rc != CTL_DONE) {
        return rc;
    }
    if (s->options->no_wait) {
        if (s->options->json) {
            exchange_json(&reply);
        } else {
            (void)printf("it has begun: walproxy ctl status\n");
        }
        reply_release(&reply);
        return CTL_DONE;
    }
    reply_release(&reply);
    rc = wait_until(s, "/status", look_at_resync, &reply);
    if (rc != CTL_DONE && rc != CTL_NOT_DONE) {
        return rc;
    }
    if (s->options->json) {
        exchange_json(&reply);
    } else if (rc == CTL_DONE) {
        (void)printf(
            "%s is equal to the other one; what only it has, if anything, stays: walproxy ctl compare\n",
            s->words[0]);
    }
    reply_release(&reply);
    return rc;
}

/* ---- compare ---- */

static enum seen look_at_comparison(struct session *s, const json_t *comparison, char text[TEXT_SIZE])
{
    (void)s;
    (void)snprintf(text, TEXT_SIZE, "collections equal: %lld, differing: %lld so far",
                   show_number(comparison, "collections_equal"),
                   show_number(comparison, "collections_differing"));
    return show_is_true(comparison, "running") ? SEEN_GOING_ON : SEEN_DONE;
}

int act_compare(struct session *s)
{
    struct reply reply;
    int rc = exchange(s, "POST", "/admin/compare", STR(""), &reply);
    if (rc == CTL_DONE && !s->options->no_wait) {
        reply_release(&reply);
        rc = wait_until(s, "/admin/compare", look_at_comparison, &reply);
    }
    if (rc != CTL_DONE && rc != CTL_NOT_DONE) {
        return rc;
    }
    exchange_show(s, &reply, show_comparison);
    rc = rc == CTL_DONE && show_number(reply.json, "collections_differing") > 0 ? CTL_NOT_DONE : rc;
    reply_release(&reply);
    return rc;
}
