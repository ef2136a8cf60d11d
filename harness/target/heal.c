/* Healing asks and looks: a fault is gone when the gateway's list says so, a place runs when it answers, a
 * collection is gone when no instance lists it.  Each is tried for a bounded time; what cannot be mended is
 * told and the rest is still done. */
#include "harness/target/heal.h"

#include "harness/real/control.h"
#include "harness/target/holdings.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define HEAL_POLL_MS       100
#define HEAL_GATEWAY_MS    5000
#define HEAL_COLLECTION_MS 120000
#define HEAL_ANSWER_MAX    ((size_t)64 << 20)
#define HEAL_HEARTBEAT     "/api/v2/heartbeat"

static bool is_there(const struct heal *h, unsigned place)
{
    return h->file->places[place].url != NULL;
}

/* ---- faults ---- */

static int clear_once(const char *gateway, size_t *left, struct errmsg *msg)
{
    struct buf answer;
    buf_init(&answer, HEAL_ANSWER_MAX);
    *left = 0;
    int rv = control_ask(gateway, "DELETE", "/faults", STR(""), &answer, msg);
    rv = rv != 0 ? rv : control_ask(gateway, "GET", "/faults", STR(""), &answer, msg);
    json_t *root = rv != 0 ? NULL : json_loads(buf_text(&answer), 0, NULL);
    const json_t *list = json_is_array(root) ? root : json_object_get(root, "faults");
    size_t index;
    const json_t *fault;
    json_array_foreach(list, index, fault)
    {
        *left += json_is_false(json_object_get(fault, "active")) ? 0 : 1;
    }
    json_decref(root);
    buf_deinit(&answer);
    return rv;
}

static void clear_faults(struct heal *h, unsigned place)
{
    const char *gateway = h->file->places[place].gateway;
    struct errmsg msg = { "" };
    size_t left = 0;
    int rv = ERR_TIMEOUT;
    for (unsigned waited = 0; rv != 0 && waited < HEAL_GATEWAY_MS; waited += HEAL_POLL_MS) {
        rv = clear_once(gateway, &left, &msg);
        if (rv != 0) {
            child_wait_ms(HEAL_POLL_MS);
        }
    }
    if (rv != 0 || left > 0) {
        buf_printf(h->trouble, "the gateway of the %s: %s\n", target_place_names[place],
                   rv != 0 ? msg.text : "faults are left");
    } else {
        buf_printf(h->told, "no fault on the gateway of the %s\n", target_place_names[place]);
    }
}

/* ---- places ---- */

static bool answers(const struct heal *h, unsigned place)
{
    const char *path = place == TARGET_LB ? "/status" : HEAL_HEARTBEAT;
    struct buf answer;
    buf_init(&answer, HEAL_ANSWER_MAX);
    int rv = control_look(h->file->places[place].url, path,
                          target_file_token(h->file, (enum engine_target)place, path), &answer, NULL);
    buf_deinit(&answer);
    return rv == 0;
}

static void start_place(struct heal *h, unsigned place)
{
    const struct target_place *p = &h->file->places[place];
    struct errmsg msg = { "" };
    bool runs = answers(h, place);
    if (p->start != NULL && (h->stopped[place] || !runs)) {
        int rv = hurt_mend(&h->hurts[place], &msg);
        for (uint64_t waited = 0; rv == 0 && !(runs = answers(h, place)) && waited < p->timeout_ns / 1000000;
             waited += HEAL_POLL_MS) {
            child_wait_ms(HEAL_POLL_MS);
        }
        if (rv != 0) {
            buf_printf(h->trouble, "starting the %s: %s\n", target_place_names[place], msg.text);
        } else if (runs) {
            h->stopped[place] = false;
            buf_printf(h->told, "the %s is started\n", target_place_names[place]);
        }
    }
    if (!runs) {
        buf_printf(h->trouble, "the %s does not answer at %s\n", target_place_names[place], p->url);
    }
}

void heal_places(struct heal *h)
{
    for (unsigned i = 0; i < TARGET_PLACES; i++) {
        if (is_there(h, i) && h->file->places[i].gateway != NULL) {
            clear_faults(h, i);
        }
    }
    for (unsigned i = TARGET_PLACES; i-- > 0;) { /* the balancer last: it looks for its instances */
        if (is_there(h, i)) {
            start_place(h, i);
        }
    }
}

/* ---- collections ---- */

static int remove_named(const struct heal *h, char **names, size_t count, struct errmsg *msg)
{
    int rv = 0;
    for (size_t i = 0; i < count; i++) {
        char path[HOLDING_NAME_MAX + 128];
        struct buf answer;
        buf_init(&answer, HEAL_ANSWER_MAX);
        (void)snprintf(path, sizeof(path),
                       "/api/v2/tenants/default_tenant/databases/default_database/collections/%s", names[i]);
        const struct control_request request = { .base_url = h->file->places[TARGET_LB].url,
                                                 .method = "DELETE",
                                                 .path = path,
                                                 .token = h->file->chroma_token };
        int one = control_send(&request, &answer, NULL, msg);
        rv = one == 0 || one == ERR_NOT_FOUND ? rv : one;
        buf_deinit(&answer);
    }
    return rv;
}

/* One look at all instances; what is found is asked to go, unless that was just done. */
static int sweep(const struct heal *h, bool remove, size_t *found, size_t *unmarked, struct errmsg *msg)
{
    int rv = 0;
    *found = 0;
    *unmarked = 0;
    for (unsigned i = TARGET_PRIMARY; rv == 0 && i < TARGET_PLACES; i++) {
        char **names;
        size_t count;
        size_t strange;
        if (!is_there(h, i)) {
            continue;
        }
        rv = holdings_marked(h->file, (enum engine_target)i, h->mark, &names, &count, &strange, msg);
        if (rv == 0 && remove) {
            rv = remove_named(h, names, count, msg);
        }
        *found += count;
        *unmarked = strange > *unmarked ? strange : *unmarked;
        holdings_names_free(names, count);
    }
    return rv;
}

/* What still waits in the balancer's log may be a create of ours.  One that tells of no log has none. */
static bool is_drained(const struct heal *h)
{
    struct buf answer;
    buf_init(&answer, HEAL_ANSWER_MAX);
    int rv = control_look(h->file->places[TARGET_LB].url, "/status",
                          target_file_token(h->file, TARGET_LB, "/status"), &answer, NULL);
    json_t *root = rv != 0 ? NULL : json_loads(buf_text(&answer), 0, NULL);
    const json_t *log = json_object_get(root, "write_ahead_log");
    bool drained = root != NULL && json_number_value(json_object_get(log, "pending_writes")) <= 0 &&
                   json_number_value(json_object_get(log, "undecided_writes")) <= 0;
    json_decref(root);
    buf_deinit(&answer);
    return drained;
}

void heal_collections(struct heal *h)
{
    bool drained = false;
    struct errmsg msg = { "" };
    size_t first = 0;
    size_t found = 0;
    size_t unmarked = 0;
    int rv = 0;
    for (unsigned waited = 0; waited < HEAL_COLLECTION_MS; waited += HEAL_POLL_MS) {
        /* A delete that waits in the balancer's log is not asked for again at once. */
        bool was_drained = drained;
        rv = sweep(h, waited % (20 * HEAL_POLL_MS) == 0, &found, &unmarked, &msg);
        first = first > found ? first : found;
        if (rv == 0 && found == 0 && was_drained) { /* a look after the log was seen empty */
            break;
        }
        drained = rv == 0 && is_drained(h);
        child_wait_ms(HEAL_POLL_MS);
    }
    if (rv != 0) {
        buf_printf(h->trouble, "removing the rehearsal's collections: %s\n", msg.text);
    } else if (found > 0) {
        buf_printf(h->trouble, "%zu collections of the rehearsal are still there\n", found);
    } else if (!drained) {
        buf_printf(h->trouble, "the balancer still has writes in its log\n");
    } else {
        buf_printf(h->told, "nothing of the rehearsal is left on any instance\n");
    }
    if (unmarked > 0) {
        buf_printf(h->trouble,
                   "%zu collections begin with %s and carry no mark in their metadata: not removed\n",
                   unmarked, h->mark);
    }
}
