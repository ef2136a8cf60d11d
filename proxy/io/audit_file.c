#include "proxy/io/audit_file.h"

#include "base/buf.h"
#include "base/log_line.h"
#include "base/memory.h"
#include "proxy/io/io_clock.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAITING_MAX   (1024u * 1024u)
#define ROTATE_BYTES  (UINT64_C(16) << 20)
#define MS_PER_DAY    INT64_C(86400000)
#define PATH_MAX_OURS 512
#define SUFFIX_SIZE   26 /* ".2026-11-23T23-59-59.123Z" and its end */

struct audit_file {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    /* under the lock */
    struct buf waiting;
    size_t held; /* bytes that the thread is writing */
    bool closing;
    bool reopen;
    struct audit_state state;
    /* the thread's */
    char path[PATH_MAX_OURS];
    uint64_t retain, rotate_bytes;
    int fd;
    uint64_t size;
    int64_t day; /* of the last line in the file */
};

/* ---- the file ---- */

static int open_file(struct audit_file *a)
{
    struct stat st;
    int fd = open(a->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0) {
        return errno;
    }
    int error = fstat(fd, &st) != 0 ? errno : !S_ISREG(st.st_mode) ? EINVAL : 0;
    if (error == 0 && (st.st_mode & 0777) != 0600 && fchmod(fd, 0600) != 0) {
        error = errno;
    }
    if (error != 0) {
        (void)close(fd);
        return error;
    }
    a->fd = fd;
    a->size = (uint64_t)st.st_size;
    a->day = (int64_t)st.st_mtim.tv_sec * 1000 / MS_PER_DAY;
    return 0;
}

/* ---- rotation ---- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Is it "<base>.<time>"?  The times of such names are in the order of their bytes. */
static bool is_old(const char *name, const char *base)
{
    size_t size = strlen(base);
    return strncmp(name, base, size) == 0 && name[size] == '.' && strlen(name + size) == SUFFIX_SIZE - 1 &&
           name[size + SUFFIX_SIZE - 2] == 'Z' && name[size + 11] == 'T';
}

static void remove_oldest(const struct audit_file *a)
{
    char dir[PATH_MAX_OURS];
    char path[PATH_MAX_OURS + 2 + NAME_MAX];
    struct dirent **names = NULL;
    const char *slash = strrchr(a->path, '/');
    const char *base = slash == NULL ? a->path : slash + 1;
    (void)snprintf(dir, sizeof(dir), "%.*s", slash == NULL ? 1 : (int)(slash - a->path + 1),
                   slash == NULL ? "." : a->path);
    int count = scandir(dir, &names, NULL, by_name);
    uint64_t old = 0;
    for (int i = count - 1; i >= 0; i--) {
        old += is_old(names[i]->d_name, base) ? 1 : 0;
        if (is_old(names[i]->d_name, base) && old > a->retain) {
            (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
            (void)unlink(path);
        }
        free(names[i]);
    }
    free(names);
}

/* The name for the file that is done: the time, or the next millisecond that is free. */
static void old_name(const struct audit_file *a, char *out, size_t size)
{
    int64_t now_ms = io_clock_wall_ms();
    do {
        char at[25];
        log_format_time(now_ms++, at);
        for (char *c = at; *c != '\0'; c++) {
            *c = *c == ':' ? '-' : *c;
        }
        (void)snprintf(out, size, "%s.%s", a->path, at);
    } while (access(out, F_OK) == 0);
}

/* An error leaves the old file in use. */
static int rotate(struct audit_file *a)
{
    char old[PATH_MAX_OURS + SUFFIX_SIZE];
    int previous = a->fd;
    old_name(a, old, sizeof(old));
    if (rename(a->path, old) != 0 && errno != ENOENT) {
        return errno;
    }
    int error = open_file(a);
    if (error != 0) {
        a->fd = previous;
        (void)rename(old, a->path);
        return error;
    }
    (void)close(previous);
    remove_oldest(a);
    return 0;
}

/* Sets why when the old file had to be kept in use. */
static void rotate_if_due(struct audit_file *a, char *why, size_t size)
{
    int64_t day = io_clock_wall_ms() / MS_PER_DAY;
    if (a->size == 0 || (a->size < a->rotate_bytes && day <= a->day)) {
        return;
    }
    int error = rotate(a);
    if (error != 0) {
        (void)snprintf(why, size, "rotating: %s", strerror(error));
    }
}

/* ---- the thread ---- */

static void reopen(struct audit_file *a, char *why, size_t size)
{
    int previous = a->fd;
    int error = open_file(a);
    if (error == 0) {
        (void)close(previous);
    } else {
        (void)snprintf(why, size, "opening: %s", strerror(error));
    }
}

/* How much of it was written; all of it is synced then. */
static size_t append(struct audit_file *a, struct str text, bool again, char *why, size_t size)
{
    size_t done = 0;
    if (again) {
        reopen(a, why, size);
    }
    if (text.size == 0) {
        return 0; /* to reopen it, or at the end: a new file begins with a line */
    }
    rotate_if_due(a, why, size);
    while (done < text.size) {
        ssize_t n = write(a->fd, text.data + done, text.size - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            (void)snprintf(why, size, "writing: %s", strerror(errno));
            return done;
        }
        done += (size_t)n;
        a->size += (uint64_t)n;
    }
    a->day = io_clock_wall_ms() / MS_PER_DAY;
    if (fdatasync(a->fd) != 0) {
        (void)snprintf(why, size, "syncing: %s", strerror(errno));
    }
    return done;
}

static void wait_for_lines(struct audit_file *a)
{
    while (a->waiting.size == 0 && !a->closing && !a->reopen) {
        (void)pthread_cond_wait(&a->wake, &a->lock);
    }
    if (a->state.failed && !a->closing) { /* the disk may have room again in a second */
        struct timespec until;
        (void)clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        (void)pthread_cond_timedwait(&a->wake, &a->lock, &until);
    }
}

static void *run(void *context)
{
    struct audit_file *a = context;
    struct buf taken;
    buf_init(&taken, 2 * WAITING_MAX);
    (void)pthread_mutex_lock(&a->lock);
    for (;;) {
        wait_for_lines(a);
        bool last = a->closing;
        bool again = a->reopen;
        a->reopen = false;
        a->held = a->waiting.size;
        buf_append_str(&taken, buf_str(&a->waiting));
        buf_clear(&a->waiting);
        (void)pthread_mutex_unlock(&a->lock);
        char why[sizeof(a->state.why)] = "";
        size_t done = append(a, buf_str(&taken), again, why, sizeof(why));
        (void)pthread_mutex_lock(&a->lock);
        buf_remove_front(&taken, done);
        a->held = 0;
        a->state.failed = taken.size > 0 || why[0] != '\0';
        (void)snprintf(a->state.why, sizeof(a->state.why), "%s", why);
        if (taken.size > 0) { /* what could not be written waits in front of what has come since */
            buf_append_str(&taken, buf_str(&a->waiting));
            buf_clear(&a->waiting);
            buf_append_str(&a->waiting, buf_str(&taken));
            buf_clear(&taken);
        }
        if (last) {
            break;
        }
    }
    (void)pthread_mutex_unlock(&a->lock);
    buf_deinit(&taken);
    return NULL;
}

/* ---- the loop's side ---- */

static void init_lock(struct audit_file *a)
{
    pthread_condattr_t clock;
    (void)pthread_condattr_init(&clock);
    (void)pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&a->lock, NULL);
    (void)pthread_cond_init(&a->wake, &clock);
    (void)pthread_condattr_destroy(&clock);
}

static void release(struct audit_file *a)
{
    (void)pthread_cond_destroy(&a->wake);
    (void)pthread_mutex_destroy(&a->lock);
    buf_deinit(&a->waiting);
    if (a->fd >= 0) {
        (void)close(a->fd);
    }
    mem_free(a);
}

int audit_file_open(struct audit_file **out, const char *path, uint64_t retain, uint64_t rotate_bytes,
                    struct errmsg *msg)
{
    struct audit_file *a = mem_alloc(sizeof(*a));
    a->fd = -1;
    a->retain = retain;
    a->rotate_bytes = rotate_bytes == 0 ? ROTATE_BYTES : rotate_bytes;
    buf_init(&a->waiting, 2 * WAITING_MAX);
    (void)snprintf(a->path, sizeof(a->path), "%s", path);
    init_lock(a);
    int error = open_file(a);
    if (error == 0) {
        error = pthread_create(&a->thread, NULL, run, a);
    }
    if (error != 0) {
        release(a);
        return error_set(msg, ERR_IO, "AUDIT_LOG: \"%.300s\": %s", path,
                         error == EINVAL ? "not a plain file" : strerror(error));
    }
    *out = a;
    return 0;
}

void audit_file_line(struct audit_file *a, struct str line)
{
    (void)pthread_mutex_lock(&a->lock);
    if (a->waiting.size + a->held + line.size > WAITING_MAX) {
        a->state.lost++;
    } else {
        buf_append_str(&a->waiting, line);
    }
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_mutex_unlock(&a->lock);
}

void audit_file_state(struct audit_file *a, struct audit_state *out)
{
    (void)pthread_mutex_lock(&a->lock);
    *out = a->state;
    (void)pthread_mutex_unlock(&a->lock);
}

void audit_file_reopen(struct audit_file *a)
{
    (void)pthread_mutex_lock(&a->lock);
    a->reopen = true;
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_mutex_unlock(&a->lock);
}

void audit_file_close(struct audit_file *a)
{
    if (a == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&a->lock);
    a->closing = true;
    (void)pthread_cond_signal(&a->wake);
    (void)pthread_mutex_unlock(&a->lock);
    (void)pthread_join(a->thread, NULL);
    release(a);
}
