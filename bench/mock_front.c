/* What the mock costs around an answer, in alternating rounds of one run.  Medians.
 *
 *   bench_mock_front BIN DIR [ROUNDS [MILLISECONDS]]
 *
 * Front: GET of the version from 32 connections that stay open, against the smallest libmicrohttpd server
 * there is (one thread, epoll) that answers the same bytes; the ratio of answers a second. Idle faults: the
 * same load, and single adds of 384 numbers, without a fault and beside one fault of each kind of match, none
 * of which matches; the ratio of the mock's processor time for an answer. */
#include "base/memory.h"
#include "base/units.h"
#include "bench/client.h"
#include "bench/measure.h"
#include "bench/programs.h"
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS 32u
#define ROUNDS_MAX  101u
#define NUMBERS     384u

static char version_text[] = "\"1.0.0\"";
static const char faults[] =
    "[{\"do\":\"respond\",\"status\":503,\"match\":{\"op\":\"delete_database\"}},"
    "{\"do\":\"respond\",\"status\":503,\"match\":{\"collection\":\"nobody\"}},"
    "{\"do\":\"respond\",\"status\":503,\"match\":{\"id\":\"nobody\"}},"
    "{\"do\":\"delay\",\"by\":\"1s\",\"match\":{\"path\":\"*/nowhere\"}},"
    "{\"do\":\"reset\",\"match\":{\"method\":\"PATCH\"}},"
    "{\"do\":\"hang\",\"match\":{\"header\":{\"x-request-id\":\"nobody\"}}}]";

/* ---- the smallest server ---- */

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **request)
{
    (void)url, (void)method, (void)version, (void)upload, (void)upload_size;
    if (*request == NULL) {
        *request = version_text; /* seen: who answers at the first call has the connection closed */
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, context);
}

/* Becomes a process of its own, so that it has a processor like the mock; the port comes back by a pipe. */
static pid_t start_smallest(unsigned *port)
{
    uint16_t told = 0;
    int ends[2];
    if (pipe(ends) != 0) {
        bench_die("no pipe");
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        struct MHD_Response *response =
            MHD_create_response_from_buffer(sizeof(version_text) - 1, version_text, MHD_RESPMEM_PERSISTENT);
        (void)MHD_add_response_header(response, "content-type", "application/json");
        struct MHD_Daemon *daemon =
            MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, response, MHD_OPTION_END);
        const union MHD_DaemonInfo *info =
            daemon == NULL ? NULL : MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
        told = info == NULL ? 0 : info->port;
        (void)!write(ends[1], &told, sizeof(told));
        (void)close(ends[1]);
        while (MHD_run_wait(daemon, 1000) == MHD_YES && getppid() == parent) {
        }
        _exit(0);
    }
    (void)close(ends[1]);
    if (pid < 0 || read(ends[0], &told, sizeof(told)) != sizeof(told) || told == 0) {
        bench_die("the smallest server does not start");
    }
    (void)close(ends[0]);
    *port = told;
    return pid;
}

/* ---- rounds ---- */

/* Processor time of a process with one thread, from the scheduler. */
static double cpu_ns(pid_t pid)
{
    char path[64];
    double ns = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)pid);
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%lf", &ns) != 1) {
        bench_die("cannot read schedstat");
    }
    (void)fclose(file);
    return ns;
}

struct pace {
    double per_second;
    double cpu_us; /* for an answer */
};

static struct pace load(pid_t pid, unsigned port, struct str request, uint64_t span_ns)
{
    double begin = cpu_ns(pid);
    struct pace p = { .per_second = bench_load(port, request, CONNECTIONS, span_ns) };
    double answers = p.per_second * (double)span_ns / (double)NS_PER_S;
    p.cpu_us = (cpu_ns(pid) - begin) / answers / (double)NS_PER_US;
    return p;
}

static void compare_front(const struct bench_mock *mock, struct str request, unsigned rounds,
                          uint64_t span_ns)
{
    double ours[ROUNDS_MAX];
    double theirs[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    double cpu[ROUNDS_MAX];
    unsigned port;
    pid_t pid = start_smallest(&port);
    for (unsigned i = 0; i < rounds; i++) {
        struct pace small = load(pid, port, request, span_ns);
        struct pace mocked = load(mock->child.pid, mock->port, request, span_ns);
        theirs[i] = small.per_second;
        ours[i] = mocked.per_second;
        ratios[i] = ours[i] / theirs[i];
        cpu[i] = mocked.cpu_us / small.cpu_us;
    }
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    (void)printf(
        "GET from %u connections: mockchroma %.0f/s, libmicrohttpd %.0f/s, ratio %.2f (aim 0.7); "
        "processor time an answer, ratio %.2f\n",
        CONNECTIONS, bench_median(ours, rounds), bench_median(theirs, rounds), bench_median(ratios, rounds),
        bench_median(cpu, rounds));
}

static void compare_faults(const struct bench_mock *mock, const char *what, struct str request,
                           unsigned rounds, uint64_t span_ns)
{
    double without[ROUNDS_MAX];
    double beside[ROUNDS_MAX];
    double ratios[ROUNDS_MAX];
    struct bench_client control;
    bench_client_init(&control, mock->control_port);
    for (unsigned i = 0; i < rounds; i++) {
        /* Each first in every second round: what the machine does otherwise falls on both. */
        for (unsigned turn = 0; turn < 2; turn++) {
            if ((turn + i) % 2 == 0) {
                without[i] = load(mock->child.pid, mock->port, request, span_ns).cpu_us;
            } else {
                bench_must(&control, "POST", "/faults", STR(faults), 201);
                beside[i] = load(mock->child.pid, mock->port, request, span_ns).cpu_us;
                bench_must(&control, "DELETE", "/faults", STR(""), 200);
            }
        }
        ratios[i] = beside[i] / without[i];
    }
    bench_client_deinit(&control);
    (void)printf("%s, processor time an answer: %.2f us, beside idle faults %.2f us, ratio %.3f (aim 1.02)\n",
                 what, bench_median(without, rounds), bench_median(beside, rounds),
                 bench_median(ratios, rounds));
}

int main(int argc, char **argv)
{
    static struct bench_mock mock;
    uint64_t rounds = 21;
    uint64_t span_ms = 300;
    if (argc < 3 || argc > 5 || (argc > 3 && units_parse_u64(str_of(argv[3]), &rounds, NULL) != 0) ||
        (argc > 4 && units_parse_u64(str_of(argv[4]), &span_ms, NULL) != 0) || rounds == 0 ||
        rounds > ROUNDS_MAX) {
        bench_die("usage: bench_mock_front BIN DIR [ROUNDS [MILLISECONDS]]");
    }
    struct bench_client client;
    struct buf get;
    struct buf add;
    struct buf body;
    char path[300];
    size_t limit = (size_t)1 << 20;
    buf_init(&get, limit);
    buf_init(&add, limit);
    buf_init(&body, limit);
    bench_mock_start(&mock, "mock", argv[1], argv[2], "none");
    bench_request(&get, "GET", "/api/v2/version", STR(""));
    compare_front(&mock, buf_str(&get), (unsigned)rounds, span_ms * NS_PER_MS);
    compare_faults(&mock, "GET", buf_str(&get), (unsigned)rounds, span_ms * NS_PER_MS);
    bench_client_init(&client, mock.port);
    bench_collection(&client, "films", path, sizeof(path) - sizeof("/add"));
    bench_client_deinit(&client);
    (void)strcat(path, "/add");
    bench_put_records(&body, 0, 1, NUMBERS, 500);
    bench_request(&add, "POST", path, buf_str(&body));
    compare_faults(&mock, "add", buf_str(&add), (unsigned)rounds, span_ms * NS_PER_MS);
    child_deinit(&mock.child);
    buf_deinit(&get);
    buf_deinit(&add);
    buf_deinit(&body);
    return 0;
}
