/* Command lines of the three programs, and their order: the mocks first, the balancer when both listen.
 *
 * TIME_SCALE goes to all three, so that everything that is scenario time runs equally fast: the balancer's
 * intervals, windows and backoff, and the mocks' schedules of faults and journal times.  What stays real: how
 * long anybody works - the balancer, the disk, the mocks' latencies and delays - and the balancer's upstream
 * timeouts, which never go below 2 s of real time (docs/settings.md). */
#include "harness/real/stack.h"

#include "base/memory.h"
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK_LISTENING "listening "
#define STACK_TERM_MS   5000

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

static int stack_start_child(struct stack *s, enum engine_target target, struct errmsg *msg)
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

static int stack_remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

int stack_make_wal_dir(const char *work_dir, char *out, size_t capacity, struct errmsg *msg)
{
    int size = snprintf(out, capacity, "%s/wal", work_dir);
    if (size < 0 || (size_t)size >= capacity) {
        return error_set(msg, ERR_INVALID, "the path %s is too long", work_dir);
    }
    if (nftw(out, stack_remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        return error_set(msg, ERR_IO, "cannot remove %s: %s", out, strerror(errno));
    }
    if (mkdir(out, 0777) != 0) {
        return error_set(msg, ERR_IO, "cannot make %s: %s", out, strerror(errno));
    }
    return 0;
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

static void stack_add_setting(struct child *c, const char *name, const char *value)
{
    char flag[96] = "--";
    for (size_t i = 0; name[i] != '\0' && i + 3 < sizeof(flag); i++) {
        flag[i + 2] = name[i] == '_' ? '-' : name[i];
    }
    child_add_arg(c, "%s", flag);
    child_add_arg(c, "%s", value);
}

static int stack_prepare_lb(struct stack *s, const struct stack_options *o, struct errmsg *msg)
{
    char program[CHILD_PATH];
    char text[CHILD_PATH];
    (void)snprintf(program, sizeof(program), "%s/walproxy", o->bin_dir);
    struct child *c = &s->children[TARGET_LB];
    int rv = child_init(c, stack_names[TARGET_LB], program, o->work_dir, msg);
    if (rv != 0) {
        return rv;
    }
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", o->ports[TARGET_LB]);
    stack_add_setting(c, "listen", text);
    stack_add_setting(c, "primary_url", s->urls[TARGET_PRIMARY]);
    if (o->has_replica) {
        stack_add_setting(c, "replica_url", s->urls[TARGET_REPLICA]);
    }
    stack_add_setting(c, "wal_dir", s->wal_dir);
    (void)snprintf(text, sizeof(text), "%g", o->time_scale);
    stack_add_setting(c, "time_scale", text);
    for (size_t i = 0; i < o->setting_count; i++) {
        if (!stack_owns(o->settings[i].name)) {
            stack_add_setting(c, o->settings[i].name, o->settings[i].value);
        }
    }
    return 0;
}

int stack_start_lb(struct stack *s, struct errmsg *msg)
{
    int rv = stack_start_child(s, TARGET_LB, msg);
    if (rv == 0) {
        child_replace_arg(&s->children[TARGET_LB], "--listen", s->urls[TARGET_LB] + strlen("http://"));
    }
    return rv;
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
        rv = rv != 0 ? rv : stack_start_child(s, (enum engine_target)t, msg);
    }
    rv = rv != 0 ? rv : stack_make_wal_dir(o->work_dir, s->wal_dir, sizeof(s->wal_dir), msg);
    rv = rv != 0 ? rv : stack_prepare_lb(s, o, msg);
    rv = rv != 0 || o->without_lb ? rv : stack_start_lb(s, msg);
    if (rv != 0) {
        stack_stop(s);
    }
    return rv;
}

void stack_stop(struct stack *s)
{
    for (unsigned t = 0; t < s->count; t++) {
        struct child *c = &s->children[t];
        if (c->argv != NULL) {
            (void)child_end(c, SIGTERM, STACK_TERM_MS, NULL); /* it ends either way */
            child_deinit(c);
        }
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
    return 0;
}
