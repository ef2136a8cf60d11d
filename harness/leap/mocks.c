/* Each mock core behind its own server on a Unix socket; orders are given to the core directly, as a
 * controller in the same process. */
#include "harness/leap/mocks.h"

#include "base/memory.h"
#include "base/prng.h"
#include "base/units.h"
#include "harness/effects.h"
#include "harness/leap/clock.h"
#include "mockchroma/io/server.h"

#define DUMP_LIMIT ((size_t)1 << 30)

struct leap_mock {
    struct leap_mocks *owner;
    uint32_t index;
    struct mock *mock; /* NULL = no such instance */
    struct server *server;
    uint64_t incarnation;
    uint64_t killed_ns; /* of the mocks' clock */
};

struct leap_mocks {
    struct leap_mock at[2];
    struct history *history;
    int64_t shift_ns; /* the mocks' clock + shift = scenario time */
};

static const char *const names[2] = { "primary", "replica" };

static void mocks_journal(void *context, const struct mock_journal_entry *entry)
{
    const struct leap_mock *in = context;
    effects_note(in->owner->history, in->index, in->incarnation, in->owner->shift_ns, entry);
}

static int mocks_add(struct leap_mocks *m, uint32_t index, const struct engine_setup *setup,
                     const struct leap_place *place, struct errmsg *msg)
{
    struct leap_mock *in = &m->at[index];
    struct prng root;
    prng_seed(&root, setup->seed);
    struct prng own = prng_split(&root, names[index]);
    struct mock_options options = { .seed = prng_next(&own),
                                    .name = names[index],
                                    .latency = setup->latency[index],
                                    .epoch_ns = (uint64_t)server_start_wall_ms() * NS_PER_MS,
                                    .tag_key = "wd_op" };
    in->owner = m;
    in->index = index;
    in->mock = mock_new(&options, msg);
    if (in->mock == NULL) {
        return error_wrap(msg, ERR_INVALID, "%s", names[index]);
    }
    struct server_options where = { .path = place->sockets[TARGET_PRIMARY + index] };
    mock_set_journal(in->mock, mocks_journal, in);
    in->server = server_new(in->mock, &where, msg);
    return in->server == NULL ? ERR_IO : 0;
}

int leap_mocks_new(struct leap_mocks **out, const struct engine_setup *setup, const struct leap_place *place,
                   uint64_t origin_ns, struct history *history, struct errmsg *msg)
{
    struct leap_mocks *m = mem_alloc(sizeof(*m));
    *out = m;
    server_clock_start(1);
    m->history = history;
    m->shift_ns = (int64_t)leap_clock_ns() - (int64_t)origin_ns - (int64_t)server_now_ns();
    int rv = mocks_add(m, 0, setup, place, msg);
    return rv != 0 || !setup->has_replica ? rv : mocks_add(m, 1, setup, place, msg);
}

void leap_mocks_free(struct leap_mocks *m)
{
    for (unsigned i = 0; m != NULL && i < 2; i++) {
        if (m->at[i].mock != NULL) {
            mock_set_journal(m->at[i].mock, NULL, NULL);
            server_free(m->at[i].server);
            mock_free(m->at[i].mock);
        }
    }
    mem_free(m);
}

bool leap_mocks_has(const struct leap_mocks *m, enum engine_target instance)
{
    return instance != TARGET_LB && m->at[instance - TARGET_PRIMARY].mock != NULL;
}

static struct leap_mock *mocks_of(struct leap_mocks *m, enum engine_target instance)
{
    return &m->at[instance - TARGET_PRIMARY];
}

bool leap_mocks_turn(struct leap_mocks *m)
{
    bool any = false;
    for (unsigned i = 0; i < 2; i++) {
        any = (m->at[i].server != NULL && server_run(m->at[i].server)) || any;
    }
    return any;
}

uint64_t leap_mocks_deadline(const struct leap_mocks *m)
{
    uint64_t first_ns = UINT64_MAX;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t wait_ns = m->at[i].server == NULL ? UINT64_MAX : server_wait_ns(m->at[i].server);
        first_ns = wait_ns < first_ns ? wait_ns : first_ns;
    }
    return first_ns == UINT64_MAX ? first_ns : leap_clock_ns() + first_ns;
}

size_t leap_mocks_held(const struct leap_mocks *m)
{
    size_t held = 0;
    for (unsigned i = 0; i < 2; i++) {
        held += m->at[i].server == NULL ? 0 : server_held(m->at[i].server);
    }
    return held;
}

int leap_mocks_fault_add(struct leap_mocks *m, enum engine_target instance, struct str json, uint64_t *id,
                         uint64_t *touches, struct errmsg *msg)
{
    const struct leap_mock *in = mocks_of(m, instance);
    uint64_t none;
    int rv = mock_fault_add(in->mock, server_now_ns(), json, id, touches == NULL ? &none : touches, msg);
    server_poke(in->server);
    return rv;
}

int leap_mocks_fault_remove(struct leap_mocks *m, enum engine_target instance, uint64_t id, uint64_t *hits,
                            struct errmsg *msg)
{
    const struct leap_mock *in = mocks_of(m, instance);
    int rv = mock_fault_remove(in->mock, server_now_ns(), id, msg);
    if (rv == 0 && hits != NULL) {
        *hits = mock_fault_hits(in->mock, id);
    }
    server_poke(in->server);
    return rv;
}

void leap_mocks_fault_clear(struct leap_mocks *m)
{
    for (unsigned i = 0; i < 2; i++) {
        if (m->at[i].mock != NULL) {
            mock_fault_clear(m->at[i].mock, server_now_ns());
            server_poke(m->at[i].server);
        }
    }
}

void leap_mocks_kill(struct leap_mocks *m, enum engine_target instance)
{
    struct leap_mock *in = mocks_of(m, instance);
    in->killed_ns = server_now_ns();
    mock_kill(in->mock, in->killed_ns);
    server_poke(in->server);
}

void leap_mocks_start(struct leap_mocks *m, enum engine_target instance, enum mock_restart what,
                      uint64_t lost_ns)
{
    struct leap_mock *in = mocks_of(m, instance);
    if (what != MOCK_KEEP_ALL) {
        int64_t kept_until_ns = (int64_t)in->killed_ns + m->shift_ns - (int64_t)lost_ns;
        in->incarnation++;
        history_add_loss(m->history, in->index, in->incarnation,
                         what == MOCK_LOSE_TAIL ? kept_until_ns : HISTORY_NEVER);
    }
    mock_restart(in->mock, server_now_ns(), what, lost_ns);
    server_poke(in->server);
}

void leap_mocks_content(const struct leap_mocks *m)
{
    for (unsigned i = 0; i < 2; i++) {
        if (m->at[i].mock == NULL) {
            continue;
        }
        struct buf dump;
        buf_init(&dump, DUMP_LIMIT);
        mock_dump(m->at[i].mock, MOCK_DUMP_DIGESTS, &dump);
        mem_free(m->history->content[i]);
        m->history->content[i] = buf_take(&dump);
        buf_deinit(&dump);
    }
}
