/* What a pending write costs beyond its bytes in the log, and how long a restart takes with a million of them.
 *
 *   bench_pending DIR [ROUNDS [WRITES]]
 *
 * A real core and a real log;  two of the mock's Chromas that answer at once, until the primary refuses.  Writes of 256 bytes are sent
 * through the core, 64 at a time, until so many are pending, with WAL_MEMORY_BYTES at 1 MiB: all but that is in
 * the log only.  Then the process's memory is compared with what it was before the first write, everything
 * included: entries, queues, the log's table of places, the allocator's own.
 *
 * After that the log is closed and opened again, in alternating rounds with merely reading its files. */
#include "base/check.h"
#include "base/memory.h"
#include "base/prng.h"
#include "base/units.h"
#include "base/uuid.h"
#include "bench/measure.h"
#include "mockchroma/core/chroma.h"
#include "proxy/core/records.h"
#include "proxy/io/log_writer.h"
#include "proxy/ports/pump.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BODY_BYTES   256u
#define MEMORY_BYTES (1u << 20)
#define AT_ONCE      64u
#define ROUNDS_MAX   31u
#define COLLECTIONS  "/api/v2/tenants/default_tenant/databases/default_database/collections"

struct open_call {
    uint64_t id;
    unsigned instance;
    struct block *request;
    struct block *body;
};

struct bench {
    struct pump pump;
    struct log_store *store;
    uint64_t started_ns;
    struct open_call calls[4 * AT_ONCE];
    size_t call_count;
    uint64_t answered[2 * AT_ONCE]; /* clients whose tickets end next */
    size_t answered_count;
    uint64_t ok;
    uint64_t failed;
    uint64_t records;
    struct chroma instances[CORE_INSTANCES];
    struct text_pool *texts;
    bool primary_is_down;
    char collection[UUID_TEXT_SIZE + 1]; /* as clients know it; "" until it was created */
};

/* ---- the world of the core ---- */

static void collect(void *context, uint64_t client, uint64_t limit)
{
    (void)context; /* the body follows at once */
    (void)client;
    (void)limit;
}

static void reply(void *context, uint64_t client, int status, struct block *headers, struct block *body)
{
    static const char key[] = "\"id\":\"";
    (void)headers;
    struct bench *b = context;
    struct str text = block_str(body);
    const char *id = status == 200 ? memmem(text.data, text.size, key, sizeof(key) - 1) : NULL;
    if (id != NULL && b->collection[0] == '\0') {
        memcpy(b->collection, id + sizeof(key) - 1, UUID_TEXT_SIZE);
    }
    b->answered[b->answered_count++] = client;
    b->ok += status < 300 ? 1 : 0;
    b->failed += status < 300 ? 0 : 1;
}

static void relay(void *context, uint64_t client, uint64_t call, struct block *headers)
{
    (void)context;
    (void)client;
    (void)call;
    (void)headers;
    bench_die("nobody reads here");
}

static void ignore_client(void *context, uint64_t client)
{
    (void)context;
    (void)client;
}

static void call(void *context, const struct upstream_request *request)
{
    struct bench *b = context;
    b->calls[b->call_count++] = (struct open_call){
        .id = request->call,
        .instance = request->instance,
        .request = block_ref(request->request),
        .body = block_ref(request->body),
    };
}

static void collect_call(void *context, uint64_t id, uint64_t limit)
{
    (void)context;
    (void)id;
    (void)limit;
}

static void line(void *context, enum log_level level, struct block *text)
{
    (void)context;
    (void)level;
    (void)text;
}

static void stopped(void *context)
{
    (void)context;
}

static void deliver(struct bench *b, struct core_event *event)
{
    event->now_ns = bench_now_ns() - b->started_ns;
    event->wall_ms = 1700000000000 + (int64_t)(event->now_ns / NS_PER_MS);
    pump_event(&b->pump, event);
}

static void answer_call(struct bench *b, struct open_call *c)
{
    struct str rest;
    struct str target;
    struct str method = str_cut(block_str(c->request), ' ', &rest);
    target = str_cut(rest, '\n', &rest);
    struct chroma_route route = chroma_route(method, target, false);
    struct chroma_request request = {
        .route = &route,
        .target = target,
        .content_type = STR("application/json"),
        .body = c->body,
        .record_limit = -1,
    };
    struct answer answer = { 0 };
    struct effect effect;
    struct core_event event = { .kind = CORE_EV_CALL_END };
    event.u.call_end.call = c->id;
    event.u.call_end.detail = "";
    event.u.call_end.outcome = CALL_REFUSED;
    struct http_header type = { .name = STR("content-type"), .value = STR("application/json") };
    struct http_head head = { .headers = &type, .header_count = 1, .content_length = -1 };
    struct block *body = NULL;
    if (c->instance != 0 || !b->primary_is_down) {
        buf_init(&answer.body, 1u << 20);
        chroma_answer(&b->instances[c->instance], &request, &answer, &effect);
        head.status = answer.status;
        body = block_from_buf(&answer.body);
        buf_deinit(&answer.body);
        event.u.call_end.outcome = CALL_ANSWERED;
        event.u.call_end.bytes_left = true;
        event.u.call_end.head = &head;
        event.u.call_end.body = body;
    }
    deliver(b, &event);
    block_unref(body);
    block_unref(c->request);
    block_unref(c->body);
}

static bool work(struct bench *b)
{
    if (b->call_count > 0) {
        struct open_call c = b->calls[--b->call_count];
        answer_call(b, &c);
        return true;
    }
    if (b->answered_count > 0) {
        struct core_event event = { .kind = CORE_EV_CLIENT_DONE };
        event.u.client_done.client = b->answered[--b->answered_count];
        event.u.client_done.delivered = true;
        deliver(b, &event);
        return true;
    }
    struct core_event event;
    if (log_store_next(b->store, &event)) {
        if (event.kind == CORE_EV_LOG_FAILED) {
            bench_die(event.u.log_failed.detail);
        }
        deliver(b, &event);
        return true;
    }
    return false;
}

static void wait_for(struct bench *b, uint64_t answers)
{
    while (b->ok + b->failed < answers) {
        if (!work(b)) {
            struct pollfd p = { .fd = log_store_fd(b->store), .events = POLLIN };
            (void)poll(&p, 1, 10);
            struct core_event tick = { .kind = CORE_EV_TICK };
            deliver(b, &tick);
        }
    }
}

/* ---- opening ---- */

static void record_found(void *context, const struct wal_record *record, bool first)
{
    struct bench *b = context;
    struct core_event event = { .kind = CORE_EV_RECORD };
    event.u.record.lsn = record->lsn;
    event.u.record.type = record->type;
    event.u.record.meta = record->meta;
    event.u.record.body = record->body;
    event.u.record.first = first;
    b->records++;
    deliver(b, &event);
}

static void open_all(struct bench *b, const char *dir, uint64_t writes)
{
    struct settings_draft draft;
    struct errmsg msg = { 0 };
    settings_draft_init(&draft);
    (void)settings_set(&draft, STR("PRIMARY_URL"), STR("http://127.0.0.1:1"), SETTINGS_ENV, NULL);
    (void)settings_set(&draft, STR("REPLICA_URL"), STR("http://127.0.0.1:2"), SETTINGS_ENV, NULL);
    (void)settings_set(&draft, STR("WAL_MAX_BYTES"), STR("1TiB"), SETTINGS_ENV, NULL);
    (void)settings_set(&draft, STR("MAX_BODY_BYTES"), STR("64KiB"), SETTINGS_ENV, NULL);
    (void)settings_set(&draft, STR("LOG_LEVEL"), STR("error"), SETTINGS_ENV, NULL);
    draft.values.wal_memory_bytes = MEMORY_BYTES;
    draft.values.wal_max_writes = 2 * writes;
    if (settings_finish(&draft, &msg) != 0) {
        bench_die(msg.text);
    }
    b->started_ns = bench_now_ns();
    b->records = 0;
    b->call_count = b->answered_count = 0;
    b->pump.core = core_new(&draft.values, 1);
    struct log_writer_options options = { .dir = dir, .segment_bytes = draft.values.wal_segment_bytes };
    if (log_writer_open(&b->store, &options, record_found, b, NULL, &msg) != 0 ||
        log_store_start(b->store, &msg) != 0) {
        bench_die(msg.text);
    }
    b->pump.ports = (struct ports){
        .client = { .context = b, .collect = collect, .reply = reply, .relay = relay, .abort = ignore_client },
        .upstream = { .context = b, .call = call, .collect = collect_call, .cancel = ignore_client },
        .log = log_store_port(b->store),
        .process = { .context = b, .line = line, .stopped = stopped },
    };
    struct core_event event = { .kind = CORE_EV_START };
    deliver(b, &event);
}

static void close_all(struct bench *b)
{
    core_free(b->pump.core);
    log_store_close(b->store);
}

/* ---- the load ---- */

static void send_request(struct bench *b, uint64_t client, const char *target, struct block *body)
{
    char path[256];
    (void)snprintf(path, sizeof(path), COLLECTIONS "%s%s%s", target[0] == '\0' ? "" : "/",
                   target[0] == '\0' ? "" : b->collection, target);
    struct http_header type = { .name = STR("content-type"), .value = STR("application/json") };
    struct http_head head = { .method = STR("POST"),
                              .target = str_of(path),
                              .headers = &type,
                              .header_count = 1,
                              .content_length = (int64_t)body->size };
    struct core_event event = { .kind = CORE_EV_CLIENT_HEAD };
    event.u.client_head.client = client;
    event.u.client_head.head = &head;
    deliver(b, &event);
    event = (struct core_event){ .kind = CORE_EV_CLIENT_BODY };
    event.u.client_body.client = client;
    event.u.client_body.body = body;
    deliver(b, &event);
}

/* Few records, so that the replica stays small. */
static struct block *write_body(uint64_t n)
{
    char text[BODY_BYTES + 1];
    int size = snprintf(text, sizeof(text), "{\"ids\":[\"record-%012llu\"],\"embeddings\":[[1,2,3]],\"documents\":[\"",
                        (unsigned long long)(n % 100));
    memset(text + size, 'x', BODY_BYTES - (size_t)size);
    memcpy(text + BODY_BYTES - 3, "\"]}", 3);
    return block_copy(text, BODY_BYTES);
}

static void fill(struct bench *b, uint64_t writes)
{
    static uint64_t client;
    uint64_t end = b->ok + b->failed + writes;
    while (b->ok + b->failed < end) {
        uint64_t left = end - b->ok - b->failed;
        uint64_t now = left < AT_ONCE ? left : AT_ONCE;
        uint64_t answers = b->ok + b->failed + now;
        for (uint64_t i = 0; i < now; i++) {
            struct block *body = write_body(client);
            send_request(b, ++client, "/upsert", body);
            block_unref(body);
        }
        wait_for(b, answers);
    }
    if (b->failed > 0) {
        bench_die("a write was refused");
    }
}

static void make_collection(struct bench *b)
{
    struct block *body = block_copy("{\"name\":\"bench\"}", 16);
    for (uint64_t id = UINT64_MAX; b->ok == 0; id--) { /* until the proxy knows its replica */
        uint64_t answers = b->ok + b->failed + 1;
        send_request(b, id, "", body);
        wait_for(b, answers);
    }
    b->failed = 0;
    block_unref(body);
    CHECK(b->collection[0] != '\0');
}

/* ---- reading the files, as a measure ---- */

static uint64_t read_files(const char *dir)
{
    static char space[1u << 20];
    uint64_t sum = 0;
    DIR *stream = opendir(dir);
    /* cppcheck-suppress readdirCalled */
    for (struct dirent *e = stream == NULL ? NULL : readdir(stream); e != NULL; e = readdir(stream)) {
        int fd = strstr(e->d_name, ".wal") == NULL ? -1 : openat(dirfd(stream), e->d_name, O_RDONLY | O_CLOEXEC);
        ssize_t got = 0;
        while (fd >= 0 && (got = read(fd, space, sizeof(space))) > 0) {
            sum += (uint64_t)got;
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    if (stream == NULL || sum == 0) {
        bench_die("cannot read the log's files");
    }
    (void)closedir(stream);
    return sum;
}

int main(int argc, char **argv)
{
    uint64_t writes = 1000000;
    uint64_t rounds = 7;
    if (argc < 2 || argc > 4 || (argc > 2 && units_parse_u64(str_of(argv[2]), &rounds, NULL) != 0) ||
        (argc > 3 && units_parse_u64(str_of(argv[3]), &writes, NULL) != 0) || writes < 1000 || rounds == 0 ||
        rounds > ROUNDS_MAX) {
        bench_die("usage: bench_pending DIR [ROUNDS [WRITES]]");
    }
    static struct bench b;
    struct prng prng;
    b.texts = text_pool_new();
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        prng_seed(&prng, 1 + i);
        chroma_init(&b.instances[i], prng, b.texts, false, 1u << 20, NULL);
    }
    open_all(&b, argv[1], writes);
    make_collection(&b);
    b.primary_is_down = true;
    uint64_t empty = bench_rss_bytes();
    uint64_t begin = bench_now_ns();
    fill(&b, writes);
    double seconds = (double)(bench_now_ns() - begin) / 1e9;
    uint64_t full = bench_rss_bytes();
    struct core_facts facts;
    core_facts(b.pump.core, bench_now_ns() - b.started_ns, &facts);
    (void)printf("%llu writes of %u bytes pending (%llu told), %.0f writes/s: %.1f bytes each beyond the log "
                 "(aim 96); %llu bytes of payloads in memory\n",
                 (unsigned long long)writes, BODY_BYTES, (unsigned long long)facts.pending_writes,
                 (double)writes / seconds, (double)(full - empty) / (double)writes,
                 (unsigned long long)facts.memory_bytes);
    close_all(&b);
    double opening[ROUNDS_MAX];
    double cpu[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    uint64_t bytes = 0;
    uint64_t records = 0;
    uint64_t held = 0;
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t t0 = bench_now_ns();
        bytes = read_files(argv[1]);
        uint64_t t1 = bench_now_ns();
        uint64_t cpu_before = bench_cpu_ns();
        open_all(&b, argv[1], writes);
        uint64_t t2 = bench_now_ns();
        cpu[i] = (double)(bench_cpu_ns() - cpu_before) / 1e9;
        core_facts(b.pump.core, t2 - b.started_ns, &facts);
        records = b.records;
        held = facts.memory_bytes;
        close_all(&b);
        opening[i] = (double)(t2 - t1) / 1e9;
        ratios[i] = (double)(t2 - t1) / (double)(t1 - t0);
    }
    (void)printf("reopening %llu records, %.0f MB: %.2f s (aim 3), %.2f s of CPU, %.1f times reading the files; "
                 "%llu bytes of payloads in memory\n",
                 (unsigned long long)records, (double)bytes / 1e6, bench_median(opening, rounds),
                 bench_median(cpu, rounds), bench_median(ratios, rounds), (unsigned long long)held);
    for (unsigned i = 0; i < CORE_INSTANCES; i++) {
        chroma_deinit(&b.instances[i]);
    }
    text_pool_free(b.texts);
    return 0;
}
