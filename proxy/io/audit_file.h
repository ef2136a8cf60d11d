/* AUDIT_LOG: the audit trail in a file, written by a thread of its own so that no disk holds up the loop.
 *
 * Lines are appended and synced as they come.  A new file begins with each day (UTC) and at 16 MiB: the old
 * one gets the time of that moment as a suffix (audit.log.2026-11-23T23-59-59.123Z), and the oldest of them
 * beyond AUDIT_RETAIN are removed.  Files have mode 0600.
 *
 * How it fails: actions go on (fail-open: an operator at 3 a.m. must be able to act although a disk is full).
 * Lines wait in memory, 1 MiB of them, and are tried again with each new line and each second; what does not
 * fit is lost and counted.  audit_file_state tells, for the log and for /status. */
#ifndef WALDRILL_PROXY_IO_AUDIT_FILE_H
#define WALDRILL_PROXY_IO_AUDIT_FILE_H

#include "base/error.h"
#include "base/str.h"
#include <stdbool.h>
#include <stdint.h>

struct audit_file;

struct audit_state {
    bool failed;   /* the last attempt to write */
    char why[160]; /* of that, or of a rotation that did not work; "" = all is well */
    uint64_t lost; /* lines, since it was opened */
};

/* rotate_bytes 0: as above.  ERR_IO when it cannot be opened or is no plain file. */
int audit_file_open(struct audit_file **out, const char *path, uint64_t retain, uint64_t rotate_bytes,
                    struct errmsg *msg);
/* Takes note; never waits for the disk. */
void audit_file_line(struct audit_file *a, struct str line);
void audit_file_state(struct audit_file *a, struct audit_state *out);
/* Before the next line: the file of that name, which may be another one now (log rotation by others). */
void audit_file_reopen(struct audit_file *a);
/* Writes what waits (once) and ends the thread.  NULL allowed. */
void audit_file_close(struct audit_file *a);

#endif
