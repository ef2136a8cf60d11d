/* Names: a replica comes back as it was in a backup, and its databases and collections are made what they
 * are. */
#include "tests/unit/core/driver.h"

#include "base/memory.h"
#include <stdio.h>

#define DATABASE(name) "{\"name\":\"" name "\",\"tenant\":\"default_tenant\"}"

static struct driver d;

static bool told(const char *text)
{
    return strstr(buf_text(&d.trace), text) != NULL;
}

static void send_to_both(const char *method, const char *target, const char *body)
{
    uint64_t client = driver_send(&d, method, target, body);
    (void)driver_serve(&d, PRIMARY);
    (void)driver_serve(&d, REPLICA);
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
}

/* "docs" has become "papers" since the backup, and "old" was deleted. */
static void come_back_older(void)
{
    char target[256];
    driver_init(&d);
    driver_start(&d);
    driver_make(&d, 1, "docs");
    driver_make(&d, 2, "old");
    driver_advance(&d, 11 * NS_PER_S);
    char *older = mem_strdup(d.mark[REPLICA]);
    (void)snprintf(target, sizeof(target), C_PATH "/%s", driver_id(PRIMARY, 1));
    send_to_both("PUT", target, "{\"new_name\":\"papers\"}");
    send_to_both("DELETE", C_PATH "/old", "");
    driver_advance(&d, 11 * NS_PER_S);
    driver_down(&d, REPLICA);
    driver_advance(&d, 20 * NS_PER_S);
    mem_free(d.mark[REPLICA]);
    d.mark[REPLICA] = older;
    d.hold_resync = true;
    driver_up(&d, REPLICA);
    CU_ASSERT_TRUE(told("found=\"restored from a backup"));
}

static void list(unsigned instance, const char *tail, const char *one, const char *two, const char *three)
{
    char listing[2048];
    (void)snprintf(listing, sizeof(listing), "[%s%s%s%s%s]", one, two[0] == '\0' ? "" : ",", two,
                   three[0] == '\0' ? "" : ",", three);
    driver_answer(&d, driver_expect(&d, instance, "GET", tail), 200, listing);
}

/* A database that is missing is made, what was renamed is renamed, what was deleted is deleted, and what only
 * the replica has is named and stays. */
static void test_mended(void)
{
    come_back_older();
    list(PRIMARY, "/databases", DATABASE("default_database"), DATABASE("more"), "");
    list(REPLICA, "/databases", DATABASE("default_database"), "", "");
    struct driver_call *call = driver_expect(&d, REPLICA, "POST", "/databases");
    CU_ASSERT_STRING_EQUAL(call->body, "{\"name\":\"more\"}");
    driver_answer(&d, call, 200, "{}");
    list(PRIMARY, "/default_database/collections", driver_object(driver_id(PRIMARY, 1), "papers"), "", "");
    list(REPLICA, "/default_database/collections", driver_object(driver_id(REPLICA, 1), "docs"),
         driver_object(driver_id(REPLICA, 2), "old"), driver_object(driver_id(REPLICA, 9), "mine"));
    while ((call = driver_next(&d, REPLICA)) != NULL && strncmp(call->request, "GET", 3) != 0) {
        bool renamed = strncmp(call->request, "PUT", 3) == 0 &&
                       strstr(call->request, driver_id(REPLICA, 1)) &&
                       strcmp(call->body, "{\"new_name\":\"papers\"}") == 0;
        bool deleted =
            strncmp(call->request, "DELETE " C_PATH "/old\n", sizeof("DELETE " C_PATH "/old")) == 0;
        CU_ASSERT_TRUE(renamed || deleted);
        driver_answer(&d, call, 200, "{}");
    }
    list(PRIMARY, "/more/collections", "", "", "");
    list(REPLICA, "/more/collections", "", "", "");
    CU_ASSERT_TRUE(told(" PUT ") || told("PUT " C_PATH));
    CU_ASSERT_TRUE(told("DELETE " C_PATH "/old"));
    CU_ASSERT_TRUE(told("event=only_here target=replica collection=mine"));
    CU_ASSERT_TRUE(told("names_resynced"));
    CU_ASSERT_EQUAL(driver_number(&d, "only_here"), 1);
    driver_close(&d);
}

/* Until its names are known to be right, the replica gets no write about names. */
static void test_names_wait(void)
{
    come_back_older();
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"next\"}");
    struct driver_call *listing = driver_expect(&d, PRIMARY, "GET", "/databases");
    driver_answer(&d, listing, 503, NOT_NOW); /* and is asked for again */
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 3), "next"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_advance(&d, 10 * NS_PER_S);
    list(PRIMARY, "/databases", DATABASE("default_database"), "", "");
    list(REPLICA, "/databases", DATABASE("default_database"), "", "");
    driver_close(&d);
}

/* The other one dies before they are compared, and they are believed without: what waited goes on. */
static void test_names_wait_no_longer(void)
{
    driver_init(&d);
    driver_start(&d);
    driver_advance(&d, 11 * NS_PER_S);
    driver_make(&d, 1, "docs"); /* after the mark */
    driver_down(&d, REPLICA);
    (void)driver_write(&d, 1, "upsert", "a"); /* that it is away is noticed */
    (void)driver_serve(&d, PRIMARY);
    d.hold_resync = true;
    driver_up(&d, REPLICA);
    (void)driver_serve(&d, REPLICA);
    uint64_t client = driver_send(&d, "POST", C_PATH, "{\"name\":\"next\"}");
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/databases"), 503, NOT_NOW);
    driver_answer(&d, driver_expect(&d, PRIMARY, "POST", "/collections"), 200,
                  driver_object(driver_id(PRIMARY, 3), "next"));
    CU_ASSERT_EQUAL(driver_status(&d, client), 200);
    CU_ASSERT_PTR_NULL(driver_next(&d, REPLICA));
    driver_down(&d, PRIMARY);
    driver_advance(&d, NS_PER_S);
    (void)driver_expect(&d, REPLICA, "POST", "/collections");
    driver_close(&d);
}

/* What answers 2xx with anything but a listing has told nothing: it is asked again, and nothing counts as
 * gone. */
static void test_no_listing(void)
{
    static const char nonsense[] = "{\"unexpected\":[true,{\"shape\":1}]}";
    come_back_older();
    buf_clear(&d.trace);
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/databases"), 200, nonsense);
    driver_advance(&d, 2 * NS_PER_S);
    list(PRIMARY, "/databases", DATABASE("default_database"), "", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/databases"), 200, "[7]");
    driver_advance(&d, 2 * NS_PER_S);
    list(REPLICA, "/databases", DATABASE("default_database"), "", "");
    driver_answer(&d, driver_expect(&d, PRIMARY, "GET", "/collections"), 200, nonsense);
    driver_advance(&d, 2 * NS_PER_S);
    list(PRIMARY, "/collections", driver_object(driver_id(PRIMARY, 1), "papers"), "", "");
    driver_answer(&d, driver_expect(&d, REPLICA, "GET", "/collections"), 200, "[{\"name\":\"docs\"}]");
    driver_advance(&d, 2 * NS_PER_S);
    CU_ASSERT_FALSE(told("names_resynced"));
    list(REPLICA, "/collections", driver_object(driver_id(REPLICA, 1), "papers"), "", "");
    CU_ASSERT_TRUE(told("names_resynced"));
    driver_close(&d);
}

/* ---- two instances with one name ---- */

/* "docs" as it stands on each of them; 0: it does not. */
static unsigned stands[2];
static unsigned made_at[2]; /* so often */

static bool asks(const struct driver_call *call, const char *what)
{
    return strncmp(call->request, what, strlen(what)) == 0;
}

/* The request takes effect and is answered. */
static void carry_out(struct driver_call *call)
{
    unsigned i = call->instance;
    char answer[2048] = "{}";
    int status = 200;
    if (asks(call, "POST " C_PATH "\n")) {
        status = stands[i] > 0 ? 409 : 200;
        made_at[i] += stands[i] > 0 ? 0 : 1;
        stands[i] = stands[i] > 0 ? stands[i] : made_at[i] + 4;
        (void)snprintf(answer, sizeof(answer), "%s",
                       status == 409 ? TAKEN : driver_object(driver_id(i, stands[i]), "docs"));
    } else if (asks(call, "GET " C_PATH "\n")) {
        (void)snprintf(answer, sizeof(answer), "[%s]",
                       stands[i] > 0 ? driver_object(driver_id(i, stands[i]), "docs") : "");
    } else if (strstr(call->request, "/collections/docs\n") != NULL) {
        status = stands[i] > 0 ? 200 : 404;
        (void)snprintf(answer, sizeof(answer), "%s",
                       stands[i] > 0 ? driver_object(driver_id(i, stands[i]), "docs") : NOT_FOUND);
        stands[i] = asks(call, "DELETE ") ? 0 : stands[i];
    } else if (strstr(call->request, "/count\n") != NULL) {
        (void)snprintf(answer, sizeof(answer), "0");
    } else if (strstr(call->request, "/get\n") != NULL) {
        (void)snprintf(answer, sizeof(answer), "{\"ids\":[]}");
    } else if (strstr(call->request, "/databases\n") != NULL) {
        (void)snprintf(answer, sizeof(answer), "[" DATABASE("default_database") "]");
    }
    driver_answer(&d, call, status, answer);
}

static void begin_with_names(unsigned primary, unsigned replica)
{
    stands[PRIMARY] = primary;
    stands[REPLICA] = replica;
    made_at[PRIMARY] = made_at[REPLICA] = 0;
    driver_init(&d);
    driver_start(&d);
}

/* Until nothing is asked of these (a bit each) any more. */
static void carry_out_all(unsigned instances)
{
    for (unsigned idle = 0; idle < 30;) {
        struct driver_call *call = (instances & 1u) != 0 ? driver_next(&d, PRIMARY) : NULL;
        call = call == NULL && (instances & 2u) != 0 ? driver_next(&d, REPLICA) : call;
        idle = call == NULL ? idle + 1 : 0;
        if (call != NULL) {
            carry_out(call);
        } else {
            driver_advance(&d, 100 * NS_PER_MS);
        }
    }
}

/* The primary has lost the deletion of "docs", and is asked to make the next one of that name while its names
 * are looked over: what stands there is not taken for it, but goes, and the new one is copied there. */
static void test_old_life(void)
{
    begin_with_names(1, 0);
    driver_make(&d, 1, "docs");
    driver_advance(&d, 11 * NS_PER_S);
    send_to_both("DELETE", C_PATH "/docs", "");
    driver_down(&d, PRIMARY);
    (void)driver_send(&d, "POST", C_PATH, "{\"name\":\"docs\"}");
    carry_out(driver_expect(&d, REPLICA, "POST", "/collections"));
    d.hold_resync = true;
    driver_up(&d, PRIMARY);
    carry_out_all(3);
    CU_ASSERT_EQUAL(made_at[PRIMARY], 1);
    CU_ASSERT(stands[PRIMARY] > 1);
    CU_ASSERT_PTR_NULL(strstr(driver_get(&d, "/status"), "collections_waiting"));
    CU_ASSERT_PTR_NOT_NULL(strstr(driver_get(&d, "/admin/ids"), driver_id(PRIMARY, stands[PRIMARY])));
    driver_close(&d);
}

static const struct suite_test tests[] = {
    { "names are made what they are", test_mended },
    { "writes about names wait for that", test_names_wait },
    { "and no longer", test_names_wait_no_longer },
    { "what was deleted is not taken for the next of its name", test_old_life },
    { "an answer of another shape is no listing", test_no_listing },
};

TEST_MAIN("core_audit", tests)
