/* Three kinds of balancers behind one start.
 *
 * walproxy takes its settings as flags.  A command is given what any balancer needs as environment:
 * PRIMARY_URL, REPLICA_URL, and HOST, PORT, LISTEN where it has to listen; WORK_DIR is an empty folder of its
 * own.  One that runs already is only waited for: our mocks then stand on fixed ports, so that it can have
 * been pointed at them. */
#include "harness/real/trial.h"

#include "harness/real/folders.h"
#include "harness/real/foreign.h"
#include "harness/real/kept_port.h"
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define BALANCER_READY "/api/v2/heartbeat" /* what every balancer for Chroma passes on */

static void add_setting(struct child *c, const char *name, const char *value)
{
    char flag[96] = "--";
    for (size_t i = 0; name[i] != '\0' && i + 3 < sizeof(flag); i++) {
        flag[i + 2] = name[i] == '_' ? '-' : name[i];
    }
    child_add_arg(c, "%s", flag);
    child_add_arg(c, "%s", value);
}

static int prepare_walproxy(struct stack *s, const struct stack_options *o, struct errmsg *msg)
{
    char program[CHILD_PATH];
    char text[CHILD_PATH];
    (void)snprintf(program, sizeof(program), "%s/walproxy", o->bin_dir);
    struct child *c = &s->children[TARGET_LB];
    unsigned port = o->ports[TARGET_LB];
    int rv = port != 0 ? 0 : kept_port_open(&s->lb_port_fd, &port, msg);
    rv = rv != 0 ? rv : child_init(c, "walproxy", program, o->work_dir, msg);
    if (rv != 0) {
        return rv;
    }
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", port);
    add_setting(c, "listen", text);
    add_setting(c, "primary_url", s->urls[TARGET_PRIMARY]);
    if (o->has_replica) {
        add_setting(c, "replica_url", s->urls[TARGET_REPLICA]);
    }
    add_setting(c, "wal_dir", s->wal_dir);
    (void)snprintf(text, sizeof(text), "%g", o->time_scale);
    add_setting(c, "time_scale", text);
    for (size_t i = 0; i < o->setting_count; i++) {
        if (!stack_owns(o->settings[i].name)) {
            add_setting(c, o->settings[i].name, o->settings[i].value);
        }
    }
    return 0;
}

/* ready is "/path" of the balancer, or a URL of its own. */
static void place_ready(struct stack *s, const char *ready)
{
    ready = ready == NULL ? BALANCER_READY : ready;
    const char *host = strstr(ready, "://");
    const char *path = host == NULL ? ready : strchr(host + 3, '/');
    if (host == NULL) {
        (void)snprintf(s->lb_ready_host, sizeof(s->lb_ready_host), "%s", s->urls[TARGET_LB]);
    } else {
        size_t length = path == NULL ? strlen(ready) : (size_t)(path - ready);
        (void)snprintf(s->lb_ready_host, sizeof(s->lb_ready_host), "%.*s", (int)length, ready);
    }
    (void)snprintf(s->lb_ready, sizeof(s->lb_ready), "%s", path == NULL ? "/" : path);
}

static int prepare_command(struct stack *s, const struct stack_options *o, struct errmsg *msg)
{
    struct child *c = &s->children[TARGET_LB];
    char folder[CHILD_PATH];
    int rv = child_init(c, "balancer", "/bin/bash", o->work_dir, msg);
    int size = snprintf(folder, sizeof(folder), "%s/balancer", o->work_dir);
    if (rv == 0 && (size < 0 || (size_t)size >= sizeof(folder))) {
        rv = error_set(msg, ERR_INVALID, "the path %s is too long", o->work_dir);
    }
    rv = rv != 0 ? rv : folder_fresh(folder, msg);
    if (rv != 0) {
        return rv;
    }
    if (o->lb_url != NULL) {
        (void)snprintf(s->urls[TARGET_LB], STACK_URL, "%s", o->lb_url);
    } else {
        (void)snprintf(s->urls[TARGET_LB], STACK_URL, "http://127.0.0.1:%u", foreign_free_port());
    }
    const char *listen = s->urls[TARGET_LB] + strlen("http://");
    const char *colon = strrchr(listen, ':');
    child_add_arg(c, "-c");
    child_add_arg(c, "%s", o->lb_command);
    child_add_env(c, "PRIMARY_URL=%s", s->urls[TARGET_PRIMARY]);
    if (o->has_replica) {
        child_add_env(c, "REPLICA_URL=%s", s->urls[TARGET_REPLICA]);
    }
    child_add_env(c, "LISTEN=%s", listen);
    child_add_env(c, "HOST=%.*s", (int)(colon == NULL ? strlen(listen) : (size_t)(colon - listen)), listen);
    child_add_env(c, "PORT=%s", colon == NULL ? "80" : colon + 1);
    child_add_env(c, "WORK_DIR=%s", folder);
    child_add_env(c, "TIME_SCALE=%g", o->time_scale);
    for (size_t i = 0; i < o->lb_env_count; i++) {
        child_add_env(c, "%s=%s", o->lb_env[i].name, o->lb_env[i].value);
    }
    place_ready(s, o->lb_ready);
    return 0;
}

int trial_prepare(struct stack *s, const struct stack_options *o, struct errmsg *msg)
{
    s->lb_kind = o->lb_kind;
    switch (o->lb_kind) {
        case LB_KIND_WALPROXY:
            return prepare_walproxy(s, o, msg);
        case LB_KIND_COMMAND:
            return prepare_command(s, o, msg);
        case LB_KIND_URL:
            (void)snprintf(s->urls[TARGET_LB], STACK_URL, "%s", o->lb_url);
            place_ready(s, o->lb_ready);
            return 0;
    }
    return 0;
}

int trial_start(struct stack *s, struct errmsg *msg)
{
    struct child *c = &s->children[TARGET_LB];
    switch (s->lb_kind) {
        case LB_KIND_WALPROXY:
            return stack_start_child(s, TARGET_LB, msg);
        case LB_KIND_COMMAND:
            return foreign_start(c, s->lb_ready_host, s->lb_ready, msg);
        case LB_KIND_URL:
            return foreign_await(NULL, s->lb_ready_host, s->lb_ready, msg);
    }
    return 0;
}
