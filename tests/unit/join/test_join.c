/* Joining requests, against a Chroma: what is understood, and by brute force that a joined request leaves
 * the state its members leave one by one, that repeating it changes nothing, and which suffixes of a log may
 * be applied again (rule 13 of the design). */
#include "base/memory.h"
#include "base/prng.h"
#include "proxy/core/join.h"
#include "tests/lib/suite.h"
#include "tests/unit/mock/driver.h"

#define REQUESTS_MAX 8
#define IDS          4u

static bool reads(enum chroma_op op, const char *body, struct join_part *part)
{
    return join_read(op, str_of(body), part);
}

static bool understood(enum chroma_op op, const char *body)
{
    struct join_part part;
    return reads(op, body, &part);
}

static void test_understood(void)
{
    struct join_part part;
    CU_ASSERT_TRUE(reads(OP_ADD, "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1,2.5,-3e2],[0,0,0]]}", &part));
    CU_ASSERT_EQUAL(part.records, 2);
    CU_ASSERT_EQUAL(part.width, 3);
    CU_ASSERT_EQUAL(part.encoding, JOIN_ARRAYS);
    CU_ASSERT_TRUE(
        reads(OP_UPSERT, "{\"embeddings\":[\"AACAPwAAAEA=\"],\"ids\":[\"a\"],\"uris\":null}", &part));
    CU_ASSERT_EQUAL(part.width, 2);
    CU_ASSERT_EQUAL(part.encoding, JOIN_BASE64);
    CU_ASSERT_TRUE(reads(OP_UPDATE, " { \"ids\" : [ \"a\" ] , \"documents\" : [ null ] } ", &part));
    CU_ASSERT_EQUAL(part.width, 0);
    CU_ASSERT_TRUE(reads(OP_UPDATE, "{\"ids\":[\"a\",\"b\"],\"embeddings\":[null,[1, 2]]}", &part));
    CU_ASSERT_EQUAL(part.width, 2);
    CU_ASSERT_TRUE(
        understood(OP_UPSERT, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[{\"k\":null}]}"));
    CU_ASSERT_TRUE(understood(OP_DELETE, "{\"ids\":[\"a\"],\"where\":null}"));
}

/* Each of these Chroma refuses, ignores in part, or reads in a way we do not know: they travel alone. */
static void test_not_understood(void)
{
    static const struct {
        enum chroma_op op;
        const char *body;
    } alone[] = {
        { OP_ADD, "" },
        { OP_ADD, "[]" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]]} x" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"ids\":[\"b\"]}" },
        { OP_ADD, "{\"i\\u0064s\":[\"a\"],\"embeddings\":[[1]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"extra\":1}" },
        { OP_ADD, "{\"ids\":[],\"embeddings\":[]}" },
        { OP_ADD, "{\"ids\":[\"a\"]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":null}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[null]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1,\"2\"]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1,[2]]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1,null]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1,true]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[{\"x\":1}]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[7]}" },
        { OP_ADD, "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1],[1,2]]}" },
        { OP_ADD, "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1],\"AACAPw==\"]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[\"AACAPw\"]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[\"AACA_w==\"]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[\"AACAPwA=\"]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[\"\"]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[\"AACAPx==\"]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1e400]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[12345678901234567890123456789012345678901]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[{\"k\":1e400}]}" },
        { OP_ADD, "{\"ids\":[\"a\",\"b\"],\"embeddings\":[[1]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"documents\":[]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"documents\":\"a\"}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"documents\":[1]}" },
        { OP_ADD, "{\"ids\":[\"\"],\"embeddings\":[[1]]}" },
        { OP_ADD, "{\"ids\":[1],\"embeddings\":[[1]]}" },
        { OP_ADD, "{\"ids\":null,\"embeddings\":[[1]]}" },
        { OP_ADD, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[{\"k\":null}]}" },
        { OP_UPSERT, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[{\"k\":[1]}]}" },
        { OP_UPSERT, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[{\"k\":{}}]}" },
        { OP_UPSERT, "{\"ids\":[\"a\"],\"embeddings\":[[1]],\"metadatas\":[3]}" },
        { OP_UPDATE, "{\"ids\":[\"a\"],\"embeddings\":[[]]}" },
        { OP_DELETE, "{}" },
        { OP_DELETE, "{\"ids\":[\"a\"],\"where\":{\"k\":1}}" },
        { OP_DELETE, "{\"ids\":[\"a\"],\"where_document\":{\"$contains\":\"x\"}}" },
        { OP_DELETE, "{\"where\":{\"k\":1}}" },
        { OP_DELETE, "{\"ids\":[\"a\"],\"embeddings\":[[1]]}" },
        { OP_QUERY, "{\"ids\":[\"a\"],\"embeddings\":[[1]]}" },
    };
    for (size_t i = 0; i < sizeof(alone) / sizeof(alone[0]); i++) {
        if (understood(alone[i].op, alone[i].body)) {
            (void)fprintf(stderr, "understood: %s\n", alone[i].body);
            CU_FAIL("understood too much");
        }
    }
}

static void test_fits(void)
{
    struct join_part arrays;
    struct join_part base64;
    struct join_part wider;
    struct join_part bare;
    CU_ASSERT_TRUE(reads(OP_UPDATE, "{\"ids\":[\"a\"],\"embeddings\":[[1,2]]}", &arrays));
    CU_ASSERT_TRUE(reads(OP_UPDATE, "{\"ids\":[\"a\"],\"embeddings\":[\"AACAPwAAAEA=\"]}", &base64));
    CU_ASSERT_TRUE(reads(OP_UPDATE, "{\"ids\":[\"a\"],\"embeddings\":[[1,2,3]]}", &wider));
    CU_ASSERT_TRUE(reads(OP_UPDATE, "{\"ids\":[\"a\"]}", &bare));
    CU_ASSERT_TRUE(join_fits(&arrays, &arrays, 2));
    CU_ASSERT_TRUE(join_fits(&arrays, &bare, 2));
    CU_ASSERT_TRUE(join_fits(&bare, &bare, 0));
    CU_ASSERT_FALSE(join_fits(&arrays, &base64, 2)); /* Chroma takes one encoding at a time */
    CU_ASSERT_FALSE(join_fits(&arrays, &wider, 2));
    CU_ASSERT_FALSE(join_fits(&arrays, &arrays, 0)); /* the first one may still be refused */
    CU_ASSERT_FALSE(join_fits(&arrays, &bare, 0));
}

static void test_composed(void)
{
    static const char first[] = "{ \"documents\":[\"d, \\\"1\\\"\"], \"ids\":[\"a\"] }";
    static const char second[] = "{\"ids\":[\"b\",\"c\"],\"embeddings\":[null,[1,2]],\"uris\":null}";
    struct join_part parts[2];
    CU_ASSERT_TRUE(reads(OP_UPDATE, first, &parts[0]));
    CU_ASSERT_TRUE(reads(OP_UPDATE, second, &parts[1]));
    struct block *joined = join_compose(parts, 2);
    CU_ASSERT_PTR_NOT_NULL_FATAL(joined);
    CU_ASSERT_TRUE(
        str_equal(block_str(joined), STR("{\"ids\":[\"a\",\"b\",\"c\"],\"embeddings\":[null,null,[1,2]],"
                                         "\"documents\":[\"d, \\\"1\\\"\",null,null]}")));
    CU_ASSERT_TRUE(joined->size <= join_size(&parts[0]) + join_size(&parts[1]));
    block_unref(joined);
    struct str id;
    size_t at = 0;
    CU_ASSERT_TRUE(join_next_id(&parts[1], &at, &id));
    CU_ASSERT_TRUE(str_equal(id, STR("\"b\"")));
    CU_ASSERT_TRUE(join_next_id(&parts[1], &at, &id));
    CU_ASSERT_TRUE(str_equal(id, STR("\"c\"")));
    CU_ASSERT_FALSE(join_next_id(&parts[1], &at, &id));
}

/* ---- brute force ---- */

struct request {
    enum chroma_op op;
    char *body;
};

static const char *const op_names[] = { "add", "upsert", "update", "delete" };
static const enum chroma_op ops[] = { OP_ADD, OP_UPSERT, OP_UPDATE, OP_DELETE };

static const char *name_of(enum chroma_op op)
{
    return op == OP_ADD      ? op_names[0]
           : op == OP_UPSERT ? op_names[1]
           : op == OP_UPDATE ? op_names[2]
                             : op_names[3];
}

static void put_ids(struct buf *out, struct prng *p, size_t records)
{
    buf_append_text(out, "{\"ids\":[");
    for (size_t i = 0; i < records; i++) {
        buf_printf(out, "%s\"i%llu\"", i == 0 ? "" : ",", (unsigned long long)prng_below(p, IDS));
    }
    buf_append_text(out, "]");
}

static void put_vectors(struct buf *out, struct prng *p, size_t records, bool base64, bool nulls)
{
    static const char *const texts[] = { "\"AACAPwAAAEA=\"", "\"AABAQAAAgEA=\"", "\"AACgQAAAwEA=\"" };
    static const char *const arrays[] = { "[1,2]", "[3,4.0]", "[ 5 , 6 ]" };
    buf_append_text(out, ",\"embeddings\":[");
    for (size_t i = 0; i < records; i++) {
        const char *text = (base64 ? texts : arrays)[prng_below(p, 3)];
        buf_append_text(out, i == 0 ? "" : ",");
        buf_append_text(out, nulls && prng_chance(p, 1, 3) ? "null" : text);
    }
    buf_append_text(out, "]");
}

static void put_texts(struct buf *out, struct prng *p, const char *list, size_t records)
{
    buf_printf(out, ",\"%s\":[", list);
    for (size_t i = 0; i < records; i++) {
        buf_append_text(out, i == 0 ? "" : ",");
        if (prng_chance(p, 1, 3)) {
            buf_append_text(out, "null");
        } else {
            buf_printf(out, "\"%s-%llu\"", list, (unsigned long long)prng_below(p, 1000));
        }
    }
    buf_append_text(out, "]");
}

static void put_metadatas(struct buf *out, struct prng *p, size_t records, bool null_values)
{
    buf_append_text(out, ",\"metadatas\":[");
    for (size_t i = 0; i < records; i++) {
        buf_append_text(out, i == 0 ? "" : ",");
        if (prng_chance(p, 1, 4)) {
            buf_append_text(out, prng_chance(p, 1, 2) ? "null" : "{}");
            continue;
        }
        buf_printf(out, "{\"k%llu\":", (unsigned long long)prng_below(p, 2));
        if (null_values && prng_chance(p, 1, 3)) {
            buf_append_text(out, "null");
        } else {
            buf_printf(out, "%llu", (unsigned long long)prng_below(p, 3));
        }
        buf_printf(out, ",\"all\":%llu}", (unsigned long long)prng_below(p, 100));
    }
    buf_append_text(out, "]");
}

static struct request draw_request(struct prng *p, enum chroma_op op, bool base64)
{
    struct buf out;
    buf_init(&out, 65536);
    size_t records = 1 + (size_t)prng_below(p, 3);
    put_ids(&out, p, records);
    if (op == OP_ADD || op == OP_UPSERT || (op == OP_UPDATE && prng_chance(p, 1, 2))) {
        put_vectors(&out, p, records, base64, op == OP_UPDATE);
    }
    if (op != OP_DELETE && prng_chance(p, 1, 2)) {
        put_texts(&out, p, "documents", records);
    }
    if (op != OP_DELETE && prng_chance(p, 1, 3)) {
        put_texts(&out, p, "uris", records);
    }
    if (op != OP_DELETE && prng_chance(p, 1, 2)) {
        put_metadatas(&out, p, records, op != OP_ADD);
    }
    buf_append_text(&out, "}");
    struct request request = { .op = op, .body = mem_strdup(buf_text(&out)) };
    buf_deinit(&out);
    return request;
}

static void apply(struct driver *d, const struct request *request)
{
    const char *body = "";
    int status = driver_record(d, name_of(request->op), request->body, &body);
    if (status != (request->op == OP_ADD ? 201 : 200)) {
        (void)fprintf(stderr, "%d %s for %s\n", status, body, request->body);
        CU_FAIL_FATAL("a request of the test is refused");
    }
}

/* A driver is too large for the stack. */
static struct driver server_a;
static struct driver server_b;

static void start(struct driver *d)
{
    driver_init(d, "none", 1);
    driver_collection(d, "letters");
    const struct request fix = { OP_ADD, (char *)(uintptr_t) "{\"ids\":[\"i0\"],\"embeddings\":[[7,8]]}" };
    apply(d, &fix);
}

static bool same_content(const struct driver *a, const struct driver *b)
{
    struct buf left;
    struct buf right;
    buf_init(&left, 1u << 20);
    buf_init(&right, 1u << 20);
    mock_dump(a->mock, MOCK_DUMP_WHOLE, &left);
    mock_dump(b->mock, MOCK_DUMP_WHOLE, &right);
    bool same = !left.failed && !right.failed && str_equal(buf_str(&left), buf_str(&right));
    buf_deinit(&left);
    buf_deinit(&right);
    return same;
}

static struct request join(const struct request *requests, size_t count)
{
    struct join_part parts[REQUESTS_MAX];
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_TRUE_FATAL(join_read(requests[i].op, str_of(requests[i].body), &parts[i]));
        CU_ASSERT_TRUE_FATAL(i == 0 || join_fits(&parts[i - 1], &parts[i], 2));
    }
    struct block *block = join_compose(parts, count);
    CU_ASSERT_PTR_NOT_NULL_FATAL(block);
    struct request joined = { .op = requests[0].op, .body = mem_alloc(block->size + 1) };
    memcpy(joined.body, block->data, block->size);
    block_unref(block);
    return joined;
}

static void free_requests(struct request *requests, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mem_free(requests[i].body);
    }
}

/* Some history both share, then a run of one operation: alone to one server, joined to the other. */
static void test_joined_is_one_by_one(void)
{
    struct prng p;
    prng_seed(&p, 20240101);
    for (unsigned round = 0; round < 1500; round++) {
        start(&server_a);
        start(&server_b);
        size_t before = (size_t)prng_below(&p, 4);
        for (size_t i = 0; i < before; i++) {
            struct request request = draw_request(&p, ops[prng_below(&p, 4)], prng_chance(&p, 1, 2));
            apply(&server_a, &request);
            apply(&server_b, &request);
            free_requests(&request, 1);
        }
        struct request run[REQUESTS_MAX];
        size_t count = 2 + (size_t)prng_below(&p, REQUESTS_MAX - 1);
        enum chroma_op op = ops[round % 4];
        bool base64 = prng_chance(&p, 1, 2);
        for (size_t i = 0; i < count; i++) {
            run[i] = draw_request(&p, op, base64);
            apply(&server_a, &run[i]);
        }
        struct request one = join(run, count);
        apply(&server_b, &one);
        CU_ASSERT_TRUE(same_content(&server_a, &server_b));
        apply(&server_b, &one); /* its first answer was lost */
        CU_ASSERT_TRUE(same_content(&server_a, &server_b));
        free_requests(run, count);
        free_requests(&one, 1);
        driver_done(&server_a);
        driver_done(&server_b);
    }
}

/* ---- rule 13 ---- */

#define LOG_MAX 10

static struct request draw_any(struct prng *p, bool updates, bool filters)
{
    if (updates && prng_chance(p, 1, 3)) {
        return draw_request(p, OP_UPDATE, false);
    }
    if (!filters || prng_chance(p, 2, 3)) {
        static const enum chroma_op plain[] = { OP_ADD, OP_UPSERT, OP_DELETE };
        return draw_request(p, plain[prng_below(p, 3)], false);
    }
    char body[64];
    (void)snprintf(body, sizeof(body), "{\"where\":{\"all\":{\"$gte\":%llu}}}",
                   (unsigned long long)prng_below(p, 100));
    return (struct request){ .op = OP_DELETE, .body = mem_strdup(body) };
}

static bool nonconvergent(const struct request *request)
{
    return request->op == OP_UPDATE || strstr(request->body, "where") != NULL;
}

/* A log played to the end, and one that was played up to `reached`, lost its memory of how far it was, and
 * went on from `again`: do they end alike? */
static bool converges(const struct request *log, size_t count, size_t again, size_t reached)
{
    start(&server_a);
    start(&server_b);
    for (size_t i = 0; i < count; i++) {
        apply(&server_a, &log[i]);
    }
    for (size_t i = 0; i < reached; i++) {
        apply(&server_b, &log[i]);
    }
    for (size_t i = again; i < count; i++) {
        apply(&server_b, &log[i]);
    }
    bool same = same_content(&server_a, &server_b);
    driver_done(&server_a);
    driver_done(&server_b);
    return same;
}

static void test_suffix_converges(void)
{
    struct prng p;
    prng_seed(&p, 7);
    for (unsigned round = 0; round < 800; round++) {
        struct request log[LOG_MAX];
        size_t count = 2 + (size_t)prng_below(&p, LOG_MAX - 1);
        for (size_t i = 0; i < count; i++) {
            log[i] = draw_any(&p, false, false);
        }
        size_t reached = 1 + (size_t)prng_below(&p, count);
        CU_ASSERT_TRUE(converges(log, count, (size_t)prng_below(&p, reached), reached));
        free_requests(log, count);
    }
}

/* The earliest place to go on from that rule 13 allows when `reached` were carried out: what does not
 * converge had a durable cursor before it, and one after it before anything else was sent.  A run of updates
 * counts as one, because updates may travel joined. */
static size_t durable_cursor(const struct request *log, size_t reached)
{
    size_t at = reached;
    if (at > 0 && nonconvergent(&log[at - 1])) {
        at--;
        while (at > 0 && log[at].op == OP_UPDATE && log[at - 1].op == OP_UPDATE) {
            at--;
        }
        return at;
    }
    while (at > 0 && !nonconvergent(&log[at - 1])) {
        at--;
    }
    return at;
}

static void test_nonconvergent_needs_durable_cursors(void)
{
    struct prng p;
    prng_seed(&p, 11);
    unsigned diverged_by_update = 0;
    unsigned diverged_by_filter = 0;
    for (unsigned round = 0; round < 800; round++) {
        struct request log[LOG_MAX];
        size_t count = 2 + (size_t)prng_below(&p, LOG_MAX - 1);
        bool updates = round % 3 != 0;
        bool filters = round % 3 != 1;
        for (size_t i = 0; i < count; i++) {
            log[i] = draw_any(&p, updates, filters);
        }
        size_t reached = 1 + (size_t)prng_below(&p, count);
        for (size_t careless = 0; careless < reached; careless++) {
            bool same = converges(log, count, careless, reached);
            diverged_by_update += !same && !filters ? 1 : 0;
            diverged_by_filter += !same && !updates ? 1 : 0;
        }
        size_t low = durable_cursor(log, reached);
        size_t again = low + (size_t)prng_below(&p, reached - low + 1);
        CU_ASSERT_TRUE(converges(log, count, again, reached));
        free_requests(log, count);
    }
    /* Without the rule both kinds do go wrong: the rule is not there for nothing. */
    CU_ASSERT_TRUE(diverged_by_update > 0);
    CU_ASSERT_TRUE(diverged_by_filter > 0);
}

static const struct suite_test tests[] = {
    { "a plain request is understood", test_understood },
    { "anything unusual is not understood", test_not_understood },
    { "one encoding and the known dimension fit", test_fits },
    { "absent lists become nulls", test_composed },
    { "joined leaves what one by one leaves", test_joined_is_one_by_one },
    { "a suffix of adds, upserts and deletes by id converges", test_suffix_converges },
    { "updates and deletes by filter need durable cursors", test_nonconvergent_needs_durable_cursors },
};

TEST_MAIN("join", tests)
