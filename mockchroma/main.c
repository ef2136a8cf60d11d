/* mockchroma: parses the options, builds the server, runs the loop until it is told to stop. */
#include "base/memory.h"
#include "base/units.h"
#include "mockchroma/io/control.h"
#include "mockchroma/io/options.h"
#include "mockchroma/io/server.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_ENVIRONMENT = 4 };

struct program {
    struct options options;
    struct mock *mock;
    struct journal_log *journal;
    struct server *server;
    struct control *control;
    int epoll_fd;
    int signal_fd;
};

static int print_text(void (*write_text)(struct buf *out))
{
    struct buf out;
    buf_init(&out, (size_t)1024 * 1024);
    write_text(&out);
    (void)fputs(buf_text(&out), stdout);
    buf_deinit(&out);
    return 0;
}

static int complain(const struct errmsg *msg, int status)
{
    (void)fprintf(stderr, "mockchroma: %s\n", msg->text);
    return status;
}

static int watch(struct program *p, int fd)
{
    struct epoll_event ev = { .events = EPOLLIN };
    return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

static int open_program(struct program *p, struct errmsg *msg)
{
    sigset_t signals;
    struct server_options where = { .host = p->options.host,
                                    .port = p->options.port,
                                    .max_body_bytes = p->options.mock.max_body_bytes };
    if (p->options.upstream != NULL) {
        where.upstream = &p->options.upstream_address;
    }
    p->options.mock.epoch_ns = (uint64_t)server_start_wall_ms() * NS_PER_MS;
    p->mock = mock_new(&p->options.mock, msg);
    if (p->mock == NULL) {
        return ERR_INVALID;
    }
    p->journal = journal_log_new();
    mock_set_journal(p->mock, journal_log_take, p->journal);
    p->server = server_new(p->mock, &where, msg);
    if (p->server == NULL) {
        return ERR_IO;
    }
    p->control =
        control_new(p->mock, p->server, p->journal, p->options.control_host, p->options.control_port, msg);
    if (p->control == NULL) {
        return error_wrap(msg, ERR_IO, "control API");
    }
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    p->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (p->signal_fd < 0 || p->epoll_fd < 0 || watch(p, p->signal_fd) != 0 ||
        watch(p, server_epoll_fd(p->server)) != 0 || watch(p, control_epoll_fd(p->control)) != 0) {
        return error_set(msg, ERR_IO, "epoll: %s", strerror(errno));
    }
    return 0;
}

static void close_program(struct program *p)
{
    control_free(p->control);
    server_free(p->server);
    mock_free(p->mock);
    journal_log_free(p->journal);
    if (p->epoll_fd >= 0) {
        (void)close(p->epoll_fd);
    }
    if (p->signal_fd >= 0) {
        (void)close(p->signal_fd);
    }
}

static int announce(const struct program *p, struct errmsg *msg)
{
    unsigned port = server_port(p->server);
    unsigned control = control_port(p->control);
    if (p->options.port_file != NULL) {
        FILE *f = fopen(p->options.port_file, "we");
        if (f == NULL || fprintf(f, "%u %u\n", port, control) < 0 || fclose(f) != 0) {
            return error_set(msg, ERR_IO, "--port-file %s: %s", p->options.port_file, strerror(errno));
        }
    }
    (void)printf("listening http://%s:%u control http://%s:%u\n", p->options.host, port,
                 p->options.control_host, control);
    (void)fflush(stdout);
    return 0;
}

static bool stop_asked(const struct program *p)
{
    struct signalfd_siginfo info;
    return read(p->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

static void run(const struct program *p)
{
    struct epoll_event events[4];
    while (!stop_asked(p)) {
        (void)server_run(p->server);
        control_run(p->control);
        uint64_t wait = server_wait_ns(p->server);
        uint64_t control = control_wait_ns(p->control);
        wait = control < wait ? control : wait;
        struct timespec t = { .tv_sec = (time_t)(wait / NS_PER_S), .tv_nsec = (long)(wait % NS_PER_S) };
        (void)epoll_pwait2(p->epoll_fd, events, 4, wait == UINT64_MAX ? NULL : &t, NULL);
    }
}

int main(int argc, char **argv)
{
    struct program p = { .epoll_fd = -1, .signal_fd = -1 };
    struct errmsg msg = { "" };
    int status = 0;
    mem_keep_for_reuse();
    if (options_parse(argc, argv, &p.options, &msg) != 0) {
        return complain(&msg, EXIT_USAGE);
    }
    switch (p.options.what) {
        case OPTIONS_HELP:
            return print_text(options_help);
        case OPTIONS_HELP_FAULTS:
            return print_text(mock_fault_manual);
        case OPTIONS_VERSION:
            (void)printf("mockchroma %s\n", WALDRILL_VERSION);
            return 0;
        case OPTIONS_RUN:
            break;
    }
    server_clock_start(p.options.mock.time_scale);
    if (open_program(&p, &msg) != 0 || announce(&p, &msg) != 0) {
        status = complain(&msg, EXIT_ENVIRONMENT);
    } else {
        run(&p);
    }
    close_program(&p);
    return status;
}
