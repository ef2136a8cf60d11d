/* What is sent to a target: the rehearsal's own collections under their marked names, and nothing else. */
#include "harness/target/marks.h"
#include "tests/lib/suite.h"

#include "base/memory.h"
#include <jansson.h>
#include <string.h>

#define DATABASE "/api/v2/tenants/default_tenant/databases/default_database/collections"

static struct marks marks;
static char sent_path[512];
static char sent_body[512];
static struct errmsg msg;

static int ask(enum engine_target target, const char *method, const char *path, const char *body,
               bool *learns)
{
    struct buf out_path;
    struct buf out_body;
    struct engine_request request = {
        .target = target, .method = method, .path = path, .body = str_of(body)
    };
    buf_init(&out_path, 4096);
    buf_init(&out_body, 4096);
    int rv = marks_request(&marks, &request, &out_path, &out_body, learns, &msg);
    (void)snprintf(sent_path, sizeof(sent_path), "%s", buf_text(&out_path));
    (void)snprintf(sent_body, sizeof(sent_body), "%s", buf_text(&out_body));
    buf_deinit(&out_path);
    buf_deinit(&out_body);
    return rv;
}

static void test_create(void)
{
    bool learns = false;
    marks_init(&marks, "drill", 0xabcdef12);
    CU_ASSERT_STRING_EQUAL(marks.mark, "drill-abcdef12-");
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE, "{\"name\":\"wd-w-1\",\"metadata\":null}", &learns), 0);
    CU_ASSERT_TRUE(learns);
    json_t *root = json_loads(sent_body, 0, NULL);
    CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(root, "name")), "drill-abcdef12-wd-w-1");
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(json_object_get(root, "metadata"), "waldrill_run")), "abcdef12");
    json_decref(root);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE, "{\"nom\":1}", &learns), ERR_REFUSED);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE, "not json", &learns), ERR_REFUSED);
    CU_ASSERT_EQUAL(ask(TARGET_PRIMARY, "POST", DATABASE, "{\"name\":\"x\"}", &learns), ERR_REFUSED);
    CU_ASSERT_EQUAL(
        ask(TARGET_LB, "POST", "/api/v2/tenants/t/databases/d/collections", "{\"name\":\"x\"}", &learns),
        ERR_REFUSED);
    marks_deinit(&marks);
}

static void test_by_name(void)
{
    bool learns = false;
    marks_init(&marks, "drill", 1);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", DATABASE "/wd-w-1?x=1", "", &learns), 0);
    CU_ASSERT_STRING_EQUAL(sent_path, DATABASE "/drill-00000001-wd-w-1?x=1");
    CU_ASSERT_TRUE(learns);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "DELETE", DATABASE "/papers", "", &learns), 0);
    CU_ASSERT_STRING_EQUAL(sent_path, DATABASE "/drill-00000001-papers"); /* theirs cannot be named */
    marks_deinit(&marks);
}

static void test_by_id(void)
{
    bool learns = false;
    marks_init(&marks, "drill", 1);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE "/id-1/add", "{}", &learns), ERR_REFUSED);
    marks_learn(&marks, STR("{\"id\":\"id-1\",\"name\":\"x\"}"));
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE "/id-1/add", "{\"ids\":[]}", &learns), 0);
    CU_ASSERT_STRING_EQUAL(sent_body, "{\"ids\":[]}");
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE "/id-2/delete", "{}", &learns), ERR_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(strstr(msg.text, "it would change what is not the rehearsal's"));
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", DATABASE "/id-2/get", "{}", &learns), 0); /* looking is free */
    CU_ASSERT_EQUAL(ask(TARGET_LB, "PUT", DATABASE "/id-1", "{\"new_name\":\"y\"}", &learns), 0);
    CU_ASSERT_STRING_EQUAL(sent_body, "{\"new_name\":\"drill-00000001-y\"}");
    CU_ASSERT_EQUAL(ask(TARGET_LB, "PUT", DATABASE "/id-1", "{\"new_metadata\":{}}", &learns), ERR_REFUSED);
    CU_ASSERT_EQUAL(ask(TARGET_PRIMARY, "POST", DATABASE "/id-1/add", "{}", &learns), ERR_REFUSED);
    marks_deinit(&marks);
}

static void test_never(void)
{
    static const char *const paths[][2] = {
        { "POST", "/api/v2/reset" },
        { "POST", "/api/v2/tenants" },
        { "POST", "/api/v2/tenants/default_tenant/databases" },
        { "DELETE", "/api/v2/tenants/default_tenant/databases/default_database" },
        { "POST", "/api/v1/reset" },
        { "POST", "/some/other/path" },
        { "DELETE", "/api/v2/anything" },
    };
    bool learns;
    marks_init(&marks, "drill", 1);
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        CU_ASSERT_EQUAL(ask(TARGET_LB, paths[i][0], paths[i][1], "{}", &learns), ERR_REFUSED);
    }
    CU_ASSERT_EQUAL(ask(TARGET_LB, "POST", "/admin/replay", "", &learns), 0);
    CU_ASSERT_EQUAL(ask(TARGET_PRIMARY, "POST", "/admin/replay", "", &learns), ERR_REFUSED);
    CU_ASSERT_EQUAL(ask(TARGET_LB, "GET", "/status", "", &learns), 0);
    marks_deinit(&marks);
}

static void test_faults(void)
{
    marks_init(&marks, "drill", 1);
    char *text = marks_fault(&marks, STR("{\"do\":\"refuse\"}"), 5000000000u);
    CU_ASSERT_STRING_EQUAL(text, "{\"do\":\"refuse\",\"lease\":\"5000ms\"}");
    mem_free(text);
    text = marks_fault(
        &marks,
        STR("{\"do\":\"respond\",\"status\":422,\"match\":{\"collection\":\"wd-w-1\"},\"lease\":\"1s\"}"),
        5000000000u);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"collection\":\"drill-00000001-wd-w-1\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"lease\":\"1s\""));
    mem_free(text);
    marks_deinit(&marks);
}

static const struct suite_test tests[] = {
    { "a collection is created under a marked name, with the mark in its metadata", test_create },
    { "names are the rehearsal's own", test_by_name },
    { "records go to the rehearsal's collections alone", test_by_id },
    { "what is not the rehearsal's is never written to", test_never },
    { "every fault carries a lease", test_faults },
};
TEST_MAIN("target_marks", tests)
