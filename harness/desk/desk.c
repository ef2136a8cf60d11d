/* The files of the desk, and its processes.
 *
 *   rc               read by the shell at its start
 *   bin/curl         the wrapper
 *   bin/hint, ...    the operator's own commands: each tells its name to the observer
 *   url              where these words go, for `waldrill rehearse --tell`
 *   typed            what was typed: time, exit status and command, each ended by NUL
 *
 * Commands come from PROMPT_COMMAND and the shell's history, so a line counts when it has ended.
 *
 * How it fails: a folder that cannot be written, a shell or curl that is not there: words, and nothing is
 * started.  A shell that ends, by exit, end of input or the end of its terminal, is found by desk_ended. */
#include "harness/desk/desk.h"

#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DESK_PROMPT "[drill] $ "
#define DESK_TEXT   ((size_t)64 << 10)
#define DESK_OUTPUT ((size_t)1 << 20)
#define DESK_ENDING 50 /* looks of 20 ms at a shell that was asked to end */

/* "done" is a word of the shell itself. */
const char *const desk_words[] = { "pager",  "hint",   "guide", "restart-lb", "pause",
                                   "resume", "finish", "abort", NULL };

static const char curl_script[] =
    "#!/bin/bash\n"
    "# The guide's hosts are those of the drill; a drill talks to nobody else.\n"
    "given=()\n"
    "for word in \"$@\"; do\n"
    "    word=\"${word//https:\\/\\/chroma-load-balancer.onrender.com/$LB}\"\n"
    "    word=\"${word//https:\\/\\/chroma-primary.onrender.com/$PRIMARY}\"\n"
    "    word=\"${word//https:\\/\\/chroma-replica.onrender.com/$REPLICA}\"\n"
    "    case \"$word\" in\n"
    "    http://127.0.0.1:* | http://localhost:* | http://\\[::1\\]:*) ;;\n"
    "    http://* | https://* | *.onrender.com*)\n"
    "        \"$WALDRILL_CURL\" -s -o /dev/null --data-raw \"$word\" \"$WALDRILL_DESK/stranger\"\n"
    "        echo \"curl: (6) Could not resolve host: $word (a drill talks to nobody else)\" >&2\n"
    "        exit 6\n"
    "        ;;\n"
    "    esac\n"
    "    given+=(\"$word\")\n"
    "done\n"
    "exec \"$WALDRILL_CURL\" \"${given[@]}\"\n";

static const char word_script[] =
    "#!/bin/bash\n"
    "exec \"$WALDRILL_CURL\" -sS -X POST \"$WALDRILL_DESK/${0##*/}\"\n";

static const char rc_end[] =
    "PS1='" DESK_PROMPT
    "'\n"
    "HISTCONTROL= HISTIGNORE= HISTTIMEFORMAT=\n"
    "unset HISTFILE\n"
    "__waldrill_last=\n"
    "__waldrill_typed() {\n"
    "    local status=$? entry\n"
    "    entry=\"$(history 1)\"\n"
    "    if [[ $entry =~ ^\\ *([0-9]+)\\*?\\ +(.*)$ && ${BASH_REMATCH[1]} != \"$__waldrill_last\" ]]; then\n"
    "        __waldrill_last=\"${BASH_REMATCH[1]}\"\n"
    "        printf '%s\\0%s\\0%s\\0' \"$EPOCHREALTIME\" \"$status\" \"${BASH_REMATCH[2]}\" "
    ">>\"$WALDRILL_TYPED\"\n"
    "    fi\n"
    "    return \"$status\"\n"
    "}\n"
    "PROMPT_COMMAND=__waldrill_typed\n"
    "history -c\n"
    "set -o history\n"; /* from here on, or this file would be among what was typed */

/* ---- files ---- */

__attribute__((format(printf, 3, 4))) static bool path_of(const struct desk *d, char out[DESK_PATH],
                                                          const char *format, ...)
{
    va_list args;
    int size = snprintf(out, DESK_PATH, "%s/", d->directory);
    if (size < 0 || size >= DESK_PATH) {
        return false;
    }
    va_start(args, format);
    int more = vsnprintf(out + size, (size_t)(DESK_PATH - size), format, args);
    va_end(args);
    return more >= 0 && more < DESK_PATH - size;
}

static int write_file(const struct desk *d, const char *name, const char *text, mode_t mode,
                      struct errmsg *msg)
{
    char path[DESK_PATH];
    if (!path_of(d, path, "%s", name)) {
        return error_set(msg, ERR_INVALID, "the path %.200s is too long", d->directory);
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    size_t size = strlen(text);
    bool good = fd >= 0 && write(fd, text, size) == (ssize_t)size;
    good = fd >= 0 && close(fd) == 0 && good;
    return good ? 0 : error_set(msg, ERR_IO, "%.200s: %s", path, strerror(errno));
}

static int make_folder(const char *path, struct errmsg *msg)
{
    return mkdir(path, 0777) == 0 || errno == EEXIST
               ? 0
               : error_set(msg, ERR_IO, "%.200s: %s", path, strerror(errno));
}

/* A program of PATH, by its whole name. */
static bool find_program(const char *name, char out[DESK_PATH])
{
    const char *path = getenv("PATH");
    struct str rest = str_of(path == NULL ? "/usr/bin:/bin" : path);
    while (rest.size > 0) {
        struct str folder = str_cut(rest, ':', &rest);
        int size = snprintf(out, DESK_PATH, "%.*s/%s", STR_ARGS(folder), name);
        if (size > 0 && size < DESK_PATH && access(out, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

/* In single quotes, as a shell reads it back. */
static void put_quoted(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "export %s='", name);
    for (; *value != '\0'; value++) {
        if (*value == '\'') {
            buf_append_text(out, "'\\''");
        } else {
            buf_append_char(out, *value);
        }
    }
    buf_append_text(out, "'\n");
}

/* The variables of the drill, for shells of all kinds. */
static void put_variables(struct buf *out, const struct desk *d, const struct desk_options *o,
                          const char *curl)
{
    static const char *const names[] = { "LB", "PRIMARY", "REPLICA", "WALDRILL_DESK" };
    char text[DESK_PATH];
    for (unsigned i = 0; i < 4; i++) {
        (void)snprintf(text, sizeof(text), "http://127.0.0.1:%u", o->ports[i]);
        put_quoted(out, names[i], i == 2 && !o->has_replica ? "http://127.0.0.1:9" : text);
    }
    put_quoted(out, "WALDRILL_CURL", curl);
    (void)path_of(d, text, "typed"); /* shorter than names that were made of it before */
    put_quoted(out, "WALDRILL_TYPED", text);
    (void)path_of(d, text, "bin");
    put_quoted(out, "WALDRILL_BIN", text);
    put_quoted(out, "WALDRILL_PROGRAMS", o->bin_dir);
    buf_append_text(out, "export PATH=\"$WALDRILL_BIN:$WALDRILL_PROGRAMS:$PATH\"\n");
}

static int write_files(const struct desk *d, const struct desk_options *options, const char *curl,
                       struct errmsg *msg)
{
    struct buf env;
    struct buf rc;
    char url[64];
    char name[64];
    buf_init(&env, DESK_TEXT);
    buf_init(&rc, DESK_TEXT);
    put_variables(&env, d, options, curl);
    buf_printf(&rc,
               "# for the shell of a drill: %s --rcfile FILE, or source FILE\n"
               "if [ -r ~/.bashrc ]; then . ~/.bashrc; fi\n%s%s",
               d->shell, buf_text(&env), rc_end);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u\n", options->ports[3]);
    int rv = write_file(d, "env", buf_text(&env), 0666, msg);
    rv = rv != 0 ? rv : write_file(d, "rc", buf_text(&rc), 0666, msg);
    rv = rv != 0 ? rv : write_file(d, "url", url, 0666, msg);
    rv = rv != 0 ? rv : write_file(d, "typed", "", 0666, msg);
    rv = rv != 0 ? rv : write_file(d, "bin/curl", curl_script, 0777, msg);
    for (size_t i = 0; rv == 0 && desk_words[i] != NULL; i++) {
        (void)snprintf(name, sizeof(name), "bin/%s", desk_words[i]);
        rv = write_file(d, name, word_script, 0777, msg);
    }
    buf_deinit(&env);
    buf_deinit(&rc);
    return rv;
}

int desk_prepare(struct desk *d, const struct desk_options *options, struct errmsg *msg)
{
    char curl[DESK_PATH];
    char bin[DESK_PATH];
    *d = (struct desk){ 0 };
    /* Commands change the folder they are in. */
    int rv = make_folder(options->directory, msg);
    if (rv != 0) {
        return rv;
    }
    if (realpath(options->directory, d->directory) == NULL || strlen(d->directory) + 64 > DESK_PATH ||
        !path_of(d, bin, "bin")) {
        return error_set(msg, ERR_INVALID, "the path %.200s cannot be used", options->directory);
    }
    if (!find_program("curl", curl)) {
        return error_set(msg, ERR_NOT_FOUND, "curl is not in PATH: the guide's commands need it");
    }
    if (options->shell != NULL) {
        (void)snprintf(d->shell, sizeof(d->shell), "%s", options->shell);
    } else if (!find_program("bash", d->shell)) {
        return error_set(msg, ERR_NOT_FOUND, "bash is not in PATH");
    }
    if (access(d->shell, X_OK) != 0) {
        return error_set(msg, ERR_NOT_FOUND, "%.200s: %s", d->shell, strerror(errno));
    }
    rv = make_folder(bin, msg);
    return rv != 0 ? rv : write_files(d, options, curl, msg);
}

/* ---- processes ---- */

static void child_signals(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL); /* the harness ignores it, and ignored signals are inherited */
    (void)signal(SIGTTOU, SIG_DFL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

int desk_open(struct desk *d, struct errmsg *msg)
{
    char rc[DESK_PATH];
    (void)path_of(d, rc, "rc"); /* it was written there */
    pid_t child = fork();
    if (child == 0) {
        child_signals();
        (void)execl(d->shell, d->shell, "--rcfile", rc, "-i", (char *)NULL);
        _exit(127);
    }
    if (child < 0) {
        return error_set(msg, ERR_IO, "no shell could be started: %s", strerror(errno));
    }
    (void)signal(SIGTTOU, SIG_IGN); /* we write on a terminal that is theirs now, whatever its tostop says */
    d->child = child;
    d->interactive = true;
    return 0;
}

void desk_redraw(const struct desk *d)
{
    if (d->child != 0 && d->interactive && tcgetpgrp(STDIN_FILENO) == d->child) { /* no command runs */
        (void)fputs(DESK_PROMPT, stdout);
        (void)fflush(stdout);
    }
}

int desk_run(struct desk *d, const char *command, struct errmsg *msg)
{
    char env[DESK_PATH];
    char output[DESK_PATH];
    (void)path_of(d, env, "env");
    (void)path_of(d, output, "output");
    int out = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (out < 0) {
        return error_set(msg, ERR_IO, "%.200s: %s", output, strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        child_signals();
        (void)setpgid(0, 0);
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
            dup2(out, STDERR_FILENO) < 0) {
            _exit(126);
        }
        (void)setenv("BASH_ENV", env, 1); /* read by the shell, and by the guide's scripts that it starts */
        (void)execl(d->shell, d->shell, "-c", command, (char *)NULL);
        _exit(127);
    }
    (void)close(out);
    if (child < 0) {
        return error_set(msg, ERR_IO, "no command could be started: %s", strerror(errno));
    }
    d->child = child;
    d->interactive = false;
    return 0;
}

bool desk_ended(struct desk *d, int *exit_status)
{
    int status;
    if (d->child == 0 || waitpid(d->child, &status, WNOHANG) != d->child) {
        return false;
    }
    d->child = 0;
    *exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return true;
}

void desk_output(const struct desk *d, struct buf *out)
{
    char path[DESK_PATH];
    char part[4096];
    size_t got;
    (void)path_of(d, path, "output");
    FILE *file = fopen(path, "re");
    while (file != NULL && out->size < DESK_OUTPUT && (got = fread(part, 1, sizeof(part), file)) > 0) {
        buf_append(out, part, got);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
}

/* "1790000000.123456" */
static uint64_t real_ns(const char *text)
{
    char *end;
    uint64_t seconds = strtoull(text, &end, 10);
    uint64_t micros = *end == '.' || *end == ',' ? strtoull(end + 1, NULL, 10) : 0;
    return seconds * 1000000000u + micros * 1000u;
}

bool desk_next(struct desk *d, struct desk_typed *out)
{
    char path[DESK_PATH];
    struct buf text;
    char part[4096];
    size_t got;
    size_t ends[3] = { 0 };
    unsigned found = 0;
    (void)path_of(d, path, "typed");
    FILE *file = fopen(path, "re");
    if (file == NULL || fseek(file, d->typed_at, SEEK_SET) != 0) {
        return file != NULL && fclose(file) == 0 && false;
    }
    buf_init(&text, DESK_OUTPUT);
    while (found < 3 && (got = fread(part, 1, sizeof(part), file)) > 0) {
        for (size_t i = 0; i < got && found < 3; i++) {
            if (part[i] == '\0') {
                ends[found++] = text.size + i;
            }
        }
        buf_append(&text, part, got);
    }
    (void)fclose(file);
    if (found == 3 && !text.failed) {
        out->ended_ns = real_ns(text.data);
        out->exit_status = (int)strtol(text.data + ends[0] + 1, NULL, 10);
        out->command = mem_strdup(text.data + ends[1] + 1);
        d->typed_at += (long)ends[2] + 1;
    }
    found = text.failed ? 0 : found;
    buf_deinit(&text);
    return found == 3;
}

/* What a shell that was killed may have left: another group in front, no echo. */
static void take_terminal_back(void)
{
    if (isatty(STDIN_FILENO) == 1) {
        (void)tcsetpgrp(STDIN_FILENO, getpgrp());
    }
}

void desk_close(struct desk *d)
{
    if (d->child == 0) {
        return;
    }
    int status;
    const bool interactive = d->interactive;
    /* An interactive shell ignores SIGTERM, and passes SIGHUP on to its jobs. */
    (void)kill(interactive ? d->child : -d->child, interactive ? SIGHUP : SIGKILL);
    for (int looks = 0; d->child != 0 && looks < DESK_ENDING; looks++) {
        const struct timespec look = { 0, 20 * 1000000L };
        if (!desk_ended(d, &status)) {
            (void)pselect(0, NULL, NULL, NULL, &look, NULL);
        }
    }
    if (d->child != 0) {
        (void)kill(d->child, SIGKILL);
        while (waitpid(d->child, &status, 0) < 0 && errno == EINTR) {
        }
        d->child = 0;
    }
    if (interactive) {
        take_terminal_back();
    }
}
