/* `waldrill up --console` as processes: its faults live as long as it does and no longer, its red button
 * brings back whatever was taken away, and its page answers while the balancer does not. */
#include "tests/lib/http.h"
#include "tests/lib/process.h"
#include "tests/lib/suite.h"
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOUND_MS 60000
#define LOOK_MS  100
#define LEASE_NS 6e9 /* docs/console.md */

static struct {
    struct process *process;
    unsigned port, primary, replica, page;
    char authorization[256];
} up;

static void text_of(char out[16], unsigned number)
{
    (void)snprintf(out, 16, "%u", number);
}

static void up_start(void)
{
    char ports[3][16];
    char page[200];
    for (int tries = 0; tries < 5; tries++) { /* another program may take a port in between */
        up.port = free_port();
        up.primary = free_port();
        up.replica = free_port();
        text_of(ports[0], up.port);
        text_of(ports[1], up.primary);
        text_of(ports[2], up.replica);
        const char *const argv[] = { TEST_BIN_DIR "/waldrill",
                                     "up",
                                     "--console",
                                     "--console-port",
                                     "0",
                                     "--port",
                                     ports[0],
                                     "--primary-port",
                                     ports[1],
                                     "--replica-port",
                                     ports[2],
                                     "check_interval=1s",
                                     NULL };
        up.process = process_spawn(argv, NULL, NULL);
        CU_ASSERT_PTR_NOT_NULL_FATAL(up.process);
        if (process_wait_line(up.process, "console   http://127.0.0.1:", page, sizeof(page), BOUND_MS) &&
            process_wait_line(up.process, "ready", NULL, 0, BOUND_MS)) {
            const char *token = strstr(page, "/#token=");
            CU_ASSERT_PTR_NOT_NULL_FATAL(token);
            up.page = (unsigned)strtoul(page, NULL, 10);
            (void)snprintf(up.authorization, sizeof(up.authorization), "Authorization: Bearer %s\r\n",
                           token + strlen("/#token="));
            return;
        }
        (void)printf("%s\n", process_stderr(up.process));
        process_free(up.process);
    }
    CU_FAIL_FATAL("waldrill up is not ready");
}

static void up_stop(void)
{
    process_signal(up.process, SIGINT);
    CU_ASSERT_EQUAL(process_wait(up.process, BOUND_MS), 0);
    process_free(up.process);
}

static int act(const char *order)
{
    struct http_reply reply = http_ask(up.page, "POST", "/api/act", up.authorization, order, BOUND_MS);
    int status = reply.status;
    if (status != 200) {
        (void)printf("%s: %d %s\n", order, status, reply.body);
    }
    http_reply_free(&reply);
    return status;
}

/* A number of a JSON answer; -1 without it. */
static double figure(unsigned port, const char *path, const char *key)
{
    struct http_reply reply = http_ask(port, "GET", path, NULL, NULL, BOUND_MS);
    const char *at = strstr(reply.body, key);
    double value = at == NULL ? -1 : strtod(at + strlen(key), NULL);
    http_reply_free(&reply);
    return value;
}

static bool says(unsigned port, const char *path, const char *text)
{
    struct http_reply reply = http_ask(port, "GET", path, NULL, NULL, BOUND_MS);
    bool found = strstr(reply.body, text) != NULL;
    http_reply_free(&reply);
    return found;
}

static void await(unsigned port, const char *path, const char *text)
{
    bool found = false;
    for (int waited = 0; waited < BOUND_MS && !found; waited += LOOK_MS) {
        found = says(port, path, text);
        if (!found) {
            (void)poll(NULL, 0, LOOK_MS);
        }
    }
    CU_ASSERT_TRUE(found);
}

#define CONTROL 10 /* above the port of a mock */
#define ALL     "/api/live?from=999999"

static void a_fault_lives_as_long_as_the_console(void)
{
    const unsigned control = up.primary + CONTROL;
    CU_ASSERT_EQUAL(act("{\"do\":\"fault\",\"instance\":\"primary\",\"preset\":\"outage\"}"), 200);
    double begun = figure(control, "/status", "\"now_ns\":");
    double now = begun;
    while (now >= 0 && now < begun + 1.5 * LEASE_NS) { /* longer than one lease: it is renewed */
        (void)poll(NULL, 0, LOOK_MS);
        now = figure(control, "/status", "\"now_ns\":");
    }
    CU_ASSERT_EQUAL(figure(control, "/status", "\"active_faults\":"), 1);
    process_signal(up.process, SIGSTOP); /* who renewed it is gone; the mocks are not */
    await(control, "/status", "\"active_faults\":0");
    process_signal(up.process, SIGCONT);
}

static void the_red_button_brings_everything_back(void)
{
    CU_ASSERT_EQUAL(act("{\"do\":\"balancer\",\"state\":\"freeze\"}"), 200);
    await(up.page, ALL, "\"left\":[\"the balancer does not answer\"]");
    CU_ASSERT_EQUAL(act("{\"do\":\"kill\",\"instance\":\"primary\"}"), 200);
    CU_ASSERT_EQUAL(act("{\"do\":\"fault\",\"instance\":\"replica\",\"preset\":\"503s\"}"), 200);
    CU_ASSERT_EQUAL(act("{\"do\":\"heal\"}"), 200);
    await(up.page, ALL, "\"left\":[]");
    CU_ASSERT_EQUAL(figure(up.replica + CONTROL, "/status", "\"active_faults\":"), 0);
    CU_ASSERT_TRUE(says(up.port, "/status", "\"healthy_instances\":2"));
}

static void the_balancer_is_stopped_started_and_killed(void)
{
    CU_ASSERT_EQUAL(act("{\"do\":\"write\",\"count\":3}"), 200);
    CU_ASSERT_EQUAL(act("{\"do\":\"balancer\",\"state\":\"stop\"}"), 200);
    CU_ASSERT_EQUAL(http_status(up.port, "GET", "/status", NULL, BOUND_MS), 0);
    CU_ASSERT_EQUAL(act("{\"do\":\"pause\"}"), 502); /* nobody there to be told */
    CU_ASSERT_EQUAL(act("{\"do\":\"balancer\",\"state\":\"start\"}"), 200);
    CU_ASSERT_EQUAL(http_status(up.port, "GET", "/status", NULL, BOUND_MS), 200);
    CU_ASSERT_EQUAL(act("{\"do\":\"balancer\",\"state\":\"kill\"}"), 200);
    CU_ASSERT_EQUAL(act("{\"do\":\"balancer\",\"state\":\"restart\"}"), 200);
    CU_ASSERT_EQUAL(http_status(up.port, "GET", "/status", NULL, BOUND_MS), 200);
    await(up.page, ALL, "\"left\":[]");
}

static void run(void)
{
    up_start();
    the_balancer_is_stopped_started_and_killed();
    the_red_button_brings_everything_back();
    a_fault_lives_as_long_as_the_console();
    up_stop();
}

static const struct suite_test tests[] = {
    { "a fault lives as long as the console, the red button heals, the balancer is stopped and started",
      run },
};
TEST_MAIN("console of waldrill up", tests)
