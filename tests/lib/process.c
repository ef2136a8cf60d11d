#include "tests/lib/process.h"

#include "base/memory.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct process {
    pid_t pid;
    int out_fd;
    int err_fd;
    char *out;
    size_t out_size;
    char *err;
    bool ended;
    int status;
};

long long test_now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void child_exec(const char *const argv[], const char *const env[], const char *directory, int out,
                       int err)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (directory != NULL && chdir(directory) != 0) {
        _exit(127);
    }
    for (size_t i = 0; env != NULL && env[i] != NULL; i++) {
        if (putenv(mem_strdup(env[i])) != 0) {
            _exit(127);
        }
    }
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
        _exit(127);
    }
    char *arguments[64];
    size_t n = 0;
    while (argv[n] != NULL && n < 63) {
        arguments[n] = mem_strdup(argv[n]);
        n++;
    }
    arguments[n] = NULL;
    (void)execv(arguments[0], arguments);
    (void)dprintf(2, "cannot start %s: %s\n", arguments[0], strerror(errno));
    _exit(127);
}

struct process *process_spawn(const char *const argv[], const char *const env[], const char *directory)
{
    int pipes[2];
    int err = memfd_create("stderr", MFD_CLOEXEC);
    if (err < 0) {
        return NULL;
    }
    if (pipe2(pipes, O_CLOEXEC) != 0) {
        (void)close(err);
        return NULL;
    }
    (void)fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        child_exec(argv, env, directory, pipes[1], err);
    }
    (void)close(pipes[1]);
    if (pid < 0) {
        (void)close(pipes[0]);
        (void)close(err);
        return NULL;
    }
    (void)fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    struct process *p = mem_alloc(sizeof(*p));
    p->pid = pid;
    p->out_fd = pipes[0];
    p->err_fd = err;
    p->out = mem_alloc(1);
    return p;
}

pid_t process_pid(const struct process *p)
{
    return p->pid;
}

/* Takes what the pipe holds; false at its end. */
static bool take_output(struct process *p)
{
    char chunk[4096];
    for (;;) {
        ssize_t n = read(p->out_fd, chunk, sizeof(chunk));
        if (n > 0) {
            p->out = mem_realloc(p->out, p->out_size + (size_t)n + 1);
            memcpy(p->out + p->out_size, chunk, (size_t)n);
            p->out_size += (size_t)n;
            p->out[p->out_size] = '\0';
            continue;
        }
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    }
}

static bool find_line(const struct process *p, const char *prefix, char *rest, size_t size)
{
    size_t length = strlen(prefix);
    for (const char *line = p->out; line != NULL && *line != '\0';) {
        const char *end = strchr(line, '\n');
        if (end == NULL) {
            return false;
        }
        if (strncmp(line, prefix, length) == 0) {
            if (rest != NULL) {
                (void)snprintf(rest, size, "%.*s", (int)(end - line) - (int)length, line + length);
            }
            return true;
        }
        line = end + 1;
    }
    return false;
}

bool process_wait_line(struct process *p, const char *prefix, char *rest, size_t size, int bound_ms)
{
    long long until = test_now_ms() + bound_ms;
    for (;;) {
        bool open = take_output(p);
        if (find_line(p, prefix, rest, size)) {
            return true;
        }
        long long left = until - test_now_ms();
        if (!open || left <= 0) {
            return false;
        }
        struct pollfd poll_fd = { p->out_fd, POLLIN, 0 };
        (void)poll(&poll_fd, 1, (int)left);
    }
}

const char *process_stdout(struct process *p)
{
    (void)take_output(p);
    return p->out;
}

const char *process_stderr(struct process *p)
{
    struct stat status;
    if (fstat(p->err_fd, &status) != 0) {
        return "";
    }
    size_t size = (size_t)status.st_size;
    p->err = mem_realloc(p->err, size + 1);
    ssize_t n = pread(p->err_fd, p->err, size, 0);
    p->err[n < 0 ? 0 : n] = '\0';
    return p->err;
}

bool process_alive(struct process *p)
{
    if (!p->ended && waitpid(p->pid, &p->status, WNOHANG) == p->pid) {
        p->ended = true;
    }
    return !p->ended;
}

/* A file in memory cannot be polled for growth, so this looks every few milliseconds. */
static void pause_briefly(void)
{
    (void)poll(NULL, 0, 5);
}

bool process_wait_stderr(struct process *p, const char *text, int bound_ms)
{
    long long until = test_now_ms() + bound_ms;
    for (;;) {
        bool alive = process_alive(p);
        if (strstr(process_stderr(p), text) != NULL) {
            return true;
        }
        if (!alive || test_now_ms() >= until) {
            return false;
        }
        pause_briefly();
    }
}

void process_signal(struct process *p, int number)
{
    if (process_alive(p)) {
        (void)kill(p->pid, number);
    }
}

int process_wait(struct process *p, int bound_ms)
{
    long long until = test_now_ms() + bound_ms;
    while (process_alive(p)) {
        (void)take_output(p);
        if (test_now_ms() >= until) {
            return -1;
        }
        pause_briefly();
    }
    return WIFEXITED(p->status) ? WEXITSTATUS(p->status) : 128 + WTERMSIG(p->status);
}

void process_free(struct process *p)
{
    if (p == NULL) {
        return;
    }
    if (process_alive(p)) {
        (void)kill(p->pid, SIGKILL);
        (void)waitpid(p->pid, &p->status, 0);
    }
    (void)close(p->out_fd);
    (void)close(p->err_fd);
    mem_free(p->out);
    mem_free(p->err);
    mem_free(p);
}

int process_run(const char *const argv[], const char *const env[], char *out, size_t out_size, char *err,
                size_t err_size, int bound_ms)
{
    struct process *p = process_spawn(argv, env, NULL);
    if (p == NULL) {
        return -1;
    }
    int status = process_wait(p, bound_ms);
    if (out != NULL) {
        (void)snprintf(out, out_size, "%s", process_stdout(p));
    }
    if (err != NULL) {
        (void)snprintf(err, err_size, "%s", process_stderr(p));
    }
    process_free(p);
    return status;
}

bool temp_dir_make(char *path, size_t size)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(path, size, "%s/waldrill-XXXXXX", base == NULL || base[0] == '\0' ? "/tmp" : base);
    return n > 0 && (size_t)n < size && mkdtemp(path) != NULL;
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status;
    (void)flag;
    (void)walk;
    return remove(path);
}

void temp_dir_remove(const char *path)
{
    (void)chmod(path, 0700);
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

unsigned free_port(void)
{
    for (unsigned tries = 0; tries < 100; tries++) {
        uint16_t drawn = 0;
        (void)getrandom(&drawn, sizeof(drawn), 0); /* it cannot fail for two bytes */
        unsigned port = 20000u + drawn % 12000u;
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr = { htonl(INADDR_LOOPBACK) } };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool free = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        if (fd >= 0) {
            (void)close(fd);
        }
        if (free) {
            return port;
        }
    }
    return 0;
}
