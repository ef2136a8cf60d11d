/* How fast a queue is replayed: 1,000 single-record adds of 384 numbers that walproxy took while its primary
 * refused, against the same 1,000 sent straight to a server in hand-made batches of 100, in alternating
 * rounds of one run.  Medians.
 *
 *   bench_replay BIN DIR [ROUNDS [LATENCY]]
 *
 * BIN holds walproxy and mockchroma, DIR is for logs.  Both times are read from the servers' journals: from
 * the receipt of the first request with records to the application of the last, so that the time until
 * walproxy notices the return does not count, and its gentle start does.  The servers are mocks with the
 * latencies of a real one (measured-small), one writer each. */
#include "base/buf.h"
#include "base/json_scan.h"
#include "base/memory.h"
#include "base/units.h"
#include "bench/measure.h"
#include "bench/programs.h"
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS     1000u
#define BATCH       100u
#define NUMBERS     384u
#define ROUNDS_MAX  31u
#define BOUND_MS    60000
#define COLLECTIONS "/api/v2/tenants/default_tenant/databases/default_database/collections"

static CURL *curl;

static void die(const char *what, const char *detail)
{
    (void)fprintf(stderr, "bench_replay: %s: %s\n", what, detail);
    exit(4);
}

static size_t collect(char *data, size_t size, size_t count, void *context)
{
    buf_append(context, data, size * count);
    return size * count;
}

/* body NULL = GET.  The answer, valid until the next; *status 0 = none came. */
static const char *ask(const char *method, const char *base, const char *path, struct buf *body, long *status)
{
    static struct buf answer;
    char url[512];
    struct curl_slist *headers = curl_slist_append(NULL, "content-type: application/json");
    headers = curl_slist_append(headers, "Expect:");
    buf_deinit(&answer);
    buf_init(&answer, (size_t)1 << 30);
    (void)snprintf(url, sizeof(url), "%s%s", base, path);
    curl_easy_reset(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)BOUND_MS);
    if (body != NULL) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body->size);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body->data);
    }
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    *status = 0;
    if (curl_easy_perform(curl) == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    }
    curl_slist_free_all(headers);
    return buf_text(&answer);
}

static void must(const char *what, const char *method, const char *base, const char *path, const char *text,
                 long expected)
{
    struct buf body;
    long status;
    buf_init(&body, (size_t)1 << 20);
    buf_append_text(&body, text);
    const char *answer = ask(method, base, path, &body, &status);
    if (status != expected) {
        die(what, answer);
    }
    buf_deinit(&body);
}

/* ---- programs ---- */

static void start_proxy(struct bench_mock *s, const char *bin, const char *dir, const char *primary)
{
    char program[512];
    char line[256];
    struct errmsg msg = { "" };
    (void)snprintf(program, sizeof(program), "%s/walproxy", bin);
    if (child_init(&s->child, "walproxy", program, dir, &msg) != 0) {
        die("walproxy", msg.text);
    }
    child_add_arg(&s->child, "--primary-url");
    child_add_arg(&s->child, "%s", primary);
    child_add_arg(&s->child, "--listen");
    child_add_arg(&s->child, "127.0.0.1:0");
    child_add_arg(&s->child, "--check-interval");
    child_add_arg(&s->child, "100ms");
    child_add_arg(&s->child, "--wal-dir");
    child_add_arg(&s->child, "%s/wal", dir);
    if (child_start(&s->child, "", line, sizeof(line), &msg) != 0) {
        die("walproxy", msg.text);
    }
    const char *url = strstr(line, "http://");
    if (url == NULL || sscanf(url, "%127s", s->url) != 1) {
        die("walproxy says", line);
    }
}

/* ---- records ---- */

static void put_record(struct buf *ids, struct buf *vectors, struct buf *documents, unsigned record)
{
    buf_printf(ids, "%s\"r%05u\"", ids->size == 0 ? "" : ",", record);
    buf_append_text(vectors, vectors->size == 0 ? "[" : ",[");
    for (unsigned i = 0; i < NUMBERS; i++) {
        buf_printf(vectors, "%s0.%08u", i == 0 ? "" : ",", (record * 7919u + i * 104729u) % 100000000u);
    }
    buf_append_char(vectors, ']');
    buf_printf(documents, "%s\"%0500u\"", documents->size == 0 ? "" : ",", record);
}

static void put_add(struct buf *out, unsigned first, unsigned count)
{
    struct buf ids;
    struct buf vectors;
    struct buf documents;
    buf_init(&ids, (size_t)1 << 24);
    buf_init(&vectors, (size_t)1 << 28);
    buf_init(&documents, (size_t)1 << 24);
    for (unsigned i = 0; i < count; i++) {
        put_record(&ids, &vectors, &documents, first + i);
    }
    buf_printf(out, "{\"ids\":[%s],", buf_text(&ids));
    buf_printf(out, "\"embeddings\":[%s],", buf_text(&vectors));
    buf_printf(out, "\"documents\":[%s]}", buf_text(&documents));
    buf_deinit(&ids);
    buf_deinit(&vectors);
    buf_deinit(&documents);
}

/* Makes a collection and adds the first record, alone: its dimension is known from then on. */
static void make_collection(const char *base, unsigned round, char *path, size_t size)
{
    struct json_scan scan;
    char id[64] = "";
    size_t length = 0;
    long status;
    struct buf body;
    buf_init(&body, (size_t)1 << 28);
    buf_printf(&body, "{\"name\":\"round-%u\"}", round);
    const char *answer = ask("POST", base, COLLECTIONS, &body, &status);
    const struct json_member *member =
        status == 200 && json_scan(str_of(answer), &scan) == 0 ? json_scan_find(&scan, "id") : NULL;
    if (member == NULL || !json_scan_decode(member->value, id, sizeof(id), &length)) {
        die("create collection", answer);
    }
    (void)snprintf(path, size, COLLECTIONS "/%s/add", id);
    buf_clear(&body);
    put_add(&body, 0, 1);
    (void)ask("POST", base, path, &body, &status);
    if (status != 201) {
        die("add", "the first record was not taken");
    }
    buf_deinit(&body);
}

static void send_adds(const char *base, const char *path, unsigned batch)
{
    struct buf body;
    buf_init(&body, (size_t)1 << 30);
    for (unsigned first = 1; first <= RECORDS; first += batch) {
        long status;
        buf_clear(&body);
        put_add(&body, first, batch);
        const char *answer = ask("POST", base, path, &body, &status);
        if (status != 201) {
            die("add", answer);
        }
    }
    buf_deinit(&body);
}

/* ---- figures ---- */

static uint64_t number_of(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

/* Seconds from the receipt of the first to the application of the last of that many records, newest first. */
static double span_of(const struct bench_mock *mock, unsigned records, unsigned *requests)
{
    long status;
    char *text = mem_strdup(ask("GET", mock->control, "/journal", NULL, &status));
    uint64_t first_ns = UINT64_MAX;
    uint64_t last_ns = 0;
    size_t seen = 0;
    *requests = 0;
    for (char *end = text + strlen(text); seen < records && end > text;) {
        *end = '\0';
        char *line = strrchr(text, '\n');
        line = line == NULL ? text : line + 1;
        if (strstr(line, "\"op\":\"add\"") != NULL && strstr(line, "\"status\":201") != NULL) {
            uint64_t received_ns = number_of(line, "\"received_ns\":");
            uint64_t applied_ns = number_of(line, "\"applied_ns\":");
            const char *ids = strstr(line, "\"ids\":[");
            for (const char *id = ids; id != NULL && (id = strstr(id, "\"r")) != NULL; id++) {
                seen++;
            }
            first_ns = received_ns < first_ns ? received_ns : first_ns;
            last_ns = applied_ns > last_ns ? applied_ns : last_ns;
            (*requests)++;
        }
        end = line > text ? line - 1 : text;
    }
    mem_free(text);
    if (seen < records) {
        die("journal", "it holds fewer records than were sent");
    }
    return (double)(last_ns - first_ns) / (double)NS_PER_S;
}

static void wait_for_pending(const struct bench_mock *proxy, uint64_t wanted)
{
    for (int waited = 0; waited < BOUND_MS; waited += 20) {
        long status;
        const char *answer = ask("GET", proxy->url, "/status", NULL, &status);
        if (status == 200 && number_of(answer, "\"pending_writes\":") == wanted) {
            return;
        }
        child_wait_ms(20);
    }
    die("walproxy", "its queue is not what it should be");
}

static double replayed(const struct bench_mock *mock, const struct bench_mock *proxy, unsigned round,
                       unsigned *requests)
{
    char path[256];
    make_collection(proxy->url, round, path, sizeof(path));
    must("fault", "POST", mock->control, "/faults", "{\"do\":\"refuse\"}", 201);
    send_adds(proxy->url, path, 1);
    wait_for_pending(proxy, RECORDS);
    must("fault", "DELETE", mock->control, "/faults", "", 200);
    wait_for_pending(proxy, 0);
    return span_of(mock, RECORDS, requests);
}

static double sent_by_hand(const struct bench_mock *mock, unsigned round)
{
    char path[256];
    unsigned requests;
    make_collection(mock->url, round, path, sizeof(path));
    send_adds(mock->url, path, BATCH);
    return span_of(mock, RECORDS, &requests);
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 5;
    const char *latency = argc > 4 ? argv[4] : "measured-small";
    if (argc < 3 || rounds == 0 || rounds > ROUNDS_MAX) {
        (void)fputs("usage: bench_replay BIN DIR [ROUNDS [LATENCY]]\n", stderr);
        return 2;
    }
    static struct bench_mock by_hand;
    static struct bench_mock primary;
    static struct bench_mock proxy;
    double hand[ROUNDS_MAX];
    double replay[ROUNDS_MAX];
    double ratio[ROUNDS_MAX];
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    if (curl == NULL) {
        die("curl", "no memory");
    }
    bench_mock_start(&by_hand, "by-hand", argv[1], argv[2], latency);
    bench_mock_start(&primary, "primary", argv[1], argv[2], latency);
    start_proxy(&proxy, argv[1], argv[2], primary.url);
    for (unsigned round = 0; round < rounds; round++) {
        unsigned requests;
        hand[round] = sent_by_hand(&by_hand, round);
        replay[round] = replayed(&primary, &proxy, round, &requests);
        ratio[round] = hand[round] / replay[round];
        (void)printf("round %u: by hand %.3f s, replayed %.3f s in %u requests, ratio %.2f\n", round + 1,
                     hand[round], replay[round], requests, ratio[round]);
    }
    (void)printf(
        "1000 adds of 384 numbers: by hand in hundreds %.0f/s, replayed %.0f/s, ratio %.2f (aim 0.8)\n",
        RECORDS / bench_median(hand, rounds), RECORDS / bench_median(replay, rounds), bench_median(ratio, rounds));
    child_deinit(&proxy.child);
    child_deinit(&primary.child);
    child_deinit(&by_hand.child);
    curl_easy_cleanup(curl);
    return 0;
}
