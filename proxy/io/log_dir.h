/* The directory a log lives in: the one place where the log touches files.  Executes the operations of
 * proxy/wal/writer.h, short writes and interrupted calls included, and reads segments for recovery.
 *
 * One thread at a time.  A sync that failed is never repeated: what the kernel did with the pages is
 * not known (it may have marked them clean), so the writer stops and the next start reads the disk. */
#ifndef WALDRILL_PROXY_IO_LOG_DIR_H
#define WALDRILL_PROXY_IO_LOG_DIR_H

#include "base/error.h"
#include "proxy/wal/writer.h"
#include <stdbool.h>

struct log_dir;

enum log_dir_mode {
    LOG_DIR_WRITE, /* made when missing, locked for this process alone */
    LOG_DIR_READ,  /* as it is, without the lock: a walproxy may be writing to it */
};

int log_dir_open(struct log_dir **out, const char *path, enum log_dir_mode mode, struct errmsg *msg);
void log_dir_close(struct log_dir *dir); /* NULL allowed; gives the lock back */
/* Valid while dir is.  In LOG_DIR_WRITE, read of the last segment first brings what is in the cache to
 * the disk and then reads past the cache. */
struct wal_source log_dir_source(struct log_dir *dir);
/* Asked before each operation; file_bytes is the size of its file, 0 when there is none.  0 = carry it out,
 * LOG_DIR_LEAVE = say that it is done, else the errno with which it fails.  For a harness whose disk is sick.
 */
#define LOG_DIR_LEAVE (-1)
typedef int log_dir_guard(void *context, const struct wal_op *op, uint64_t file_bytes);
void log_dir_set_guard(struct log_dir *dir, log_dir_guard *guard, void *context);
/* 0, or ERR_IO with the system's reason in msg. */
int log_dir_execute(struct log_dir *dir, const struct wal_op *op, struct errmsg *msg);
/* Executes a job's operations up to the first that fails. */
int log_dir_execute_job(struct log_dir *dir, const struct wal_job *job, struct errmsg *msg);

#endif
