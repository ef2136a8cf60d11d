/* See folder.h.  A report tells of a run; it need not survive a power cut, so nothing is synced. */
#include "reports/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 4096

int folder_make(const char *path, struct errmsg *msg)
{
    char part[PATH_BYTES];
    size_t size = strlen(path);
    if (size == 0 || size >= sizeof(part)) {
        return error_set(msg, ERR_INVALID, "the folder's name is %s", size == 0 ? "empty" : "too long");
    }
    for (size_t i = 1; i <= size; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        (void)snprintf(part, sizeof(part), "%.*s", (int)i, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST) {
            return error_set(msg, ERR_IO, "cannot make the folder %s: %s", part, strerror(errno));
        }
    }
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return error_set(msg, ERR_IO, "%s is there but is no folder", path);
    }
    if (access(path, W_OK | X_OK) != 0) {
        return error_set(msg, ERR_IO, "cannot write into the folder %s: %s", path, strerror(errno));
    }
    return 0;
}

bool folder_repetition(char *path, size_t size, uint64_t number)
{
    size_t used = strlen(path);
    int length = number == 0 ? 0 : snprintf(path + used, size - used, "/%" PRIu64, number);
    return length >= 0 && used + (size_t)length < size;
}

size_t folder_repetitions(const char *path)
{
    char name[PATH_BYTES];
    struct stat info;
    size_t count = 0;
    bool there = strlen(path) < sizeof(name);
    while (there) {
        (void)snprintf(name, sizeof(name), "%s", path);
        there = folder_repetition(name, sizeof(name), count + 1) && stat(name, &info) == 0 &&
                S_ISDIR(info.st_mode);
        count += there ? 1 : 0;
    }
    return count;
}

static bool folder_temporary_name(const char *name, char out[NAME_MAX + 1])
{
    int length = snprintf(out, NAME_MAX + 1, ".%s.part", name);
    return length > 0 && length <= NAME_MAX;
}

static int folder_write_all(int fd, struct str content)
{
    while (content.size > 0) {
        ssize_t wrote = write(fd, content.data, content.size);
        if (wrote < 0 && errno == EINTR) {
            continue;
        }
        if (wrote <= 0) {
            return wrote < 0 ? errno : ENOSPC;
        }
        content = str_make(content.data + wrote, content.size - (size_t)wrote);
    }
    return 0;
}

/* Under its temporary name. */
static int folder_write_part(int folder, const char *path, const struct folder_file *file, struct errmsg *msg)
{
    char temporary[NAME_MAX + 1];
    if (file->content.data == NULL) {
        return 0;
    }
    if (!folder_temporary_name(file->name, temporary)) {
        return error_set(msg, ERR_INVALID, "%s/%s: the name is too long", path, file->name);
    }
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        return error_set(msg, ERR_IO, "cannot write %s/%s: %s", path, file->name, strerror(errno));
    }
    int trouble = folder_write_all(fd, file->content);
    if (close(fd) != 0 && trouble == 0) {
        trouble = errno; /* a disk over its quota may say so only here */
    }
    if (trouble != 0) {
        return error_set(msg, ERR_IO, "cannot write %s/%s: %s", path, file->name, strerror(trouble));
    }
    return 0;
}

static int folder_place(int folder, const char *path, const struct folder_file *file, struct errmsg *msg)
{
    char temporary[NAME_MAX + 1];
    const char *name = file->name;
    if (file->content.data == NULL) {
        bool gone = unlinkat(folder, name, 0) == 0 || errno == ENOENT;
        return gone ? 0 : error_set(msg, ERR_IO, "cannot remove %s/%s: %s", path, name, strerror(errno));
    }
    if (!folder_temporary_name(name, temporary) || renameat(folder, temporary, folder, name) != 0) {
        return error_set(msg, ERR_IO, "cannot put %s/%s in place: %s", path, name, strerror(errno));
    }
    return 0;
}

int folder_write(const char *path, const struct folder_file *files, size_t count, struct errmsg *msg)
{
    /* By names inside of the open folder, so that no path needs room to be put together. */
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return error_set(msg, ERR_IO, "cannot open the folder %s: %s", path, strerror(errno));
    }
    int rv = 0;
    for (size_t i = 0; i < count && rv == 0; i++) {
        rv = folder_write_part(folder, path, &files[i], msg);
    }
    for (size_t i = 0; i < count && rv == 0; i++) {
        rv = folder_place(folder, path, &files[i], msg);
    }
    for (size_t i = 0; i < count && rv != 0; i++) {
        char temporary[NAME_MAX + 1];
        if (folder_temporary_name(files[i].name, temporary)) {
            (void)unlinkat(folder, temporary, 0); /* those in place or never begun are not there */
        }
    }
    (void)close(folder);
    return rv;
}
