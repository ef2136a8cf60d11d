/* The server as a whole: one writer, its journal, its deaths, and the same run from the same seed. */
#include "base/buf.h"
#include "tests/unit/mock/driver.h"

static struct driver d;

static void begin(const char *latency, uint64_t seed)
{
    driver_init(&d, latency, seed);
    d.log_count = 0;
    const uint64_t request = driver_send(&d, "POST", C_PATH, "{\"name\":\"films\"}");
    driver_wait(&d, NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_find(&d, request));
    (void)snprintf(d.uuid, sizeof(d.uuid), "%.36s", driver_find(&d, request)->body + 7);
    d.log_count = 0;
}

static uint64_t send_add(const char *id)
{
    char json[100];
    (void)snprintf(json, sizeof(json), "{\"ids\":[\"%s\"],\"embeddings\":[[1,2]]}", id);
    return driver_record_send(&d, "add", json);
}

static void one_writer_at_a_time(void)
{
    begin("measured-small", 5);
    uint64_t requests[8];
    for (size_t i = 0; i < 8; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "r%zu", i);
        d.conn = i + 1;
        requests[i] = send_add(id);
    }
    CU_ASSERT_PTR_NULL(driver_find(&d, requests[0]));
    driver_wait(&d, 10 * NS_PER_S);
    uint64_t before_ns = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < 8; i++) {
        const struct driver_entry *entry = driver_entry_of(&d, requests[i]);
        CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
        CU_ASSERT_TRUE(entry->applied);
        CU_ASSERT(entry->applied_ns > before_ns); /* one after the other, in the order of arrival */
        CU_ASSERT(entry->apply_order > before);
        before_ns = entry->applied_ns;
        before = entry->apply_order;
    }
    driver_done(&d);
}

static void a_cut_write_in_the_queue_is_dropped(void)
{
    begin("measured-small", 5);
    uint64_t served = send_add("served");
    d.conn = 2;
    uint64_t queued = send_add("queued");
    driver_step(&d, (struct mock_event){ .kind = MOCK_EV_CONN_CLOSED, .conn = 1 });
    driver_step(&d, (struct mock_event){ .kind = MOCK_EV_CONN_CLOSED, .conn = 2 });
    driver_wait(&d, 5 * NS_PER_S);
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_entry_of(&d, served));
    CU_ASSERT_PTR_NOT_NULL_FATAL(driver_entry_of(&d, queued));
    CU_ASSERT_TRUE(driver_entry_of(&d, served)->applied); /* as the real one does */
    CU_ASSERT_FALSE(driver_entry_of(&d, queued)->applied);
    driver_done(&d);
}

static void journal_tells_the_fate(void)
{
    begin("none", 5);
    uint64_t good = driver_record_send(
        &d, "upsert",
        "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2],[3,4]],\"metadatas\":[{\"wd_op\":42},null]}");
    uint64_t bad = driver_record_send(&d, "add", "{\"ids\":[\"c\"],\"embeddings\":[[1,2,3]]}");
    const struct driver_entry *entry = driver_entry_of(&d, good);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    CU_ASSERT_EQUAL(entry->op, OP_UPSERT);
    CU_ASSERT_TRUE(entry->applied);
    CU_ASSERT_TRUE(entry->answered);
    CU_ASSERT_EQUAL(entry->status, 200);
    CU_ASSERT_EQUAL(entry->id_count, 2);
    CU_ASSERT_STRING_EQUAL(entry->first_id, "a");
    CU_ASSERT_EQUAL(entry->first_tag, 42);
    CU_ASSERT_STRING_EQUAL(entry->collection, "films");
    CU_ASSERT_STRING_EQUAL(entry->request_id, "rid-1");
    entry = driver_entry_of(&d, bad);
    CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
    CU_ASSERT_EQUAL(entry->real_status, 400);
    CU_ASSERT_STRING_EQUAL(entry->fault, "");
    driver_done(&d);
}

static void three_records(void)
{
    begin("none", 5);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"a\"],\"embeddings\":[[1,2]]}", NULL), 201);
    driver_wait(&d, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"b\"],\"embeddings\":[[1,2]]}", NULL), 201);
    driver_wait(&d, 10 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_record(&d, "add", "{\"ids\":[\"c\"],\"embeddings\":[[1,2]]}", NULL), 201);
    driver_wait(&d, NS_PER_S);
    mock_kill(d.mock, d.now_ns);
    driver_step(&d, (struct mock_event){ .kind = MOCK_EV_TICK });
    CU_ASSERT_FALSE(mock_accepts(d.mock));
    driver_wait(&d, 5 * NS_PER_S);
    d.conn = 9;
}

static void restarts(void)
{
    three_records();
    mock_restart(d.mock, d.now_ns, MOCK_KEEP_ALL, 0);
    CU_ASSERT_TRUE(mock_accepts(d.mock));
    CU_ASSERT_EQUAL(driver_count(&d), 3);
    driver_done(&d);
    three_records();
    mock_restart(d.mock, d.now_ns, MOCK_LOSE_TAIL, 5 * NS_PER_S);
    CU_ASSERT_EQUAL(driver_count(&d), 2); /* the last seconds before the death are gone */
    driver_done(&d);
    three_records();
    mock_restart(d.mock, d.now_ns, MOCK_LOSE_ALL, 0);
    CU_ASSERT_EQUAL(driver_record(&d, "count", NULL, NULL), 404);
    CU_ASSERT_EQUAL(driver_call(&d, "GET", C_PATH "/films", NULL, NULL), 404);
    driver_done(&d);
}

static void equal_content_equal_dump(void)
{
    char *dumps[2];
    for (size_t i = 0; i < 2; i++) {
        begin("none", 10 + i); /* other UUIDs, another order */
        CU_ASSERT_EQUAL(driver_record(&d, "add",
                                      i == 0 ? "{\"ids\":[\"a\"],\"embeddings\":[[1,2]]}"
                                             : "{\"ids\":[\"b\"],\"embeddings\":[[3,4]]}",
                                      NULL),
                        201);
        CU_ASSERT_EQUAL(driver_record(&d, "add",
                                      i == 1 ? "{\"ids\":[\"a\"],\"embeddings\":[[1,2]]}"
                                             : "{\"ids\":[\"b\"],\"embeddings\":[[3,4]]}",
                                      NULL),
                        201);
        struct buf b;
        buf_init(&b, 100000);
        mock_dump(d.mock, MOCK_DUMP_WHOLE, &b);
        dumps[i] = mem_strdup(buf_text(&b));
        buf_deinit(&b);
        driver_done(&d);
    }
    CU_ASSERT_STRING_EQUAL(dumps[0], dumps[1]);
    CU_ASSERT_PTR_NOT_NULL(strstr(dumps[0], "films"));
    mem_free(dumps[0]);
    mem_free(dumps[1]);
}

/* Everything that comes out of a busy, broken hour, as text. */
static char *hour(uint64_t seed)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    begin("measured-small", seed);
    (void)driver_fault(&d, "{\"do\":\"delay\",\"by\":\"10ms\",\"spread\":\"50ms\",\"share\":\"50%\"}");
    (void)driver_fault(&d,
                       "{\"do\":\"respond\",\"status\":503,\"share\":\"20%\",\"match\":{\"op\":\"write\"}}");
    for (int i = 0; i < 50; i++) {
        char id[16];
        (void)snprintf(id, sizeof(id), "r%d", i);
        d.conn = (uint64_t)(i % 5 + 1);
        (void)send_add(id);
        driver_wait(&d, 40 * NS_PER_MS);
        for (size_t k = 0; k < d.log_count; k++) {
            buf_printf(&b, "%llu %llu %d %s\n", (unsigned long long)d.log[k].at_ns,
                       (unsigned long long)d.log[k].request, d.log[k].status, d.log[k].body);
        }
        d.log_count = 0;
    }
    buf_append_text(&b, d.uuid);
    char *text = mem_strdup(buf_text(&b));
    buf_deinit(&b);
    driver_done(&d);
    return text;
}

static void same_seed_same_run(void)
{
    char *first = hour(3);
    char *again = hour(3);
    char *other = hour(4);
    CU_ASSERT(strlen(first) > 1000);
    CU_ASSERT_STRING_EQUAL(first, again);
    CU_ASSERT_STRING_NOT_EQUAL(first, other);
    mem_free(first);
    mem_free(again);
    mem_free(other);
}

static const struct suite_test tests[] = {
    { "one write at a time for the whole server", one_writer_at_a_time },
    { "a cut write is applied if it was being carried out, dropped if it waited",
      a_cut_write_in_the_queue_is_dropped },
    { "the journal tells what became of each request", journal_tells_the_fate },
    { "a restart keeps all, loses the tail or loses all", restarts },
    { "equal content gives equal dumps, whatever ids and order", equal_content_equal_dump },
    { "the same seed gives the same run", same_seed_same_run },
};

TEST_MAIN("mock_server", tests)
