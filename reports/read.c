/* See read.h. */
#include "reports/read.h"

#include "base/memory.h"
#include "base/units.h"
#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECONDS_MOST 9e9 /* what int64_t holds of nanoseconds, nearly 300 years */

void read_file_open(struct read_file *file, const char *path)
{
    *file = (struct read_file){ { NULL, 0 }, false };
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
        file->found = true;
        void *data =
            info.st_size == 0 ? MAP_FAILED : mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data != MAP_FAILED) {
            file->text = str_make(data, (size_t)info.st_size);
        }
    }
    (void)close(fd); /* only read from */
}

void read_file_close(struct read_file *file)
{
    if (file->text.data != NULL) {
        (void)munmap((void *)(uintptr_t)file->text.data, file->text.size);
    }
    *file = (struct read_file){ { NULL, 0 }, false };
}

char *read_text(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value) ? mem_strndup(json_string_value(value), json_string_length(value)) : NULL;
}

double read_number(const json_t *object, const char *key, double unknown)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : unknown;
}

uint64_t read_count(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    json_int_t count = json_integer_value(value);
    return count < 0 ? 0 : (uint64_t)count;
}

bool read_truth(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static int64_t scaled(const json_t *value, double unit_ns, int64_t unknown)
{
    double number = json_number_value(value);
    bool known = json_is_number(value) && fabs(number) < SECONDS_MOST * (double)NS_PER_S / unit_ns;
    return known ? (int64_t)llround(number * unit_ns) : unknown;
}

int64_t read_seconds_of(const json_t *value)
{
    return scaled(value, (double)NS_PER_S, HISTORY_NEVER);
}

int64_t read_seconds(const json_t *object, const char *key)
{
    return read_seconds_of(json_object_get(object, key));
}

int64_t read_milliseconds_of(const json_t *value)
{
    return scaled(value, (double)NS_PER_MS, FIGURES_NOTHING);
}

struct figures_latency read_latency(const json_t *object, const char *key)
{
    const json_t *latency = json_object_get(object, key);
    return (struct figures_latency){
        .count = read_count(latency, "count"),
        .p50_ns = read_milliseconds_of(json_object_get(latency, "p50")),
        .p90_ns = read_milliseconds_of(json_object_get(latency, "p90")),
        .p99_ns = read_milliseconds_of(json_object_get(latency, "p99")),
        .max_ns = read_milliseconds_of(json_object_get(latency, "max")),
    };
}
