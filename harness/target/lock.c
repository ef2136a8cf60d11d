/* A file in XDG_RUNTIME_DIR (or /tmp) under flock.  The watchdog inherits the lock, so that it is held until
 * whatever was broken has been mended, even when waldrill itself was killed.
 *
 * The notes in it say what was begun: "run", "stop primary", "start primary".  An empty file says that all is
 * well.  A stop is asked for by a second file beside it: no signal is sent to a process id that somebody else
 * may have by now. */
#include "harness/target/lock.h"

#include "harness/real/children.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_POLL_MS 50
#define LOCK_NOTES   4096

static void place(struct target_lock *lock, const struct target_file *file)
{
    const char *folder = getenv("XDG_RUNTIME_DIR");
    folder = folder == NULL || folder[0] != '/' || strlen(folder) > 128 ? "/tmp" : folder;
    (void)snprintf(lock->path, sizeof(lock->path), "%s/waldrill-%u-%.48s.rehearsal", folder,
                   (unsigned)getuid(), file->name);
    (void)snprintf(lock->stop_path, sizeof(lock->stop_path), "%s.stop", lock->path);
}

static size_t read_notes(const struct target_lock *lock, char *out, size_t size)
{
    ssize_t got = pread(lock->fd, out, size - 1, 0);
    out[got < 0 ? 0 : got] = '\0';
    return got < 0 ? 0 : (size_t)got;
}

/* Only a file of our own, not one that another user has put there. */
static int open_own(struct target_lock *lock, struct errmsg *msg)
{
    struct stat info;
    lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock->fd < 0 || fstat(lock->fd, &info) != 0 || info.st_uid != getuid() || !S_ISREG(info.st_mode)) {
        int rv = error_set(msg, ERR_IO, "cannot use %s: %s", lock->path,
                           lock->fd < 0 ? strerror(errno) : "it is not ours");
        lock_release(lock);
        return rv;
    }
    return 0;
}

int lock_take(struct target_lock *lock, const struct target_file *file, bool healing, uint64_t bound_ms,
              struct errmsg *msg)
{
    char notes[LOCK_NOTES];
    place(lock, file);
    int rv = open_own(lock, msg);
    if (rv != 0) {
        return rv;
    }
    for (uint64_t waited = 0; flock(lock->fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_POLL_MS) {
        if (waited >= bound_ms) {
            lock_release(lock);
            return error_set(msg, ERR_BUSY,
                             "a rehearsal against %s is under way on this machine; waldrill heal %s stops it",
                             file->name, file->path);
        }
        child_wait_ms(LOCK_POLL_MS);
    }
    (void)unlink(lock->stop_path);
    if (!healing && read_notes(lock, notes, sizeof(notes)) > 0) {
        lock_release(lock);
        return error_set(msg, ERR_STATE,
                         "an earlier rehearsal against %s ended without mending everything: waldrill heal %s",
                         file->name, file->path);
    }
    return 0;
}

void lock_note(const struct target_lock *lock, const char *what, enum engine_target target)
{
    char line[64];
    int size = snprintf(line, sizeof(line), "%s %s\n", what, target_place_names[target]);
    off_t end = lseek(lock->fd, 0, SEEK_END);
    (void)end; /* a note that cannot be kept is also in the watchdog's memory */
    (void)!write(lock->fd, line, (size_t)size);
}

void lock_stopped(const struct target_lock *lock, bool stopped[TARGET_PLACES])
{
    char notes[LOCK_NOTES];
    size_t size = read_notes(lock, notes, sizeof(notes));
    struct str rest = str_make(notes, size);
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        struct str name;
        struct str what = str_cut(line, ' ', &name);
        for (size_t i = 0; i < TARGET_PLACES; i++) {
            if (str_equal(name, str_of(target_place_names[i]))) {
                stopped[i] = str_equal(what, STR("stop"));
            }
        }
    }
}

void lock_clear(const struct target_lock *lock)
{
    (void)!ftruncate(lock->fd, 0);
    (void)unlink(lock->stop_path);
}

void lock_release(struct target_lock *lock)
{
    if (lock->fd >= 0) {
        (void)close(lock->fd);
    }
    lock->fd = -1;
}

int lock_ask_stop(const struct target_file *file, struct errmsg *msg)
{
    struct target_lock lock = { .fd = -1 };
    place(&lock, file);
    int fd = open(lock.stop_path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return error_set(msg, ERR_IO, "cannot write %s: %s", lock.stop_path, strerror(errno));
    }
    (void)close(fd);
    return 0;
}

bool lock_stop_asked(const struct target_lock *lock)
{
    return access(lock->stop_path, F_OK) == 0;
}
