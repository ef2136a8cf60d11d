/* How near the log comes to the disk: appends through log_writer against bare pwrite + fdatasync of the same
 * bytes into a zero-filled file of the same directory, in alternating rounds of one run.  Medians.
 *
 *   bench_log_append DIR [ROUNDS [SECONDS]]
 *
 * Throughput: 32 outstanding records; the bare file writes 32 records per sync.  Latency: one outstanding
 * record, its p50 against the p50 of one bare write and sync.  The log is trimmed behind, so that after the
 * first segments it lives on recycled files, as in production. */
#include "base/memory.h"
#include "base/units.h"
#include "bench/measure.h"
#include "proxy/io/log_writer.h"
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SEGMENT_BYTES (64u << 20)
#define WRITERS       32u
#define ROUNDS_MAX    31u
#define SAMPLES_MAX   100000u

struct result {
    double per_second;
    double p50_us;
};

/* ---- the bare file ---- */

static struct result bare(int fd, size_t size, unsigned batch, uint64_t span_ns, double *samples)
{
    static char *bytes;
    if (bytes == NULL) {
        bytes = mem_alloc(1u << 20);
        memset(bytes, 'x', 1u << 20);
    }
    size_t chunk = size * batch;
    uint64_t offset = 0;
    size_t count = 0;
    uint64_t begin = bench_now_ns();
    uint64_t end = begin;
    while (end - begin < span_ns && count < SAMPLES_MAX) {
        uint64_t start = bench_now_ns();
        if (offset + chunk > SEGMENT_BYTES) {
            offset = 0;
        }
        if (pwrite(fd, bytes, chunk, (off_t)offset) != (ssize_t)chunk || fdatasync(fd) != 0) {
            bench_die("bare write failed");
        }
        offset += chunk;
        end = bench_now_ns();
        samples[count++] = (double)(end - start) / 1000;
    }
    return (struct result){ .per_second = (double)count * batch * 1e9 / (double)(end - begin),
                            .p50_us = bench_median(samples, count) };
}

/* ---- the log ---- */

struct bench_log {
    struct log_store *store;
    uint64_t next_lsn;
    struct block *meta;
};

static void note_record(void *context, const struct wal_record *record, bool first)
{
    (void)first;
    *(uint64_t *)context = record->lsn + 1;
}

static uint64_t wait_durable(struct bench_log *log)
{
    struct core_event event;
    while (!log_store_next(log->store, &event)) {
        struct pollfd p = { .fd = log_store_fd(log->store), .events = POLLIN };
        (void)poll(&p, 1, -1);
    }
    if (event.kind != CORE_EV_LOG_DURABLE) {
        bench_die("the log failed");
    }
    return event.u.log_durable.lsn;
}

static struct result through_log(struct bench_log *log, size_t size, unsigned outstanding, uint64_t span_ns,
                                 double *samples)
{
    struct log_port port = log_store_port(log->store);
    struct block *body = block_new(size - 64); /* frame head and meta make up the rest */
    memset(body->data, 'x', body->size);
    uint64_t first = log->next_lsn;
    uint64_t durable = first - 1;
    uint64_t trimmed = first;
    size_t count = 0;
    uint64_t begin = bench_now_ns();
    uint64_t end = begin;
    while (end - begin < span_ns && count < SAMPLES_MAX) {
        uint64_t start = bench_now_ns();
        while (log->next_lsn <= durable + outstanding) {
            port.append(port.context, log->next_lsn++, 1, log->meta, body, true);
        }
        durable = wait_durable(log);
        end = bench_now_ns();
        samples[count++] = (double)(end - start) / 1000;
        if (durable - trimmed > 1000) {
            trimmed = durable;
            port.trim(port.context, trimmed);
        }
    }
    uint64_t done = durable - (first - 1);
    while (durable + 1 < log->next_lsn) {
        durable = wait_durable(log);
    }
    block_unref(body);
    return (struct result){ .per_second = (double)done * 1e9 / (double)(end - begin),
                            .p50_us = bench_median(samples, count) };
}

static void compare_at(struct bench_log *log, int fd, size_t size, unsigned writers, unsigned rounds,
                       uint64_t span_ns)
{
    double rates[ROUNDS_MAX];
    double bare_rates[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    double latency[ROUNDS_MAX];
    double *samples = mem_alloc_array(SAMPLES_MAX, sizeof(double));
    for (unsigned i = 0; i < rounds; i++) {
        struct result raw = bare(fd, size, writers, span_ns, samples);
        struct result ours = through_log(log, size, writers, span_ns, samples);
        rates[i] = ours.per_second;
        bare_rates[i] = raw.per_second;
        ratios[i] = ours.per_second / raw.per_second;
        latency[i] = ours.p50_us / raw.p50_us;
    }
    (void)printf("%2u writers, %5zu bytes: log %8.0f rec/s, bare %8.0f rec/s, ratio %.2f; p50 ratio %.2f\n",
                 writers, size, bench_median(rates, rounds), bench_median(bare_rates, rounds), bench_median(ratios, rounds),
                 bench_median(latency, rounds));
    mem_free(samples);
}

static int open_bare(const char *dir)
{
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/bare-file", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char *zeros = mem_alloc(1u << 20);
    for (size_t i = 0; fd >= 0 && i < SEGMENT_BYTES >> 20; i++) {
        if (write(fd, zeros, 1u << 20) != 1 << 20) {
            bench_die("no room for the bare file");
        }
    }
    mem_free(zeros);
    if (fd < 0 || fsync(fd) != 0) {
        bench_die("cannot make the bare file");
    }
    (void)unlink(path);
    return fd;
}

int main(int argc, char **argv)
{
    uint64_t rounds = 7;
    uint64_t seconds = 1;
    if (argc < 2 || argc > 4 || (argc > 2 && units_parse_u64(str_of(argv[2]), &rounds, NULL) != 0) ||
        (argc > 3 && units_parse_u64(str_of(argv[3]), &seconds, NULL) != 0) || rounds == 0 ||
        rounds > ROUNDS_MAX) {
        bench_die("usage: bench_log_append DIR [ROUNDS [SECONDS]]");
    }
    struct errmsg msg = { 0 };
    struct bench_log log = { .next_lsn = 1, .meta = block_copy("meta-of-16-bytes", 16) };
    struct log_writer_options options = { .dir = argv[1], .segment_bytes = SEGMENT_BYTES };
    if (log_writer_open(&log.store, &options, note_record, &log.next_lsn, NULL, &msg) != 0 ||
        log_store_start(log.store, &msg) != 0) {
        bench_die(msg.text);
    }
    int fd = open_bare(argv[1]);
    double *samples = mem_alloc_array(SAMPLES_MAX, sizeof(double));
    (void)through_log(&log, 20000, WRITERS, 3 * NS_PER_S, samples); /* until it lives on recycled files */
    mem_free(samples);
    compare_at(&log, fd, 5000, WRITERS, (unsigned)rounds, seconds * NS_PER_S);
    compare_at(&log, fd, 20000, WRITERS, (unsigned)rounds, seconds * NS_PER_S);
    compare_at(&log, fd, 5000, 1, (unsigned)rounds, seconds * NS_PER_S);
    log_store_close(log.store);
    block_unref(log.meta);
    (void)close(fd);
    return 0;
}
