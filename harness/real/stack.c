/* Command lines of the three programs, and their order: the mocks first, the balancer when both listen.
 *
 * TIME_SCALE goes to all three, so that everything that is scenario time runs equally fast: the balancer's
 * intervals, windows and backoff, and the mocks' schedules of faults and journal times.  What stays real: how
 * long anybody works - the balancer, the disk, the mocks' latencies and delays - and the balancer's upstream
 * timeouts, which never go below 2 s of real time (docs/settings.md). */
#include "harness/real/stack.h"

#include "harness/real/trial.h"
#include "harness/real/control.h"
#include "harness/real/folders.h"
#include "harness/real/foreign.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STACK_LISTENING "listening "
#define STACK_TERM_MS   5000
#define STACK_ANSWER    4096
#define STACK_HEARTBEAT "/api/v2/heartbeat"

static const char *const
    stack_names[3] = { [TARGET_LB] = "walproxy", [TARGET_PRIMARY] = "primary", [TARGET_REPLICA] = "replica" };

/* "listening http://127.0.0.1:P control http://127.0.0.1:C" */
static int stack_read_line(struct stack *s, enum engine_target target, const char *line, struct errmsg *msg)
{
    struct str rest;
    struct str text = str_of(line + strlen(STACK_LISTENING));
    struct str url = str_cut(text, ' ', &rest);
    struct str word = str_cut(rest, ' ', &rest);
    if (url.size == 0 || url.size >= STACK_URL || rest.size >= STACK_URL ||
        (target != TARGET_LB && !str_equal(word, STR("control")))) {
        return error_set(msg, ERR_SYNTAX, "%s said \"%s\"", stack_names[target], line);
    }
    (void)snprintf(s->urls[target], STACK_URL, "%.*s", STR_ARGS(url));
    if (target != TARGET_LB) {
        (void)snprintf(s->controls[target], STACK_URL, "%.*s", STR_ARGS(rest));
    }
    return 0;
}

int stack_start_child(struct stack *s, enum engine_target target, struct errmsg *msg)
{
    char line[4 * STACK_URL] = "";
    int rv = child_start(&s->children[target], STACK_LISTENING, line, sizeof(line), msg);
    return rv != 0 ? rv : stack_read_line(s, target, line, msg);
}

static int stack_prepare_mock(struct stack *s, enum engine_target target, const struct stack_options *o,
                              struct errmsg *msg)
{
    char program[CHILD_PATH];
    (void)snprintf(program, sizeof(program), "%s/mockchroma", o->bin_dir);
    struct child *c = &s->children[target];
    int rv = child_init(c, stack_names[target], program, o->work_dir, msg);
    if (rv != 0) {
        return rv;
    }
    bool replica = target == TARGET_REPLICA;
    const char *latency = o->latency[replica];
    /* Another seed for each: their UUIDs must differ, as those of real servers do. */
    unsigned long long seed = o->seed * 2 + replica;
    child_add_arg(c, "--name");
    child_add_arg(c, "%s", stack_names[target]);
    child_add_arg(c, "--port");
    child_add_arg(c, "%u", o->ports[target]);
    child_add_arg(c, "--control-port");
    child_add_arg(c, "%u", o->control_ports[replica]);
    child_add_arg(c, "--seed");
    child_add_arg(c, "%llu", seed);
    child_add_arg(c, "--tag-key");
    child_add_arg(c, "wd_op");
    child_add_arg(c, "--time-scale");
    child_add_arg(c, "%g", o->time_scale);
    if (latency != NULL) {
        child_add_arg(c, "--latency");
        child_add_arg(c, "%s", latency);
    }
    return 0;
}

int stack_make_wal_dir(const char *work_dir, char *out, size_t capacity, struct errmsg *msg)
{
    int size = snprintf(out, capacity, "%s/wal", work_dir);
    if (size < 0 || (size_t)size >= capacity) {
        return error_set(msg, ERR_INVALID, "the path %s is too long", work_dir);
    }
    return folder_fresh(out, msg);
}

bool stack_owns(const char *name)
{
    static const char *const own[] = { "primary_url", "replica_url", "listen",    "host",
                                       "port",        "wal_dir",     "time_scale" };
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(own[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int stack_start_lb(struct stack *s, struct errmsg *msg)
{
    return trial_start(s, msg);
}

/* A real Chroma, and the gateway in front of it, which is a mock with --upstream. */
static int stack_start_chroma(struct stack *s, enum engine_target target, const struct stack_options *o,
                              struct errmsg *msg)
{
    static const char *const names[] = { "primary-chroma", "replica-chroma" };
    unsigned i = target == TARGET_REPLICA;
    struct child *c = &s->chromas[i];
    int rv = foreign_chroma_init(c, names[i], o->work_dir, s->chroma_urls[i], STACK_URL, msg);
    rv = rv != 0 ? rv : foreign_start(c, s->chroma_urls[i], STACK_HEARTBEAT, msg);
    if (rv == 0) {
        child_add_arg(&s->children[target], "--upstream");
        child_add_arg(&s->children[target], "%s", s->chroma_urls[i]);
    }
    return rv;
}

int stack_kill_chroma(struct stack *s, enum engine_target target, struct errmsg *msg)
{
    return child_end(&s->chromas[target == TARGET_REPLICA], SIGKILL, 0, msg);
}

int stack_revive_chroma(struct stack *s, enum engine_target target, bool empty, const char *work_dir,
                        struct errmsg *msg)
{
    unsigned i = target == TARGET_REPLICA;
    int rv = empty ? foreign_chroma_empty(s->chromas[i].name, work_dir, msg) : 0;
    return rv != 0 ? rv : child_begin(&s->chromas[i], msg);
}

bool stack_chroma_answers(const struct stack *s, unsigned instance)
{
    struct buf answer;
    buf_init(&answer, STACK_ANSWER);
    bool answers = control_ask(s->chroma_urls[instance], "GET", STACK_HEARTBEAT, STR(""), &answer, NULL) == 0;
    buf_deinit(&answer);
    return answers;
}

int stack_start(struct stack *s, const struct stack_options *o, struct errmsg *msg)
{
    const unsigned count = o->has_replica ? 3 : 2;
    memset(s, 0, sizeof(*s)); /* assigned as a whole it would stand on the stack once more, 29 KB */
    s->count = count;
    int rv = 0;
    if (o->mutant != NULL) {
        return error_set(msg, ERR_UNSUPPORTED, "known-bad proxies stand trial on the engine sim only");
    }
    for (unsigned t = TARGET_PRIMARY; rv == 0 && t < count; t++) {
        rv = stack_prepare_mock(s, (enum engine_target)t, o, msg);
        if (rv == 0 && o->real_chroma[t == TARGET_REPLICA]) {
            rv = stack_start_chroma(s, (enum engine_target)t, o, msg);
        }
        rv = rv != 0 ? rv : stack_start_child(s, (enum engine_target)t, msg);
    }
    rv = rv != 0 ? rv : stack_make_wal_dir(o->work_dir, s->wal_dir, sizeof(s->wal_dir), msg);
    rv = rv != 0 ? rv : trial_prepare(s, o, msg);
    rv = rv != 0 || o->without_lb ? rv : stack_start_lb(s, msg);
    if (rv != 0) {
        stack_stop(s);
    }
    return rv;
}

static void stack_end(struct child *c)
{
    if (c->argv != NULL) {
        (void)child_end(c, SIGTERM, STACK_TERM_MS, NULL); /* it ends either way */
        child_deinit(c);
    }
}

void stack_stop(struct stack *s)
{
    for (unsigned t = 0; t < s->count; t++) {
        stack_end(&s->children[t]);
    }
    stack_end(&s->chromas[0]);
    stack_end(&s->chromas[1]);
    if (s->lb_port_fd > 0) {
        (void)close(s->lb_port_fd);
        s->lb_port_fd = 0;
    }
}

int stack_check(struct stack *s, struct errmsg *msg)
{
    for (unsigned t = 0; t < s->count; t++) {
        int rv = child_check(&s->children[t], msg);
        if (rv != 0) {
            return rv;
        }
    }
    int rv = child_check(&s->chromas[0], msg);
    return rv != 0 ? rv : child_check(&s->chromas[1], msg);
}
