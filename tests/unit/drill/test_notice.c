/* What an operator does is understood: which step it counts for, and what was wrong with it; what a pager
 * would say is told, and nothing else. */
#include "base/memory.h"
#include "base/units.h"
#include "harness/drill/drill.h"
#include "tests/lib/suite.h"
#include <stdio.h>
#include <string.h>

#define S              ((int64_t)NS_PER_S)
#define DATABASE_PATH  "/api/v2/tenants/default_tenant/databases/default_database"
#define UNCERTAIN_PATH DATABASE_PATH "/collections/${coll}/get"

static struct drill d;

static struct drill_step *expect(const char *name, enum engine_target target, const char *method,
                                 const char *path, int64_t opens_s, int64_t due_s)
{
    struct drill_step *step = drill_add_step(&d);
    step->name = mem_strdup(name);
    step->target = target;
    step->method = mem_strdup(method);
    step->path = mem_strdup(path);
    step->kind = strcmp(method, "GET") == 0 ? DRILL_LOOK : DRILL_CHANGE;
    step->opens_ns = opens_s * S;
    step->due_ns = due_s * S;
    return step;
}

/* Context: whether the judge is content. */
static bool judge(void *context, uint32_t step, char saw[DRILL_SAW])
{
    (void)step;
    (void)snprintf(saw, DRILL_SAW, "%s", *(const bool *)context ? "as expected" : "something else");
    return *(const bool *)context;
}

static uint32_t ask(enum engine_target target, const char *method, const char *path, int status, int64_t at_s,
                    bool content)
{
    struct drill_request request = { .target = target,
                                     .method = method,
                                     .path = path,
                                     .outcome = status == 0 ? OP_CONN_REFUSED : OP_ANSWERED,
                                     .status = status,
                                     .at_ns = at_s * S };
    return drill_note_request(&d, &request, judge, &content);
}

static const char *last_mistake(void)
{
    return d.actions[d.action_count - 1].mistake;
}

static bool mistake_says(const char *text)
{
    return last_mistake() != NULL && strstr(last_mistake(), text) != NULL;
}

static void counts_for_its_step(void)
{
    drill_init(&d);
    (void)expect("look", TARGET_LB, "GET", "/status", 60, 90);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", "/status", 200, 30, true),
                    DRILL_NONE); /* its phase has not begun */
    CU_ASSERT_EQUAL(ask(TARGET_PRIMARY, "GET", "/status", 200, 70, true), DRILL_NONE);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", "/status", 200, 70, true), DRILL_NONE);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", "/status?pretty", 200, 75, true), 0);
    CU_ASSERT_EQUAL(d.steps[0].done_ns, 75 * S);
    CU_ASSERT_STRING_EQUAL(d.steps[0].saw, "as expected");
    CU_ASSERT_EQUAL(d.actions[d.action_count - 1].step, 0);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", "/status", 200, 80, true), DRILL_NONE); /* it is done */
    drill_deinit(&d);
}

static void one_look_counts_once(void)
{
    drill_init(&d);
    (void)expect("first", TARGET_LB, "GET", "/status", 0, 10);
    (void)expect("second", TARGET_LB, "GET", "/status", 0, 20);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", "/status", 200, 5, true), 0);
    CU_ASSERT_EQUAL(d.steps[1].done_ns, HISTORY_NEVER);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", "/status", 200, 6, true), 1);
    drill_deinit(&d);
}

static void a_look_that_shows_something_else(void)
{
    drill_init(&d);
    (void)expect("look", TARGET_LB, "GET", "/status", 0, 10);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", "/status", 200, 5, false), DRILL_NONE);
    CU_ASSERT_EQUAL(d.steps[0].tries, 1);
    CU_ASSERT_STRING_EQUAL(d.steps[0].saw, "something else");
    CU_ASSERT_EQUAL(d.actions[0].step, 0); /* it was meant for this one */
    CU_ASSERT_PTR_NULL(d.actions[0].mistake);
    drill_deinit(&d);
}

static void the_guides_short_path(void)
{
    drill_init(&d);
    (void)expect("primary", TARGET_PRIMARY, "GET", DATABASE_PATH "/collections", 0, 10);
    (void)expect("write", TARGET_LB, "POST", "/api/v2/collections", 0, 10);
    /* As the guide has it; a real Chroma has nothing there, and that is no mistake of who types it. */
    CU_ASSERT_EQUAL(ask(TARGET_PRIMARY, "GET", "/api/v2/collections", 404, 5, false), 0);
    CU_ASSERT_PTR_NULL(last_mistake());
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE_PATH "/collections", 200, 6, true), 1);
    drill_deinit(&d);
}

static void captures_stand_for_anything(void)
{
    drill_init(&d);
    (void)expect("get", TARGET_LB, "POST", UNCERTAIN_PATH, 0, 10);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE_PATH "/collections/0f1e/add", 201, 5, true), DRILL_NONE);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE_PATH "/collections/0f1e/get", 200, 5, true), 0);
    drill_deinit(&d);
}

static void wrong_requests(void)
{
    drill_init(&d);
    (void)ask(TARGET_LB, "GET", "/stats", 404, 1, true);
    CU_ASSERT_TRUE(mistake_says("404"));
    CU_ASSERT_TRUE(mistake_says("/stats"));
    (void)ask(TARGET_LB, "POST", "/admin/failover", 401, 1, true);
    CU_ASSERT_TRUE(mistake_says("token"));
    (void)ask(TARGET_LB, "POST", DATABASE_PATH "/collections", 422, 1, true);
    CU_ASSERT_TRUE(mistake_says("422"));
    (void)ask(TARGET_PRIMARY, "GET", "/api/v2/version", 0, 1,
              true); /* it is down: that is what one wants to know */
    CU_ASSERT_PTR_NULL(last_mistake());
    (void)ask(TARGET_REPLICA, "POST", DATABASE_PATH "/collections", 200, 1, true);
    CU_ASSERT_TRUE(mistake_says("only the replica has it"));
    (void)ask(TARGET_LB, "GET", "/health", 503, 1, true);
    CU_ASSERT_PTR_NULL(last_mistake());
    drill_deinit(&d);
}

static void wrong_commands(void)
{
    drill_init(&d);
    (void)drill_note_command(&d, "crul -s $LB/status", 127, S);
    CU_ASSERT_TRUE(mistake_says("no such command: crul"));
    (void)drill_note_command(&d, "grep nothing file", 1, S);
    CU_ASSERT_PTR_NULL(last_mistake());
    drill_note_stranger(&d, "https://chroma-primry.onrender.com/status", S);
    CU_ASSERT_TRUE(mistake_says("wrong host"));
    drill_deinit(&d);
}

static void a_script_of_the_guide(void)
{
    drill_init(&d);
    struct drill_step *step = drill_add_step(&d);
    step->kind = DRILL_RUN;
    step->name = mem_strdup("health check");
    step->command = mem_strdup("# a comment\ncurl -s $LB/status | jq '.stats'\n");
    step->opens_ns = step->due_ns = 0;
    CU_ASSERT_EQUAL(drill_note_command(&d, "# a comment", 0, S), DRILL_NONE);
    CU_ASSERT_EQUAL(drill_note_command(&d, "curl -s $LB/status | jq '.stats'", 0, 2 * S), 0);
    CU_ASSERT_EQUAL(d.steps[0].done_ns, 2 * S);
    drill_deinit(&d);
}

static void a_restart_and_its_price(void)
{
    drill_init(&d);
    struct drill_step *step = drill_add_step(&d);
    step->kind = DRILL_RESTART;
    step->name = mem_strdup("restart");
    step->opens_ns = 60 * S;
    step->due_ns = 90 * S;
    CU_ASSERT_EQUAL(drill_note_restart(&d, 0, 30 * S), DRILL_NONE); /* too soon to be the guide's */
    CU_ASSERT_PTR_NULL(last_mistake());
    CU_ASSERT_EQUAL(drill_note_restart(&d, 12, 70 * S), 0);
    CU_ASSERT_TRUE(mistake_says("cost 12 acknowledged writes"));
    drill_deinit(&d);
}

static void the_next_step(void)
{
    drill_init(&d);
    CU_ASSERT_EQUAL(drill_current(&d, 0), DRILL_NONE);
    (void)expect("later", TARGET_LB, "GET", "/a", 100, 110);
    (void)expect("open", TARGET_LB, "GET", "/b", 10, 20);
    CU_ASSERT_EQUAL(drill_current(&d, 5 * S), 0);
    CU_ASSERT_EQUAL(drill_current(&d, 15 * S), 1);
    d.steps[1].done_ns = 15 * S;
    CU_ASSERT_EQUAL(drill_current(&d, 15 * S), 0);
    drill_deinit(&d);
}

/* ---- the pager ---- */

static const char *const rules[] = { "pending_writes_high", "replay_failures" };

static size_t see(bool answered, bool primary, bool replica, uint32_t alerts)
{
    struct drill_sight sight = { .answered = answered, .healthy = { primary, replica }, .alerts = alerts };
    return drill_look(&d, &sight, rules, 2, 5 * S);
}

static bool told(const char *text, bool clear)
{
    const struct drill_page *page = &d.pages[d.page_count - 1];
    return strcmp(page->text, text) == 0 && page->clear == clear;
}

static void pages_tell_changes_only(void)
{
    drill_init(&d);
    CU_ASSERT_EQUAL(see(true, true, true, 0), 0);
    CU_ASSERT_EQUAL(see(true, false, true, 0), 1);
    CU_ASSERT_TRUE(told("primary: health check fails", false));
    CU_ASSERT_EQUAL(see(true, false, true, 0), 0);
    CU_ASSERT_EQUAL(see(true, false, true, 2), 1);
    CU_ASSERT_TRUE(told("alert replay_failures fires", false));
    CU_ASSERT_EQUAL(see(false, false, false, 0), 1); /* of the instances nothing is known then */
    CU_ASSERT_TRUE(told("load balancer: /status does not answer", false));
    CU_ASSERT_EQUAL(see(true, true, true, 0), 3);
    CU_ASSERT_TRUE(told("alert replay_failures is over", true));
    drill_deinit(&d);
}

static void a_lone_primary_has_no_replica_to_tell_of(void)
{
    drill_init(&d);
    d.has_replica = false;
    CU_ASSERT_EQUAL(see(true, true, false, 0), 0);
    drill_deinit(&d);
}

static const struct suite_test tests[] = {
    { "a request counts for the step that it fits", counts_for_its_step },
    { "one look counts for one step", one_look_counts_once },
    { "a look that shows something else is remembered", a_look_that_shows_something_else },
    { "the guide's short path is the long one", the_guides_short_path },
    { "captures in a path stand for anything", captures_stand_for_anything },
    { "requests that were mistakes", wrong_requests },
    { "commands that were mistakes", wrong_commands },
    { "a script of the guide is known by its lines", a_script_of_the_guide },
    { "a restart, and what it costs", a_restart_and_its_price },
    { "the step that is expected next", the_next_step },
    { "a pager tells changes only", pages_tell_changes_only },
    { "of a replica that is not there nothing is told", a_lone_primary_has_no_replica_to_tell_of },
};

TEST_MAIN("drill notice", tests)
