/* One command at a time for each place, in the background: the load goes on while a service stops.
 *
 * A command runs as /bin/sh -c in a group of its own, and its shell ends with waldrill; what is still to be
 * done is then done by the watchdog (keeper.c).  How it fails: a status other than 0, or no end in time, is
 * an error with the command's last words; it ends the rehearsal. */
#include "harness/target/hurt.h"

#include "base/memory.h"
#include "base/units.h"
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#define HURT_POLL_MS 20

uint64_t target_clock_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

struct hurt *hurts_new(const struct target_file *file, const char *work_dir)
{
    struct hurt *hurts = mem_alloc_array(TARGET_PLACES, sizeof(*hurts));
    for (unsigned i = 0; i < TARGET_PLACES; i++) {
        hurts[i].file = file;
        hurts[i].place = (enum engine_target)i;
        hurts[i].work_dir = work_dir;
    }
    return hurts;
}

static int begin(struct hurt *h, const char *what, const char *command, enum hurt_state state,
                 struct errmsg *msg)
{
    char name[24];
    if (command == NULL) {
        return error_set(msg, ERR_UNSUPPORTED, "the target file has no command to %s the %s", what,
                         target_place_names[h->place]);
    }
    (void)snprintf(name, sizeof(name), "%s-%s", what, target_place_names[h->place]);
    int rv = child_init(&h->child, name, "/bin/sh", h->work_dir, msg);
    if (rv == 0) {
        child_add_arg(&h->child, "-c");
        child_add_arg(&h->child, "%s", command);
        rv = child_begin(&h->child, msg);
    }
    if (rv == 0) {
        h->state = state;
        h->deadline_ns = target_clock_ns() + h->file->places[h->place].timeout_ns;
    } else {
        child_deinit(&h->child);
    }
    return rv;
}

int hurt_stop(struct hurt *h, struct errmsg *msg)
{
    if (h->state != HURT_RUNS) {
        return error_set(msg, ERR_STATE, "the %s is stopped already", target_place_names[h->place]);
    }
    h->start_wanted = false;
    return begin(h, "stop", h->file->places[h->place].stop, HURT_STOPPING, msg);
}

int hurt_start(struct hurt *h, struct errmsg *msg)
{
    if (h->state == HURT_STOPPING) {
        h->start_wanted = true;
        return 0;
    }
    return h->state == HURT_STARTING ? 0
                                     : begin(h, "start", h->file->places[h->place].start, HURT_STARTING, msg);
}

int hurt_poll(struct hurt *h, struct errmsg *msg)
{
    bool stopping = h->state == HURT_STOPPING;
    int status = 0;
    int rv = 0;
    if (!stopping && h->state != HURT_STARTING) {
        return 0;
    }
    if (child_over(&h->child, &status)) {
        bool good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        rv = good ? 0 : child_complain(&h->child, status, msg);
    } else if (target_clock_ns() >= h->deadline_ns) {
        (void)child_end(&h->child, SIGKILL, 0, NULL); /* it ends either way */
        char took[32];
        units_format_duration(h->file->places[h->place].timeout_ns, took, sizeof(took));
        rv = error_set(msg, ERR_TIMEOUT, "the command that %s the %s did not end within %s",
                       stopping ? "stops" : "starts", target_place_names[h->place], took);
    } else {
        return 0;
    }
    child_deinit(&h->child);
    h->state = stopping ? HURT_STOPPED : rv == 0 ? HURT_RUNS : HURT_STOPPED;
    return rv != 0 || !stopping || !h->start_wanted ? rv : hurt_start(h, msg);
}

int hurt_mend(struct hurt *h, struct errmsg *msg)
{
    struct errmsg ignored;
    int rv = 0;
    while (h->state == HURT_STOPPING || h->state == HURT_STARTING) { /* what is under way comes to its end */
        (void)hurt_poll(h, &ignored);
        child_wait_ms(HURT_POLL_MS);
    }
    rv = hurt_start(h, msg);
    while (rv == 0 && h->state == HURT_STARTING) {
        child_wait_ms(HURT_POLL_MS);
        rv = hurt_poll(h, msg);
    }
    return rv;
}
