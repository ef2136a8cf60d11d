/* Each button is the one right request; what is no order does nothing, and is told why. */
#include "harness/console/order.h"

#include "base/units.h"
#include "mockchroma/core/fault.h"
#include "tests/lib/manual.h"
#include "tests/lib/suite.h"

#define LEASE (6 * NS_PER_S)

static struct order order;
static struct errmsg msg;

static int read_it(const char *document)
{
    order_deinit(&order);
    msg.text[0] = '\0';
    return order_read(str_of(document), LEASE, &order, &msg);
}

static void each_button_is_one_request(void)
{
    static const struct {
        const char *document;
        enum order_to to;
        const char *method, *path, *body;
    } cases[] = {
        { "{\"do\":\"clear\",\"instance\":\"replica\",\"id\":7}", ORDER_REPLICA, "DELETE", "/faults/7", "" },
        { "{\"do\":\"clear\",\"instance\":\"primary\"}", ORDER_PRIMARY, "DELETE", "/faults", "" },
        { "{\"do\":\"kill\",\"instance\":\"primary\"}", ORDER_PRIMARY, "POST", "/kill", "" },
        { "{\"do\":\"revive\",\"instance\":\"primary\"}", ORDER_PRIMARY, "POST", "/restart",
          "{\"data\":\"keep\"}" },
        { "{\"do\":\"revive\",\"instance\":\"replica\",\"data\":\"empty\"}", ORDER_REPLICA, "POST",
          "/restart", "{\"data\":\"empty\"}" },
        { "{\"do\":\"pause\"}", ORDER_BALANCER, "POST", "/admin/replay/pause", "" },
        { "{\"do\":\"resume\"}", ORDER_BALANCER, "POST", "/admin/replay/resume", "" },
        { "{\"do\":\"step\"}", ORDER_BALANCER, "POST", "/admin/replay/step", "" },
        { "{\"do\":\"throttle\",\"rate\":5}", ORDER_BALANCER, "POST", "/admin/replay/throttle?rate=5", "" },
        { "{\"do\":\"promote\",\"instance\":\"replica\"}", ORDER_BALANCER, "POST",
          "/admin/instances/replica/promote", "" },
        { "{\"do\":\"promote\",\"instance\":\"primary\",\"force\":true}", ORDER_BALANCER, "POST",
          "/admin/instances/primary/promote?force=yes", "" },
        { "{\"do\":\"force\",\"instance\":\"primary\",\"state\":\"down\"}", ORDER_BALANCER, "POST",
          "/admin/instances/primary/force?state=down", "" },
        { "{\"do\":\"resync\",\"instance\":\"replica\"}", ORDER_BALANCER, "POST",
          "/admin/instances/replica/resync", "" },
        { "{\"do\":\"retry\",\"lsn\":17}", ORDER_BALANCER, "POST", "/admin/dead-letters/17/retry", "" },
        { "{\"do\":\"retry\",\"lsn\":17,\"force\":true}", ORDER_BALANCER, "POST",
          "/admin/dead-letters/17/retry?force=yes", "" },
        { "{\"do\":\"drop\",\"lsn\":17}", ORDER_BALANCER, "DELETE", "/admin/dead-letters/17", "" },
        { "{\"do\":\"edit\",\"lsn\":17,\"body\":{\"ids\":[\"a\"]}}", ORDER_BALANCER, "PUT",
          "/admin/dead-letters/17", "{\"ids\":[\"a\"]}" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL_FATAL(read_it(cases[i].document), 0);
        CU_ASSERT_EQUAL(order.to, cases[i].to);
        CU_ASSERT_STRING_EQUAL(order.method, cases[i].method);
        CU_ASSERT_STRING_EQUAL(order.path, cases[i].path);
        CU_ASSERT_STRING_EQUAL(buf_text(&order.body), cases[i].body);
        CU_ASSERT_FALSE(order.is_fault);
    }
}

static void deeds_that_are_no_request(void)
{
    CU_ASSERT_EQUAL(read_it("{\"do\":\"balancer\",\"state\":\"kill\"}"), 0);
    CU_ASSERT_EQUAL(order.to, ORDER_PROCESS);
    CU_ASSERT_EQUAL(order.deed, CONSOLE_KILL);
    CU_ASSERT_EQUAL(read_it("{\"do\":\"balancer\",\"state\":\"start\"}"), 0);
    CU_ASSERT_EQUAL(order.deed, CONSOLE_START);
    CU_ASSERT_EQUAL(read_it("{\"do\":\"write\",\"count\":25}"), 0);
    CU_ASSERT_EQUAL(order.to, ORDER_WRITE);
    CU_ASSERT_EQUAL(order.count, 25);
    CU_ASSERT_EQUAL(read_it("{\"do\":\"heal\"}"), 0);
    CU_ASSERT_EQUAL(order.to, ORDER_HEAL);
}

/* A button that the mock would refuse is no button. */
static void every_preset_is_a_fault_that_the_mock_takes(void)
{
    char document[128];
    struct fault_spec spec;
    size_t count = 0;
    for (const struct order_preset *p = order_presets; p->name != NULL; p++, count++) {
        (void)snprintf(document, sizeof(document),
                       "{\"do\":\"fault\",\"instance\":\"replica\",\"preset\":\"%s\"}", p->name);
        CU_ASSERT_EQUAL_FATAL(read_it(document), 0);
        CU_ASSERT_EQUAL(order.to, ORDER_REPLICA);
        CU_ASSERT_STRING_EQUAL(order.path, "/faults");
        CU_ASSERT_TRUE(order.is_fault);
        CU_ASSERT_EQUAL_FATAL(fault_parse(buf_str(&order.body), &spec, &msg), 0);
        CU_ASSERT_STRING_EQUAL(spec.name, p->name);
        CU_ASSERT_EQUAL(spec.lease_ns, LEASE);
        fault_spec_deinit(&spec);
    }
    CU_ASSERT(count >= 8);
}

static void any_fault_gets_the_lease_of_the_console(void)
{
    struct fault_spec spec;
    CU_ASSERT_EQUAL_FATAL(read_it("{\"do\":\"fault\",\"instance\":\"primary\",\"fault\":"
                                  "{\"do\":\"delay\",\"by\":\"1s\",\"lease\":\"9h\"}}"),
                          0);
    CU_ASSERT_EQUAL_FATAL(fault_parse(buf_str(&order.body), &spec, &msg), 0);
    CU_ASSERT_EQUAL(spec.lease_ns, LEASE);
    CU_ASSERT_EQUAL(spec.kind, FAULT_DELAY);
    fault_spec_deinit(&spec);
}

static void what_is_no_order_is_told_why(void)
{
    static const struct {
        const char *document, *words;
    } cases[] = {
        { "", "expected {\"do\": ...}" },
        { "[]", "expected {\"do\": ...}" },
        { "{\"do\":\"heal\",\"do\":\"heal\"}", "duplicate" },
        { "{}", "do is missing" },
        { "{\"do\":\"resum\"}", "do is \"resum\"; did you mean resume" },
        { "{\"do\":\"explode\"}", "do is \"explode\", which is not known" },
        { "{\"do\":\"pause\",\"rate\":1}", "\"pause\" has no \"rate\"" },
        { "{\"do\":\"fault\",\"instance\":\"primary\"}", "preset is missing" },
        { "{\"do\":\"fault\",\"instance\":\"primary\",\"preset\":\"outrage\"}", "did you mean outage" },
        { "{\"do\":\"fault\",\"preset\":\"outage\"}", "instance is missing" },
        { "{\"do\":\"fault\",\"instance\":\"primary\",\"fault\":[]}", "fault is an object" },
        { "{\"do\":\"clear\",\"instance\":\"primary\",\"id\":\"1\"}", "id is a whole number" },
        { "{\"do\":\"clear\",\"instance\":\"../primary\"}", "did you mean primary" },
        { "{\"do\":\"retry\",\"lsn\":0}", "lsn is a whole number from 1" },
        { "{\"do\":\"retry\",\"lsn\":-1}", "lsn is a whole number from 1" },
        { "{\"do\":\"throttle\",\"rate\":1.5}", "rate is a whole number from 0" },
        { "{\"do\":\"force\",\"instance\":\"primary\",\"state\":\"sideways\"}", "state is \"sideways\"" },
        { "{\"do\":\"edit\",\"lsn\":1,\"body\":3}", "body is the request's new body" },
        { "{\"do\":\"write\",\"count\":1001}", "count is a whole number from 1 to 1000" },
        { "{\"do\":\"revive\",\"instance\":\"primary\",\"data\":\"lose\"}", "data is \"lose\"" },
        { "{\"do\":\"balancer\",\"state\":null}", "state is missing" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CU_ASSERT_EQUAL(read_it(cases[i].document), ERR_INVALID);
        if (strstr(msg.text, cases[i].words) == NULL) {
            (void)fprintf(stderr, "%s: %s\n", cases[i].document, msg.text);
            CU_FAIL("another reason");
        }
    }
}

static void the_manual_has_both_tables(void)
{
    struct buf tables;
    buf_init(&tables, (size_t)1 << 20);
    order_manual(&tables);
    manual_assert_current("console.md", buf_str(&tables));
    buf_deinit(&tables);
    order_deinit(&order);
}

static const struct suite_test tests[] = {
    { "each button is one request", each_button_is_one_request },
    { "deeds that are no request", deeds_that_are_no_request },
    { "every preset is a fault that the mock takes", every_preset_is_a_fault_that_the_mock_takes },
    { "any fault gets the lease of the console", any_fault_gets_the_lease_of_the_console },
    { "what is no order is told why", what_is_no_order_is_told_why },
    { "the manual has both tables", the_manual_has_both_tables },
};
TEST_MAIN("console order", tests)
