/* The simulator as an engine, with a scripted core in walproxy's place (scripted_core.h) and real mock
 * Chromas: what the world tells a core, what it tells clients, and that it repeats exactly. */
#include "tests/unit/sim/scripted_core.h"

#include "harness/engine.h"
#include "harness/history.h"
#include "tests/lib/suite.h"

#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"

struct heard {
    unsigned times;
    enum op_outcome outcome;
    int status;
    int64_t done_ns;
    char body[512];
};

struct stage {
    struct engine *engine;
    struct history history;
    struct errmsg msg;
};

static void hear(void *context, uint64_t tag, const struct engine_answer *answer)
{
    struct heard *heard = context;
    (void)tag;
    heard->times++;
    heard->outcome = answer->outcome;
    heard->status = answer->status;
    heard->done_ns = answer->done_ns;
    size_t size = answer->body.size < sizeof(heard->body) - 1 ? answer->body.size : sizeof(heard->body) - 1;
    if (size > 0) {
        memcpy(heard->body, answer->body.data, size);
    }
    heard->body[size] = '\0';
}

static void open_stage(struct stage *s, uint64_t seed, const char *mode, size_t room)
{
    *s = (struct stage){ .engine = engine_sim_new() };
    history_init(&s->history);
    struct engine_setting settings[] = { { "wal_mode", mode }, { "wal_segment_bytes", "1MiB" } };
    struct engine_setup setup = {
        .seed = seed, .lb_settings = settings, .lb_setting_count = 2, .has_replica = true, .core_room = room
    };
    int rc = s->engine->ops->open(s->engine, &setup, &s->history, &s->msg);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

static void close_stage(struct stage *s)
{
    s->engine->ops->close(s->engine);
    history_deinit(&s->history);
}

static void run_for(struct stage *s, uint64_t ns)
{
    CU_ASSERT_EQUAL(s->engine->ops->advance(s->engine, s->engine->ops->now(s->engine) + ns, &s->msg), 0);
}

static void ask(struct stage *s, enum engine_target target, const char *method, const char *path,
                const char *headers, const char *body, struct heard *heard)
{
    *heard = (struct heard){ .outcome = OP_PENDING };
    struct engine_request request = { .target = target,
                                      .method = method,
                                      .path = path,
                                      .headers = headers,
                                      .body = str_of(body),
                                      .timeout_ns = 10 * NS_PER_S };
    CU_ASSERT_EQUAL(s->engine->ops->request(s->engine, &request, 7, hear, heard, &s->msg), 0);
}

static void fault(struct stage *s, const char *document)
{
    uint64_t id;
    uint64_t touches;
    int rc = s->engine->ops->fault_add(s->engine, TARGET_PRIMARY, str_of(document), &id, &touches, &s->msg);
    CU_ASSERT_EQUAL_FATAL(rc, 0);
}

/* ---- outcomes ---- */

static void an_answer_travels_through(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s, 1, "file", 0);
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.times, 1);
    CU_ASSERT_EQUAL(heard.outcome, OP_ANSWERED);
    CU_ASSERT_EQUAL(heard.status, 200);
    CU_ASSERT_STRING_EQUAL(heard.body, "\"1.0.0\"");
    close_stage(&s);
}

static void a_refused_call_left_nothing(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s, 1, "file", 0);
    fault(&s, "{\"do\":\"refuse\"}");
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 599);
    CU_ASSERT_STRING_EQUAL(heard.body, "refused, nothing left");
    /* And without a balancer in between. */
    ask(&s, TARGET_PRIMARY, "GET", "/api/v2/version", NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.outcome, OP_CONN_REFUSED);
    close_stage(&s);
}

static void a_reset_call_is_broken_after_bytes_left(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s, 1, "file", 0);
    fault(&s, "{\"do\":\"reset\",\"when\":\"before\"}");
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 599);
    CU_ASSERT_STRING_EQUAL(heard.body, "broken, bytes left");
    close_stage(&s);
}

static void a_black_hole_ends_only_when_cancelled(void)
{
    struct stage s;
    struct heard patient;
    struct heard hasty;
    open_stage(&s, 1, "file", 0);
    fault(&s, "{\"do\":\"blackhole\"}");
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &patient);
    ask(&s, TARGET_LB, "GET", "/api/v2/version", "X-Patience: 500\r\n", NULL, &hasty);
    run_for(&s, 5 * NS_PER_S);
    CU_ASSERT_EQUAL(patient.times, 0);
    CU_ASSERT_EQUAL(hasty.times, 1);
    CU_ASSERT_STRING_EQUAL(hasty.body, "cancelled, bytes left");
    CU_ASSERT(hasty.done_ns >= (int64_t)(500 * NS_PER_MS) && hasty.done_ns < (int64_t)(600 * NS_PER_MS));
    run_for(&s, 6 * NS_PER_S);
    CU_ASSERT_EQUAL(patient.times, 1);
    CU_ASSERT_EQUAL(patient.outcome, OP_TIMED_OUT);
    close_stage(&s);
}

/* A write whose call was cancelled is carried out all the same, after the proxy gave it up. */
static void a_cancelled_write_comes_back_as_a_ghost(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s, 1, "file", 0);
    fault(&s, "{\"do\":\"late\",\"by\":\"2s\",\"match\":{\"op\":\"create_collection\"}}");
    ask(&s, TARGET_LB, "POST", COLLECTIONS, "X-Patience: 300\r\nX-Request-Id: wd-41\r\n",
        "{\"name\":\"ghost\"}", &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_STRING_EQUAL(heard.body, "cancelled, bytes left");
    CU_ASSERT_EQUAL(s.history.effect_count, 0);
    run_for(&s, 3 * NS_PER_S);
    CU_ASSERT_EQUAL_FATAL(s.history.effect_count, 1);
    CU_ASSERT_EQUAL(s.history.effects[0].tag, 41);
    CU_ASSERT_EQUAL(s.history.effects[0].real_status, 200);
    CU_ASSERT(s.history.effects[0].applied_ns > heard.done_ns);
    CU_ASSERT_STRING_EQUAL(s.history.collections[s.history.effects[0].collection], "ghost");
    close_stage(&s);
}

/* ---- the balancer's life ---- */

static void append_some(struct stage *s, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct heard heard;
        ask(s, TARGET_LB, "POST", "/log", NULL, "some bytes worth keeping", &heard);
        run_for(s, 50 * NS_PER_MS);
        CU_ASSERT_EQUAL(heard.status, 201);
    }
}

static unsigned records_held(struct stage *s)
{
    struct heard heard;
    ask(s, TARGET_LB, "GET", "/status", NULL, NULL, &heard);
    run_for(s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 200);
    return (unsigned)strtoul(heard.body, NULL, 10);
}

static void stop(struct stage *s, enum lb_stop how)
{
    CU_ASSERT_EQUAL(s->engine->ops->lb_stop(s->engine, how, &s->msg), 0);
}

static void start(struct stage *s)
{
    CU_ASSERT_EQUAL(s->engine->ops->lb_start(s->engine, &s->msg), 0);
    run_for(s, NS_PER_S);
}

static void acknowledged_records_survive_a_crash(void)
{
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct stage s;
        struct heard unanswered[5];
        open_stage(&s, seed, "file", 0);
        append_some(&s, 10);
        for (size_t i = 0; i < 5; i++) {
            ask(&s, TARGET_LB, "POST", "/log", NULL, "cut down in the middle of its sync", &unanswered[i]);
        }
        run_for(&s, seed * 100 * NS_PER_US);
        stop(&s, LB_STOP_KILL);
        run_for(&s, NS_PER_S);
        unsigned acknowledged = 10;
        for (size_t i = 0; i < 5; i++) {
            CU_ASSERT_EQUAL(unanswered[i].times, 1);
            acknowledged += unanswered[i].outcome == OP_ANSWERED ? 1 : 0;
        }
        start(&s);
        unsigned held = records_held(&s);
        CU_ASSERT(held >= acknowledged && held <= 15);
        append_some(&s, 1); /* and the log goes on */
        close_stage(&s);
    }
}

static void memory_mode_loses_everything_in_a_crash(void)
{
    struct stage s;
    open_stage(&s, 1, "memory", 0);
    append_some(&s, 10);
    CU_ASSERT_EQUAL(records_held(&s), 10);
    stop(&s, LB_STOP_KILL);
    start(&s);
    CU_ASSERT_EQUAL(records_held(&s), 0);
    close_stage(&s);
}

static void memory_mode_hands_over_at_an_orderly_stop(void)
{
    struct stage s;
    open_stage(&s, 1, "memory", 0);
    append_some(&s, 10);
    stop(&s, LB_STOP_TERM);
    run_for(&s, NS_PER_S);
    start(&s);
    CU_ASSERT_EQUAL(records_held(&s), 10);
    append_some(&s, 1);
    stop(&s, LB_STOP_KILL); /* a handover serves once */
    start(&s);
    CU_ASSERT_EQUAL(records_held(&s), 0);
    close_stage(&s);
}

static void an_orderly_stop_loses_nothing(void)
{
    struct stage s;
    open_stage(&s, 1, "file", 0);
    append_some(&s, 10);
    stop(&s, LB_STOP_TERM);
    run_for(&s, NS_PER_S);
    struct heard heard;
    ask(&s, TARGET_LB, "GET", "/status", NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.outcome, OP_CONN_REFUSED);
    start(&s);
    CU_ASSERT_EQUAL(records_held(&s), 10);
    close_stage(&s);
}

static void a_killed_balancer_breaks_and_then_refuses(void)
{
    struct stage s;
    struct heard broken;
    struct heard refused;
    open_stage(&s, 1, "file", 0);
    fault(&s, "{\"do\":\"blackhole\"}");
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &broken);
    run_for(&s, NS_PER_S);
    stop(&s, LB_STOP_KILL);
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &refused);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(broken.times, 1);
    CU_ASSERT_EQUAL(broken.outcome, OP_CONN_BROKEN);
    CU_ASSERT_EQUAL(refused.times, 1);
    CU_ASSERT_EQUAL(refused.outcome, OP_CONN_REFUSED);
    CU_ASSERT_NOT_EQUAL(s.engine->ops->lb_stop(s.engine, LB_STOP_KILL, &s.msg), 0);
    close_stage(&s);
}

static void a_paused_balancer_answers_when_it_continues(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s, 1, "file", 0);
    stop(&s, LB_STOP_PAUSE);
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &heard);
    run_for(&s, 3 * NS_PER_S);
    CU_ASSERT_EQUAL(heard.times, 0);
    stop(&s, LB_STOP_CONTINUE);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 200);
    CU_ASSERT(heard.done_ns >= (int64_t)(3 * NS_PER_S));
    /* Killed while paused: what waited is gone, and nothing comes back. */
    stop(&s, LB_STOP_PAUSE);
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    stop(&s, LB_STOP_KILL);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.outcome, OP_CONN_BROKEN);
    start(&s);
    ask(&s, TARGET_LB, "GET", "/api/v2/version", NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 200);
    close_stage(&s);
}

static void a_killed_instance_comes_back_with_its_data(void)
{
    struct stage s;
    struct heard heard;
    open_stage(&s, 1, "file", 0);
    ask(&s, TARGET_LB, "POST", COLLECTIONS, NULL, "{\"name\":\"kept\"}", &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 200);
    CU_ASSERT_EQUAL(s.engine->ops->instance_kill(s.engine, TARGET_PRIMARY, &s.msg), 0);
    ask(&s, TARGET_LB, "GET", COLLECTIONS, NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 599);
    CU_ASSERT_EQUAL(s.engine->ops->instance_start(s.engine, TARGET_PRIMARY, MOCK_KEEP_ALL, 0, &s.msg), 0);
    ask(&s, TARGET_LB, "GET", COLLECTIONS, NULL, NULL, &heard);
    run_for(&s, NS_PER_S);
    CU_ASSERT_EQUAL(heard.status, 200);
    CU_ASSERT_PTR_NOT_NULL(strstr(heard.body, "\"kept\""));
    close_stage(&s);
}

/* ---- determinism ---- */

static void play(uint64_t seed, size_t room, char hash[64])
{
    struct stage s;
    static struct heard heard[120];
    open_stage(&s, seed, "file", room);
    fault(&s, "{\"do\":\"delay\",\"by\":\"5ms\",\"spread\":\"20ms\",\"share\":\"50%\"}");
    for (size_t i = 0; i < 120; i++) {
        const char *path = i % 3 == 0 ? "/log" : COLLECTIONS;
        ask(&s, TARGET_LB, i % 3 == 2 ? "GET" : "POST", path, "X-Patience: 15\r\n",
            i % 3 == 2 ? NULL : "{\"name\":\"same\"}", &heard[i]);
        run_for(&s, 3 * NS_PER_MS);
        if (i == 60) {
            stop(&s, LB_STOP_KILL);
            start(&s);
        }
    }
    run_for(&s, 20 * NS_PER_S);
    for (size_t i = 0; i < 120; i++) {
        CU_ASSERT_EQUAL(heard[i].times, 1);
    }
    CU_ASSERT_EQUAL(s.engine->ops->finish(s.engine, &s.msg), 0);
    CU_ASSERT_PTR_NOT_NULL(s.history.content[0]);
    (void)snprintf(hash, 64, "%s", s.engine->ops->journal_hash(s.engine));
    close_stage(&s);
}

static void the_same_seed_gives_the_same_journal(void)
{
    char first[64];
    char second[64];
    char other[64];
    play(11, 0, first);
    play(11, 0, second);
    play(12, 0, other);
    CU_ASSERT_EQUAL(strlen(first), 32);
    CU_ASSERT_STRING_EQUAL(first, second);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
}

static void room_for_one_action_changes_nothing(void)
{
    char roomy[64];
    char narrow[64];
    play(13, 0, roomy);
    play(13, 1, narrow);
    CU_ASSERT_STRING_EQUAL(roomy, narrow);
}

static void no_block_is_left(void)
{
    char hash[64];
    size_t before = block_bytes_live();
    play(14, 0, hash);
    CU_ASSERT_EQUAL(block_bytes_live(), before);
}

static const struct suite_test tests[] = {
    { "an answer travels through", an_answer_travels_through },
    { "a refused call left nothing", a_refused_call_left_nothing },
    { "a reset call is broken after bytes have left", a_reset_call_is_broken_after_bytes_left },
    { "a black hole ends only when cancelled", a_black_hole_ends_only_when_cancelled },
    { "a cancelled write comes back as a ghost", a_cancelled_write_comes_back_as_a_ghost },
    { "acknowledged records survive a crash in file mode", acknowledged_records_survive_a_crash },
    { "memory mode loses everything in a crash", memory_mode_loses_everything_in_a_crash },
    { "memory mode hands over at an orderly stop", memory_mode_hands_over_at_an_orderly_stop },
    { "an orderly stop loses nothing", an_orderly_stop_loses_nothing },
    { "a killed balancer breaks connections, then refuses", a_killed_balancer_breaks_and_then_refuses },
    { "a paused balancer answers when it continues", a_paused_balancer_answers_when_it_continues },
    { "a killed instance comes back with its data", a_killed_instance_comes_back_with_its_data },
    { "the same seed gives the same journal", the_same_seed_gives_the_same_journal },
    { "room for one action changes nothing", room_for_one_action_changes_nothing },
    { "no block is left behind", no_block_is_left },
};
TEST_MAIN("sim engine", tests)
