#include "proxy/io/log_dir.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/units.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_FILES 4 /* the segment being written, a spare, and what replay reads */
#define ZERO_BYTES (64u << 10)
#define FILE_MODE  0600
#define DIR_MODE   0700

struct open_file {
    char name[WAL_NAME_SIZE];
    int fd;
    uint64_t used; /* turn of the last use */
};

struct log_dir {
    char *path;
    enum log_dir_mode mode;
    int fd;
    int lock_fd;
    struct open_file files[OPEN_FILES];
    uint64_t turn;
    log_dir_guard *guard; /* NULL = none */
    void *guard_context;
};

/* strerror is not for threads; the GNU strerror_r gives a text that stays. */
static int fail(struct errmsg *msg, int number, const char *what, const char *name)
{
    char space[128];
    return error_set(msg, ERR_IO, "%s %s: %s", what, name, strerror_r(number, space, sizeof(space)));
}

/* ---- opening and locking ---- */

/* A new directory is of use only if it is still there after a crash. */
static int make_directory(const char *path, struct errmsg *msg)
{
    if (mkdir(path, DIR_MODE) != 0) {
        return errno == EEXIST ? 0 : fail(msg, errno, "make the directory", path);
    }
    char *parent = mem_strdup(path);
    size_t size = strlen(parent);
    while (size > 1 && parent[size - 1] == '/') {
        size--;
    }
    while (size > 0 && parent[size - 1] != '/') {
        size--;
    }
    parent[size] = '\0';
    int fd = open(size == 0 ? "." : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    mem_free(parent);
    int rc = fd < 0 || fsync(fd) != 0 ? fail(msg, errno, "sync the parent of", path) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static int lock_busy(const struct log_dir *dir, struct errmsg *msg)
{
    char pid[32] = "";
    ssize_t size = pread(dir->lock_fd, pid, sizeof(pid) - 1, 0);
    uint64_t number = 0;
    if (size > 0 && units_parse_u64(str_trim(str_make(pid, (size_t)size)), &number, NULL) == 0) {
        return error_set(msg, ERR_BUSY, "in use by process %llu (it holds %s/%s)", (unsigned long long)number,
                         dir->path, WAL_LOCK_NAME);
    }
    return error_set(msg, ERR_BUSY, "in use by another process (it holds %s/%s)", dir->path, WAL_LOCK_NAME);
}

/* An open-file-description lock: it goes with the process, however that ends, and also keeps out a
 * second log in the same process.  The file holds the pid for the message only. */
static int take_lock(struct log_dir *dir, struct errmsg *msg)
{
    dir->lock_fd = openat(dir->fd, WAL_LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, FILE_MODE);
    if (dir->lock_fd < 0) {
        return fail(msg, errno, "not writable: open", WAL_LOCK_NAME);
    }
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    if (fcntl(dir->lock_fd, F_OFD_SETLK, &lock) != 0) {
        if (errno == EAGAIN || errno == EACCES) {
            return lock_busy(dir, msg);
        }
        return fail(msg, errno, "lock", WAL_LOCK_NAME);
    }
    char pid[32];
    int size = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
    if (ftruncate(dir->lock_fd, 0) != 0 || pwrite(dir->lock_fd, pid, (size_t)size, 0) != size) {
        return fail(msg, errno, "not writable: write", WAL_LOCK_NAME);
    }
    return 0;
}

int log_dir_open(struct log_dir **out, const char *path, enum log_dir_mode mode, struct errmsg *msg)
{
    struct log_dir *dir = mem_alloc(sizeof(*dir));
    *dir = (struct log_dir){ .path = mem_strdup(path), .mode = mode, .fd = -1, .lock_fd = -1 };
    for (size_t i = 0; i < OPEN_FILES; i++) {
        dir->files[i].fd = -1;
    }
    int rc = mode == LOG_DIR_WRITE ? make_directory(path, msg) : 0;
    if (rc == 0) {
        dir->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = dir->fd < 0 ? fail(msg, errno, "open the directory", path) : 0;
    }
    if (rc == 0 && mode == LOG_DIR_WRITE) {
        rc = take_lock(dir, msg);
    }
    if (rc != 0) {
        log_dir_close(dir);
        return error_wrap(msg, rc, "log directory %s", path);
    }
    *out = dir;
    return 0;
}

static void file_close(struct open_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd); /* what counts was synced; close has no news */
    }
    *file = (struct open_file){ .fd = -1 };
}

void log_dir_close(struct log_dir *dir)
{
    if (dir == NULL) {
        return;
    }
    for (size_t i = 0; i < OPEN_FILES; i++) {
        file_close(&dir->files[i]);
    }
    if (dir->lock_fd >= 0) {
        (void)close(dir->lock_fd);
    }
    if (dir->fd >= 0) {
        (void)close(dir->fd);
    }
    mem_free(dir->path);
    mem_free(dir);
}

/* ---- reading for recovery ---- */

static int source_list(void *context, void (*each)(void *each_context, const char *name), void *each_context,
                       struct errmsg *msg)
{
    struct log_dir *dir = context;
    int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (stream == NULL) {
        int number = errno;
        if (fd >= 0) {
            (void)close(fd);
        }
        return fail(msg, number, "list", dir->path);
    }
    errno = 0;
    /* On a stream of one's own readdir is safe; readdir_r is deprecated. */
    /* cppcheck-suppress readdirCalled */
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        each(each_context, entry->d_name);
        errno = 0;
    }
    int number = errno;
    (void)closedir(stream);
    return number == 0 ? 0 : fail(msg, number, "list", dir->path);
}

static int read_fully(int fd, char *into, uint64_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t got = pread(fd, into, (size_t)size, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? errno : ENODATA;
        }
        into += got;
        offset += (uint64_t)got;
        size -= (uint64_t)got;
    }
    return 0;
}

/* The last segment may hold bytes that only the cache has: after a kill they are good and are synced
 * here; after a failed sync the cache may show as clean what never reached the disk, so it is dropped. */
static int read_past_cache(int fd)
{
    if (fdatasync(fd) != 0) {
        return errno;
    }
    return posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

static int source_read(void *context, const char *name, bool last, struct buf *out, struct errmsg *msg)
{
    struct log_dir *dir = context;
    bool writing = dir->mode == LOG_DIR_WRITE;
    int fd = openat(dir->fd, name, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return fail(msg, errno, "open", name);
    }
    struct stat st;
    int number = fstat(fd, &st) != 0 ? errno : 0;
    if (number == 0 && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size >= WAL_FILE_BYTES_MAX)) {
        number = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
    }
    if (number == 0 && writing && last) {
        number = read_past_cache(fd);
    }
    if (number == 0 && st.st_size > 0) {
        char *into = buf_reserve(out, (size_t)st.st_size);
        number = into == NULL ? ENOMEM : read_fully(fd, into, (uint64_t)st.st_size, 0);
        out->size += number == 0 ? (size_t)st.st_size : 0;
    }
    (void)close(fd);
    return number == 0 ? 0 : fail(msg, number, "read", name);
}

struct wal_source log_dir_source(struct log_dir *dir)
{
    return (struct wal_source){ .context = dir, .list = source_list, .read = source_read };
}

/* ---- operations ---- */

static struct open_file *file_slot(struct log_dir *dir)
{
    struct open_file *oldest = &dir->files[0];
    for (size_t i = 1; i < OPEN_FILES; i++) {
        if (dir->files[i].used < oldest->used) {
            oldest = &dir->files[i];
        }
    }
    file_close(oldest);
    return oldest;
}

static struct open_file *file_find(struct log_dir *dir, const char *name)
{
    for (size_t i = 0; i < OPEN_FILES; i++) {
        if (dir->files[i].fd >= 0 && strcmp(dir->files[i].name, name) == 0) {
            return &dir->files[i];
        }
    }
    return NULL;
}

/* The open file of that name; -1 with errno. */
static int file_fd(struct log_dir *dir, const char *name, int extra_flags)
{
    struct open_file *file = file_find(dir, name);
    if (file == NULL) {
        file = file_slot(dir);
        file->fd = openat(dir->fd, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | extra_flags, FILE_MODE);
        if (file->fd < 0) {
            return -1;
        }
        memcpy(file->name, name, strlen(name) + 1);
    }
    file->used = ++dir->turn;
    return file->fd;
}

static int write_fully(int fd, const char *bytes, uint64_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t put = pwrite(fd, bytes, (size_t)size, (off_t)offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return put < 0 ? errno : ENOSPC;
        }
        bytes += put;
        offset += (uint64_t)put;
        size -= (uint64_t)put;
    }
    return 0;
}

/* Written, not fallocated: a file with unwritten extents syncs half as fast (performance.md). */
static int zero_fully(int fd, uint64_t size, uint64_t offset)
{
    static const char zeros[ZERO_BYTES];
    int number = 0;
    while (size > 0 && number == 0) {
        uint64_t part = size < sizeof(zeros) ? size : sizeof(zeros);
        number = write_fully(fd, zeros, part, offset);
        offset += part;
        size -= part;
    }
    return number;
}

static int rename_file(struct log_dir *dir, const struct wal_op *op)
{
    if (renameat2(dir->fd, op->name, dir->fd, op->to, RENAME_NOREPLACE) != 0) {
        /* Not every file system knows the flag; the writer never reuses a name anyway. */
        if (errno != EINVAL || renameat(dir->fd, op->name, dir->fd, op->to) != 0) {
            return errno;
        }
    }
    struct open_file *file = file_find(dir, op->name);
    if (file != NULL) {
        memcpy(file->name, op->to, WAL_NAME_SIZE);
    }
    return 0;
}

static int unlink_file(struct log_dir *dir, const struct wal_op *op)
{
    struct open_file *file = file_find(dir, op->name);
    if (file != NULL) {
        file_close(file);
    }
    return unlinkat(dir->fd, op->name, 0) == 0 ? 0 : errno;
}

static int execute(struct log_dir *dir, const struct wal_op *op)
{
    if (op->kind == WAL_OP_RENAME) {
        return rename_file(dir, op);
    }
    if (op->kind == WAL_OP_UNLINK) {
        return unlink_file(dir, op);
    }
    if (op->kind == WAL_OP_SYNC_DIR) {
        return fsync(dir->fd) == 0 ? 0 : errno;
    }
    int fd = file_fd(dir, op->name, op->kind == WAL_OP_CREATE ? O_CREAT | O_EXCL : 0);
    if (fd < 0) {
        return errno;
    }
    if (op->kind == WAL_OP_WRITE) {
        return write_fully(fd, op->bytes, op->size, op->offset);
    }
    if (op->kind == WAL_OP_ZERO) {
        return zero_fully(fd, op->size, op->offset);
    }
    if (op->kind == WAL_OP_READ) {
        return read_fully(fd, op->into, op->size, op->offset);
    }
    if (op->kind == WAL_OP_SYNC) {
        return fdatasync(fd) == 0 ? 0 : errno;
    }
    return 0; /* CREATE */
}

void log_dir_set_guard(struct log_dir *dir, log_dir_guard *guard, void *context)
{
    dir->guard = guard;
    dir->guard_context = context;
}

static int ask_guard(const struct log_dir *dir, const struct wal_op *op)
{
    struct stat info;
    if (dir->guard == NULL) {
        return 0;
    }
    bool there = op->name[0] != '\0' && fstatat(dir->fd, op->name, &info, 0) == 0;
    return dir->guard(dir->guard_context, op, there ? (uint64_t)info.st_size : 0);
}

int log_dir_execute(struct log_dir *dir, const struct wal_op *op, struct errmsg *msg)
{
    static const char *const names[] = {
        "create", "write", "zero", "sync", "rename", "remove", "sync the directory", "read"
    };
    CHECK(dir->mode == LOG_DIR_WRITE);
    int number = ask_guard(dir, op);
    if (number == LOG_DIR_LEAVE) {
        return 0;
    }
    number = number != 0 ? number : execute(dir, op);
    return number == 0 ? 0 : fail(msg, number, names[op->kind], op->name);
}

int log_dir_execute_job(struct log_dir *dir, const struct wal_job *job, struct errmsg *msg)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < job->op_count; i++) {
        rc = log_dir_execute(dir, &job->ops[i], msg);
    }
    return rc;
}
