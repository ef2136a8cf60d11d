/* What an instance holds before the balancer comes: `holds` in a scenario's topology.
 *
 * Written straight to the instance, once it answers and before the balancer is started, so that the balancer
 * finds it as it would find a machine that has served for years: collections held-1, held-2, ... in the
 * default database, their records spread evenly.  Each request waits for the one before.  How it fails: the
 * first request that is not answered as it should be ends the run. */
#include "base/check.h"
#include "harness/runner/run.h"

#include <inttypes.h>
#include <stdio.h>

#define FILLING_PATH       "/api/v2/tenants/default_tenant/databases/default_database/collections"
#define FILLING_COLLECTION 3u
#define FILLING_PAGE       500u
#define FILLING_TIMEOUT    (60 * NS_PER_S)
#define FILLING_BODY_MAX   ((size_t)1 << 20)
#define UUID_TEXT          36u
#define ID_SIZE            40

struct filling {
    struct engine *engine;
    bool answered;
    int status;
    char id[ID_SIZE]; /* of the last answer's object */
};

static void filling_answered(void *context, uint64_t tag, const struct engine_answer *answer)
{
    static const char key[] = "\"id\":\"";
    struct filling *f = context;
    (void)tag;
    f->answered = true;
    f->status = answer->outcome == OP_ANSWERED ? answer->status : 0;
    const char *found =
        answer->body.size == 0 ? NULL : memmem(answer->body.data, answer->body.size, key, sizeof(key) - 1);
    size_t at = found == NULL ? 0 : (size_t)(found - answer->body.data) + sizeof(key) - 1;
    if (found != NULL && answer->body.size - at >= UUID_TEXT) {
        memcpy(f->id, answer->body.data + at, UUID_TEXT);
        f->id[UUID_TEXT] = '\0';
    }
}

static int filling_post(struct filling *f, enum engine_target target, const char *path, struct str body,
                        struct errmsg *msg)
{
    const struct engine_ops *ops = f->engine->ops;
    struct engine_request request = {
        .target = target,
        .method = "POST",
        .path = path,
        .headers = "Content-Type: application/json\r\n",
        .body = body,
        .timeout_ns = FILLING_TIMEOUT,
    };
    f->answered = false;
    int rv = ops->request(f->engine, &request, 0, filling_answered, f, msg);
    while (rv == 0 && !f->answered) {
        rv = ops->advance(f->engine, ops->now(f->engine) + NS_PER_S / 100, msg);
    }
    if (rv == 0 && (f->status < 200 || f->status > 299)) {
        rv = error_set(msg, ERR_STATE, "filling an instance: POST %s: status %d", path, f->status);
    }
    return rv;
}

static int filling_add(struct filling *f, enum engine_target target, uint32_t first, uint32_t count,
                       struct errmsg *msg)
{
    char path[256];
    struct buf body;
    buf_init(&body, FILLING_BODY_MAX);
    buf_append_text(&body, "{\"ids\":[");
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(&body, "%s\"held-%06" PRIu32 "\"", i == 0 ? "" : ",", first + i);
    }
    buf_append_text(&body, "],\"embeddings\":[");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = first + i;
        buf_printf(&body, "%s[0.%" PRIu32 ",-%" PRIu32 ".5,1e-3]", i == 0 ? "" : ",", n, n % 7);
    }
    buf_append_text(&body, "],\"documents\":[");
    for (uint32_t i = 0; i < count; i++) {
        buf_printf(&body, "%s\"held before, \\\"%" PRIu32 "\\\" \\u00e9\"", i == 0 ? "" : ",", first + i);
    }
    buf_append_text(&body, "],\"metadatas\":[");
    for (uint32_t i = 0; i < count; i++) {
        uint32_t n = first + i;
        buf_printf(&body, i == 0 ? "" : ",");
        buf_printf(&body, n % 5 == 0 ? "null" : "{\"n\":%" PRIu32 ",\"share\":%" PRIu32 ".0,\"even\":%s}", n,
                   n, n % 2 == 0 ? "true" : "false");
    }
    buf_append_text(&body, "]}");
    CHECK(!body.failed);
    (void)snprintf(path, sizeof(path), FILLING_PATH "/%s/add", f->id);
    int rv = filling_post(f, target, path, buf_str(&body), msg);
    buf_deinit(&body);
    return rv;
}

static int filling_instance(struct filling *f, enum engine_target target, uint32_t records,
                            struct errmsg *msg)
{
    int rv = 0;
    for (uint32_t c = 0; rv == 0 && c < FILLING_COLLECTION; c++) {
        char body[96];
        int size =
            snprintf(body, sizeof(body),
                     "{\"name\":\"held-%" PRIu32 "\",\"metadata\":{\"held\":%" PRIu32 "}}", c + 1, c + 1);
        rv = filling_post(f, target, FILLING_PATH, str_make(body, (size_t)size), msg);
        uint32_t share = records / FILLING_COLLECTION + (c < records % FILLING_COLLECTION ? 1 : 0);
        char id[ID_SIZE];
        memcpy(id, f->id, sizeof(id));
        for (uint32_t first = 0; rv == 0 && first < share; first += FILLING_PAGE) {
            memcpy(f->id, id, sizeof(id));
            rv = filling_add(f, target, first, share - first < FILLING_PAGE ? share - first : FILLING_PAGE,
                             msg);
        }
    }
    return rv;
}

int filling_run(const void *context, struct engine *engine, struct errmsg *msg)
{
    const struct scenario *s = context;
    struct filling f = { .engine = engine };
    int rv = 0;
    for (unsigned i = 0; rv == 0 && i < 2; i++) {
        if (s->holds[i] > 0) {
            rv = filling_instance(&f, i == 0 ? TARGET_PRIMARY : TARGET_REPLICA, s->holds[i], msg);
        }
    }
    return rv;
}
