/* A fork that holds one end of a pipe and waits.  In a session of its own it survives the terminal, Ctrl-C
 * and SIGKILL of waldrill; the kernel closes the other end whatever waldrill dies of.  A byte before the end
 * says that there is nothing left to do.
 *
 * It heals as everybody does (heal.c), and reads from the notes beside the lock what was stopped.  While the
 * balancer has not noticed yet that its instances are back, removing collections takes its time; the bounds
 * are heal.c's.  When even the watchdog is killed, leases end the faults, and the notes make the next
 * rehearsal ask for `waldrill heal`. */
#include "harness/target/keeper.h"

#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KEEPER_WORDS ((size_t)1 << 20)

static void keeper_heal(const struct target_file *file, const char *mark, const char *work_dir,
                        const struct target_lock *lock)
{
    struct hurt *hurts = hurts_new(file, work_dir);
    struct buf told;
    struct buf trouble;
    buf_init(&told, KEEPER_WORDS);
    buf_init(&trouble, KEEPER_WORDS);
    struct heal heal = { .file = file, .mark = mark, .hurts = hurts, .told = &told, .trouble = &trouble };
    lock_stopped(lock, heal.stopped);
    heal_places(&heal);
    heal_collections(&heal);
    heal_letters(&heal);
    (void)dprintf(STDERR_FILENO, "waldrill is gone; healing\n%s%s", buf_text(&told), buf_text(&trouble));
    if (trouble.size == 0) {
        lock_clear(lock);
    }
    buf_deinit(&told);
    buf_deinit(&trouble);
    mem_free(hurts);
}

static _Noreturn void keeper_live(const struct target_file *file, const char *mark, const char *work_dir,
                                  const struct target_lock *lock, int fd)
{
    char path[CHILD_PATH];
    char byte;
    ssize_t got;
    (void)setsid();
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    (void)snprintf(path, sizeof(path), "%s/watchdog.log", work_dir);
    int in = open("/dev/null", O_RDONLY);
    int log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
    if (in < 0 || log < 0 || dup2(in, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0) {
        _exit(4);
    }
    for (int other = 3; other < 1024; other++) { /* what others wait for the end of must not hang on us */
        if (other != fd && other != lock->fd) {
            (void)close(other);
        }
    }
    do {
        got = read(fd, &byte, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 0) {
        keeper_heal(file, mark, work_dir, lock);
    }
    _exit(0);
}

int keeper_start(struct keeper *k, const struct target_file *file, const char *mark, const char *work_dir,
                 const struct target_lock *lock, struct errmsg *msg)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set(msg, ERR_IO, "no pipe to a watchdog: %s", strerror(errno));
    }
    k->pid = fork();
    if (k->pid == 0) {
        (void)close(ends[1]);
        keeper_live(file, mark, work_dir, lock, ends[0]);
    }
    (void)close(ends[0]);
    k->fd = ends[1];
    if (k->pid < 0) {
        k->pid = 0;
        (void)close(k->fd);
        return error_set(msg, ERR_IO, "no watchdog: %s", strerror(errno));
    }
    return 0;
}

void keeper_dismiss(struct keeper *k)
{
    int status;
    if (k->pid == 0) {
        return;
    }
    (void)!write(k->fd, "", 1);
    (void)close(k->fd);
    while (waitpid(k->pid, &status, 0) < 0 && errno == EINTR) {
    }
    k->pid = 0;
}
