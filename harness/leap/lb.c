/* Its life, as on the other engines:
 *
 *   kill      what was written to the log stays, as the page cache keeps it when a process is killed; what
 * was only queued, every connection and every request are gone terminate it drains while time goes on; when
 * it has stopped it is closed in order, and started again if somebody has asked for that meanwhile, as a
 * supervisor does pause     it gets no turn; its sockets fill, the clock goes on */
#include "harness/leap/lb.h"

#include "base/memory.h"
#include "base/prng.h"
#include "harness/leap/clock.h"
#include "harness/leap/disk.h"
#include "harness/real/stack.h"
#include "harness/sim/balancer.h"
#include "proxy/io/server.h"
#include <unistd.h>

struct leap_lb {
    const struct leap_place *place;
    struct settings settings;
    char wal_dir[CHILD_PATH];
    const char *mutant;
    struct prng prng;
    struct proxy_server *server; /* NULL = does not run */
    int lines_fd;
    struct leap_disk disk;
    uint64_t written_ns; /* when the disk, slow as it is, will have taken what is queued; 0 = it is idle */
    bool paused;
    bool drain_later; /* SIGTERM has come while it was paused */
    bool draining;
    bool start_again;
};

static int lb_read_settings(struct leap_lb *lb, const struct engine_setup *setup, struct errmsg *msg)
{
    struct settings_draft draft;
    settings_draft_init(&draft);
    int rv = settings_set(&draft, STR("PRIMARY_URL"), STR("http://primary.leap:8000"), SETTINGS_FILE, msg);
    if (rv == 0 && setup->has_replica) {
        rv = settings_set(&draft, STR("REPLICA_URL"), STR("http://replica.leap:8000"), SETTINGS_FILE, msg);
    }
    if (rv == 0) {
        rv = settings_set(&draft, STR("WAL_DIR"), str_of(lb->wal_dir), SETTINGS_FILE, msg);
    }
    for (size_t i = 0; rv == 0 && i < setup->lb_setting_count; i++) {
        const struct engine_setting *given = &setup->lb_settings[i];
        if (!stack_owns(given->name)) {
            rv = settings_set(&draft, str_of(given->name), str_of(given->value), SETTINGS_FILE, msg);
        }
    }
    rv = rv != 0 ? rv : settings_finish(&draft, msg);
    lb->settings = draft.values;
    return rv;
}

int leap_lb_new(struct leap_lb **out, const struct engine_setup *setup, const struct leap_place *place,
                struct errmsg *msg)
{
    struct leap_lb *lb = mem_alloc(sizeof(*lb));
    struct prng root;
    *out = lb;
    prng_seed(&root, setup->seed);
    lb->prng = prng_split(&root, "balancer");
    lb->place = place;
    lb->mutant = setup->mutant;
    lb->lines_fd = -1;
    int rv = stack_make_wal_dir(setup->work_dir, lb->wal_dir, sizeof(lb->wal_dir), msg);
    rv = rv != 0 ? rv : lb_read_settings(lb, setup, msg);
    return rv != 0 ? rv : leap_place_file(place, "walproxy.log", &lb->lines_fd, msg);
}

void leap_lb_free(struct leap_lb *lb)
{
    if (lb == NULL) {
        return;
    }
    if (lb->server != NULL) {
        proxy_server_drop(lb->server);
    }
    if (lb->lines_fd >= 0) {
        (void)close(lb->lines_fd);
    }
    mem_free(lb);
}

/* Nobody edits a file beneath a run: what it was started with stands. */
static int lb_settings_again(void *context, struct settings *out, struct errmsg *msg)
{
    const struct leap_lb *lb = context;
    (void)msg;
    *out = lb->settings;
    return 0;
}

static int lb_prepare(void *context, struct core *core, struct errmsg *msg)
{
    const struct leap_lb *lb = context;
    return lb->mutant == NULL ? 0 : balancer_set_mutant(core, lb->mutant, msg);
}

int leap_lb_start(struct leap_lb *lb, struct errmsg *msg)
{
    struct proxy_server_source source = { lb, lb_settings_again };
    struct proxy_server_place place = { .lines_fd = lb->lines_fd,
                                        .sockets = { lb->place->sockets[TARGET_PRIMARY],
                                                     lb->place->sockets[TARGET_REPLICA] },
                                        .hand = { leap_disk_guard, &lb->disk },
                                        .prepare = lb_prepare,
                                        .context = lb };
    if (lb->draining) {
        lb->start_again = true;
        return 0;
    }
    if (lb->server != NULL) {
        return error_set(msg, ERR_STATE, "the balancer runs already");
    }
    int rv = leap_place_bind(lb->place, TARGET_LB, &place.listen_fd, msg);
    if (rv == 0) {
        rv = proxy_server_open(&lb->server, &lb->settings, &source, &place, prng_next(&lb->prng), msg);
    }
    if (rv == 0) {
        proxy_server_begin(lb->server);
    }
    return rv;
}

static void lb_gone(struct leap_lb *lb)
{
    lb->server = NULL;
    lb->written_ns = 0;
    lb->paused = lb->drain_later = lb->draining = false;
}

static void lb_drain(struct leap_lb *lb)
{
    lb->drain_later = lb->paused;
    lb->draining = true;
    if (!lb->paused) {
        proxy_server_drain(lb->server);
    }
}

int leap_lb_stop(struct leap_lb *lb, enum lb_stop how, struct errmsg *msg)
{
    if (lb->server == NULL) {
        return error_set(msg, ERR_STATE, "the balancer does not run");
    }
    switch (how) {
        case LB_STOP_KILL:
            proxy_server_drop(lb->server);
            lb_gone(lb);
            lb->start_again = false;
            break;
        case LB_STOP_TERM:
            lb_drain(lb);
            break;
        case LB_STOP_PAUSE:
            lb->paused = true;
            break;
        case LB_STOP_CONTINUE:
            lb->paused = false;
            if (lb->drain_later) {
                lb_drain(lb);
            }
            break;
    }
    return 0;
}

int leap_lb_turn(struct leap_lb *lb, bool *any, struct errmsg *msg)
{
    *any = false;
    if (lb->server == NULL || lb->paused) {
        return 0;
    }
    if (!proxy_server_stopped(lb->server)) {
        *any = proxy_server_turn(lb->server);
        return 0;
    }
    *any = true;
    proxy_server_stop(lb->server);
    lb_gone(lb);
    if (!lb->start_again) {
        return 0;
    }
    lb->start_again = false;
    return leap_lb_start(lb, msg);
}

bool leap_lb_work(struct leap_lb *lb)
{
    if (lb->server == NULL || lb->paused || proxy_server_work_deadline(lb->server) > leap_clock_ns()) {
        return false;
    }
    if (lb->written_ns == 0) {
        lb->written_ns = leap_clock_ns() + leap_disk_takes(&lb->disk);
        proxy_server_take(lb->server);
    }
    if (lb->written_ns > leap_clock_ns()) {
        return false;
    }
    lb->written_ns = 0;
    return proxy_server_work(lb->server);
}

void leap_lb_disk(struct leap_lb *lb, enum lb_disk kind, uint64_t by_ns, bool on, uint64_t *hits)
{
    leap_disk_break(&lb->disk, kind, by_ns, on, hits);
}

uint64_t leap_lb_deadline(struct leap_lb *lb)
{
    if (lb->server == NULL || lb->paused) {
        return UINT64_MAX;
    }
    if (proxy_server_stopped(lb->server)) {
        return 0;
    }
    uint64_t turn_ns = proxy_server_deadline(lb->server);
    uint64_t work_ns = lb->written_ns != 0 ? lb->written_ns : proxy_server_work_deadline(lb->server);
    return turn_ns < work_ns ? turn_ns : work_ns;
}

bool leap_lb_calls(const struct leap_lb *lb, size_t *out)
{
    *out = lb->server == NULL ? 0 : proxy_server_calls(lb->server);
    return !lb->paused;
}
