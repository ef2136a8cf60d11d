#include "proxy/io/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PEM_BYTES_MAX ((size_t)4 << 20)

static int complain(const char *setting, const char *path, const char *why, struct errmsg *msg)
{
    return error_set(msg, ERR_INVALID, "%s: \"%s\" %s", setting, path, why);
}

static int check_key_mode(const struct stat *info, const char *path, struct errmsg *msg)
{
    mode_t forbidden = info->st_uid == 0 ? 027 : 077;
    if ((info->st_mode & forbidden) == 0) {
        return 0;
    }
    return error_set(
        msg, ERR_INVALID,
        "TLS_KEY: \"%s\" can be read by others (mode %04o): expected 0600, or 0640 when it is root's", path,
        (unsigned)(info->st_mode & 07777));
}

/* Into one piece of memory: a buffer that grows would leave copies of a key behind. */
static int read_all(int fd, size_t size, struct buf *out)
{
    ssize_t n = 1;
    while (n > 0 && out->size < size) {
        char *at = buf_reserve(out, size - out->size);
        n = at == NULL ? 0 : read(fd, at, size - out->size);
        out->size += n > 0 ? (size_t)n : 0;
    }
    return n < 0 ? errno : 0;
}

/* A file in PEM that holds such a block: "CERTIFICATE", "PRIVATE KEY". */
static int load(const char *setting, const char *path, const char *block, struct buf *out, struct errmsg *msg)
{
    struct stat info = { 0 };
    if (path[0] == '\0') {
        return 0;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return error_set(msg, ERR_INVALID, "%s: cannot read \"%s\": %s", setting, path, strerror(errno));
    }
    int error = fstat(fd, &info) != 0 ? errno : read_all(fd, (size_t)info.st_size, out);
    (void)close(fd);
    if (error != 0) {
        return error_set(msg, ERR_INVALID, "%s: cannot read \"%s\": %s", setting, path, strerror(error));
    }
    if (out->failed) {
        return complain(setting, path, "is too large", msg);
    }
    const char *begin = strstr(buf_text(out), "-----BEGIN ");
    const char *end = begin == NULL ? NULL : strstr(begin, block);
    if (end == NULL) {
        return error_set(msg, ERR_INVALID, "%s: \"%s\" holds no %s: expected a file in PEM", setting, path,
                         block);
    }
    return strcmp(setting, "TLS_KEY") == 0 ? check_key_mode(&info, path, msg) : 0;
}

int tls_load(struct tls *tls, const struct settings *s, struct errmsg *msg)
{
    buf_init(&tls->cert, PEM_BYTES_MAX);
    buf_init(&tls->key, PEM_BYTES_MAX);
    buf_init(&tls->ca, PEM_BYTES_MAX);
    int rc = load("TLS_CERT", s->tls_cert, "CERTIFICATE", &tls->cert, msg);
    if (rc == 0) {
        rc = load("TLS_KEY", s->tls_key, "PRIVATE KEY", &tls->key, msg);
    }
    if (rc == 0) {
        rc = load("UPSTREAM_CA", s->upstream_ca, "CERTIFICATE", &tls->ca, msg);
    }
    if (rc != 0) {
        tls_deinit(tls);
    }
    return rc;
}

void tls_forget_key(struct tls *tls)
{
    if (tls->key.data != NULL) {
        explicit_bzero(tls->key.data, tls->key.capacity);
    }
    buf_deinit(&tls->key);
}

void tls_deinit(struct tls *tls)
{
    tls_forget_key(tls);
    buf_deinit(&tls->cert);
    buf_deinit(&tls->ca);
}
