#include "proxy/io/handover.h"

#include "base/memory.h"
#include "proxy/io/log_dir.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME            "handover"
#define UNFINISHED_NAME "handover.unfinished"
#define SEGMENT_BYTES   ((uint64_t)8 << 20)

static char *path_of(const char *wal_dir, const char *name)
{
    size_t size = strlen(wal_dir) + strlen(name) + 2;
    char *path = mem_alloc(size);
    (void)snprintf(path, size, "%s/%s", wal_dir, name);
    return path;
}

static int fail(struct errmsg *msg, const char *what, const char *wal_dir, const char *name)
{
    char space[128];
    return error_set(msg, ERR_IO, "%s %s/%s: %s", what, wal_dir, name,
                     strerror_r(errno, space, sizeof(space)));
}

bool handover_is_there(const char *wal_dir)
{
    char *path = path_of(wal_dir, NAME);
    bool there = access(path, F_OK) == 0;
    mem_free(path);
    return there;
}

/* ---- the directory itself ---- */

static int open_wal_dir(const char *wal_dir)
{
    return open(wal_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Nothing is left of an unfinished one; it may not have been there. */
static int remove_unfinished(const char *wal_dir, struct errmsg *msg)
{
    char *path = path_of(wal_dir, UNFINISHED_NAME);
    DIR *stream = opendir(path);
    mem_free(path);
    if (stream == NULL) {
        return errno == ENOENT ? 0 : fail(msg, "list", wal_dir, UNFINISHED_NAME);
    }
    bool ok = true;
    /* On a stream of one's own readdir is safe; readdir_r is deprecated. */
    /* cppcheck-suppress readdirCalled */
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        bool self = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        ok = (self || unlinkat(dirfd(stream), entry->d_name, 0) == 0) && ok;
    }
    (void)closedir(stream);
    int fd = open_wal_dir(wal_dir);
    ok = ok && fd >= 0 && unlinkat(fd, UNFINISHED_NAME, AT_REMOVEDIR) == 0;
    int rc = ok ? 0 : fail(msg, "remove", wal_dir, UNFINISHED_NAME);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static int rename_durably(const char *wal_dir, const char *from, const char *to, struct errmsg *msg)
{
    int fd = open_wal_dir(wal_dir);
    bool ok = fd >= 0 && renameat(fd, from, fd, to) == 0 && fsync(fd) == 0;
    int rc = ok ? 0 : fail(msg, "rename or sync", wal_dir, from);
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* ---- writing ---- */

static int write_segment(struct log_dir *dir, uint64_t sequence, const struct buf *bytes, struct errmsg *msg)
{
    struct wal_op ops[] = {
        { .kind = WAL_OP_CREATE },
        { .kind = WAL_OP_WRITE, .bytes = bytes->data, .size = bytes->size },
        { .kind = WAL_OP_SYNC },
    };
    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        wal_segment_name(sequence, ops[i].name);
    }
    struct wal_job job = { .kind = WAL_JOB_COMMIT, .ops = ops, .op_count = sizeof(ops) / sizeof(ops[0]) };
    return log_dir_execute_job(dir, &job, msg);
}

static int write_segments(struct log_dir *dir, const struct memory_log *log, struct errmsg *msg)
{
    uint64_t log_id = 0;
    if (getrandom(&log_id, sizeof(log_id), 0) != (ssize_t)sizeof(log_id)) {
        return error_set(msg, ERR_IO, "no randomness");
    }
    struct buf bytes;
    buf_init(&bytes, WAL_FILE_BYTES_MAX);
    uint64_t next_lsn = 0;
    int rc = 0;
    for (uint64_t sequence = 1; rc == 0; sequence++) {
        buf_clear(&bytes);
        if (!memory_log_segment(log, log_id | 1, sequence, SEGMENT_BYTES, &next_lsn, &bytes)) {
            break;
        }
        rc = bytes.failed ? error_set(msg, ERR_NOMEM, "no memory for a segment")
                          : write_segment(dir, sequence, &bytes, msg);
    }
    buf_deinit(&bytes);
    struct wal_op sync = { .kind = WAL_OP_SYNC_DIR };
    return rc == 0 ? log_dir_execute(dir, &sync, msg) : rc;
}

int handover_write(const char *wal_dir, const struct memory_log *log, struct errmsg *msg)
{
    int rc = handover_discard(wal_dir, msg);
    if (rc != 0) {
        return rc;
    }
    struct log_dir *dir = NULL;
    char *path = path_of(wal_dir, UNFINISHED_NAME);
    rc = log_dir_open(&dir, path, LOG_DIR_WRITE, msg);
    mem_free(path);
    if (rc == 0) {
        rc = write_segments(dir, log, msg);
    }
    log_dir_close(dir);
    if (rc == 0) {
        rc = rename_durably(wal_dir, UNFINISHED_NAME, NAME, msg);
    }
    if (rc != 0) {
        struct errmsg another;
        (void)remove_unfinished(wal_dir, &another); /* what went wrong first is what is told */
    }
    return rc;
}

/* ---- reading ---- */

int handover_read(const char *wal_dir, wal_record_cb *each, void *context, struct errmsg *msg)
{
    struct log_dir *dir = NULL;
    char *path = path_of(wal_dir, NAME);
    int rc = log_dir_open(&dir, path, LOG_DIR_READ, msg);
    if (rc == 0) {
        /* The id and size matter only to a log that is begun, which does not happen here. */
        struct wal_writer_options options = { .segment_bytes = WAL_SEGMENT_BYTES_MIN, .log_id = 1 };
        struct wal_writer *w = wal_writer_new(&options);
        struct wal_source source = log_dir_source(dir);
        struct wal_recovery found = { 0 };
        rc = wal_writer_recover(w, &source, each, context, &found, msg);
        if (rc == 0 && found.torn) { /* it was whole when it got its name */
            rc = error_set(msg, ERR_DAMAGED, "%s", found.torn_text);
        }
        wal_writer_free(w);
    }
    log_dir_close(dir);
    rc = error_wrap(msg, rc, "%s", path);
    mem_free(path);
    return rc;
}

int handover_discard(const char *wal_dir, struct errmsg *msg)
{
    int rc = remove_unfinished(wal_dir, msg);
    if (rc == 0 && handover_is_there(wal_dir)) {
        rc = rename_durably(wal_dir, NAME, UNFINISHED_NAME, msg);
        if (rc == 0) {
            rc = remove_unfinished(wal_dir, msg);
        }
    }
    return rc;
}
