/* Starting, watching and ending children.
 *
 * stdout and stderr go into files rather than pipes: nobody has to read them for the child to go on, and they
 * are there after a failed run.  PR_SET_PDEATHSIG ends children with the harness even when that is killed; a
 * process group of their own keeps a Ctrl-C at the terminal from ending them before the harness decides. */
#include "harness/real/children.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/str.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_READY_MS 20000
#define CHILD_POLL_MS  5
#define CHILD_TAIL     ((size_t)2000)

void child_wait_ms(int ms)
{
    (void)poll(NULL, 0, ms);
}

int child_init(struct child *c, const char *name, const char *program, const char *directory,
               struct errmsg *msg)
{
    *c = (struct child){ 0 };
    (void)snprintf(c->name, sizeof(c->name), "%s", name);
    int out = snprintf(c->out_path, sizeof(c->out_path), "%s/%s.out", directory, name);
    int log = snprintf(c->log_path, sizeof(c->log_path), "%s/%s.log", directory, name);
    if (out >= CHILD_PATH || log >= CHILD_PATH) {
        return error_set(msg, ERR_INVALID, "the path %s is too long", directory);
    }
    c->argv = mem_alloc_array(CHILD_ARGS + 1, sizeof(*c->argv));
    child_add_arg(c, "%s", program);
    (void)unlink(c->out_path);
    (void)unlink(c->log_path);
    return 0;
}

void child_deinit(struct child *c)
{
    if (c->argv == NULL) {
        return;
    }
    (void)child_end(c, SIGKILL, 0, NULL);
    for (size_t i = 0; i < c->arg_count; i++) {
        mem_free(c->argv[i]);
    }
    mem_free(c->argv);
    c->argv = NULL;
    for (size_t i = 0; i < c->env_count; i++) {
        mem_free(c->env[i]);
    }
    c->env_count = 0;
}

__attribute__((format(printf, 1, 0))) static char *child_text(const char *format, va_list args)
{
    char text[2 * CHILD_PATH];
    int size = vsnprintf(text, sizeof(text), format, args);
    CHECK(size >= 0 && (size_t)size < sizeof(text));
    return mem_strdup(text);
}

void child_add_arg(struct child *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CHECK(c->arg_count < CHILD_ARGS);
    c->argv[c->arg_count++] = child_text(format, args);
    va_end(args);
}

void child_add_env(struct child *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    CHECK(c->env_count < CHILD_ENV);
    c->env[c->env_count++] = child_text(format, args);
    va_end(args);
}

/* The end of a file, terminated. */
static void child_tail(const char *path, long from, char *out, size_t size)
{
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    if (fseek(file, 0, SEEK_END) == 0) {
        long end = ftell(file);
        long start = end - (long)size + 1 > from ? end - (long)size + 1 : from;
        if (start >= 0 && fseek(file, start, SEEK_SET) == 0) {
            out[fread(out, 1, size - 1, file)] = '\0';
        }
    }
    (void)fclose(file);
}

/* The last line that says something. */
static void child_last_words(const struct child *c, char *out, size_t size)
{
    char tail[CHILD_TAIL];
    child_tail(c->log_path, 0, tail, sizeof(tail));
    struct str text = str_trim(str_of(tail));
    size_t start = text.size;
    while (start > 0 && text.data[start - 1] != '\n') {
        start--;
    }
    struct str line = str_make(text.data + start, text.size - start);
    (void)snprintf(out, size, "%.*s", STR_ARGS(line));
}

static _Noreturn void child_become(const struct child *c, pid_t parent)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(127); /* the harness died in between */
    }
    (void)setpgid(0, 0);
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL); /* the harness ignores it, and ignored signals are inherited */
    int in = open("/dev/null", O_RDONLY);
    int out = open(c->out_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    int log = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (in < 0 || out < 0 || log < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(log, 2) < 0) {
        _exit(126);
    }
    (void)close_range(3, ~0U, 0);
    for (size_t i = 0; i < c->env_count; i++) {
        (void)putenv(c->env[i]);
    }
    (void)execv(c->argv[0], c->argv);
    (void)dprintf(2, "%s: %s\n", c->argv[0], strerror(errno));
    _exit(127);
}

static void child_describe(int status, char *out, size_t size)
{
    if (WIFSIGNALED(status)) {
        (void)snprintf(out, size, "was ended by signal %d", WTERMSIG(status));
    } else {
        (void)snprintf(out, size, "ended with status %d", WEXITSTATUS(status));
    }
}

int child_complain(const struct child *c, int status, struct errmsg *msg)
{
    char how[64];
    char words[300];
    child_describe(status, how, sizeof(how));
    child_last_words(c, words, sizeof(words));
    return error_set(msg, ERR_STATE, "%s %s: %s (see %s)", c->name, how,
                     words[0] == '\0' ? "no words" : words, c->log_path);
}

bool child_over(struct child *c, int *status)
{
    if (c->pid == 0 || waitpid(c->pid, status, WNOHANG) != c->pid) {
        return false;
    }
    c->pid = 0;
    return true;
}

int child_check(struct child *c, struct errmsg *msg)
{
    int status;
    if (!child_over(c, &status)) {
        return 0;
    }
    return child_complain(c, status, msg);
}

/* A whole line of this life's output that begins with prefix. */
static bool child_find_line(const struct child *c, const char *prefix, char *line, size_t size)
{
    char text[CHILD_TAIL];
    child_tail(c->out_path, c->out_start, text, sizeof(text));
    struct str rest = str_of(text);
    while (rest.size > 0) {
        const char *end = memchr(rest.data, '\n', rest.size);
        if (end == NULL) {
            return false;
        }
        struct str one = str_make(rest.data, (size_t)(end - rest.data));
        if (str_starts(one, str_of(prefix)) && one.size < size) {
            memcpy(line, one.data, one.size);
            line[one.size] = '\0';
            return true;
        }
        rest = str_make(end + 1, rest.size - one.size - 1);
    }
    return false;
}

int child_begin(struct child *c, struct errmsg *msg)
{
    CHECK(c->pid == 0);
    struct stat info;
    c->out_start = stat(c->out_path, &info) == 0 ? (long)info.st_size : 0;
    c->paused = false;
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        child_become(c, parent);
    }
    if (pid < 0) {
        return error_set(msg, ERR_IO, "%s: fork: %s", c->name, strerror(errno));
    }
    c->pid = pid;
    return 0;
}

int child_start(struct child *c, const char *prefix, char *line, size_t size, struct errmsg *msg)
{
    int rc = child_begin(c, msg);
    if (rc != 0) {
        return rc;
    }
    for (int waited = 0; waited < CHILD_READY_MS; waited += CHILD_POLL_MS) {
        if (child_find_line(c, prefix, line, size)) {
            return 0;
        }
        int rv = child_check(c, msg);
        if (rv != 0) {
            return rv;
        }
        child_wait_ms(CHILD_POLL_MS);
    }
    (void)child_end(c, SIGKILL, 0, NULL);
    return error_set(msg, ERR_TIMEOUT, "%s did not say \"%s\" within %d s (see %s)", c->name, prefix,
                     CHILD_READY_MS / 1000, c->log_path);
}

int child_end(struct child *c, int number, uint64_t bound_ms, struct errmsg *msg)
{
    if (c->pid == 0) {
        return 0;
    }
    int status;
    pid_t got = 0;
    const pid_t group = c->pid;
    if (c->paused && number != SIGKILL) {
        (void)kill(c->pid, SIGCONT);
    }
    (void)kill(c->pid, number);
    for (uint64_t waited = 0; number != SIGKILL && waited < bound_ms; waited += CHILD_POLL_MS) {
        got = waitpid(c->pid, &status, WNOHANG);
        if (got != 0) {
            break;
        }
        child_wait_ms(CHILD_POLL_MS);
    }
    bool in_time = number == SIGKILL || got != 0;
    if (got == 0) {
        (void)kill(c->pid, SIGKILL);
        do {
            got = waitpid(c->pid, &status, 0);
        } while (got < 0 && errno == EINTR);
    }
    (void)kill(-group, SIGKILL); /* a shell's own children; nobody is left with programs of ours */
    c->pid = 0;
    c->paused = false;
    return in_time ? 0 : error_set(msg, ERR_TIMEOUT, "%s did not end in time and was killed", c->name);
}

int child_pause(struct child *c, bool pause, struct errmsg *msg)
{
    if (c->pid == 0) {
        return error_set(msg, ERR_STATE, "%s does not run", c->name);
    }
    if (kill(c->pid, pause ? SIGSTOP : SIGCONT) != 0) {
        return error_set(msg, ERR_IO, "%s: %s", c->name, strerror(errno));
    }
    c->paused = pause;
    return 0;
}
