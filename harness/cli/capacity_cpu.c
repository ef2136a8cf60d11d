/* What a write costs the processor in the log itself: its record is encoded, framed and summed, exactly as
 * walproxy does it.  What libraries and the kernel need for the request around it is another thing (bench/).
 */
#include "harness/cli/capacity.h"

#include "base/buf.h"
#include "base/memory.h"
#include "proxy/wal/frame.h"
#include <time.h>

#define ROUNDS_BYTES ((double)(64 << 20)) /* that are framed altogether: some tens of milliseconds */
#define ROUNDS_MIN   16.0
#define ROUNDS_MAX   20000.0

static double cpu_us(void)
{
    struct timespec now = { 0 };
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* cannot fail for this clock */
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

double capacity_cpu_us(const struct capacity_load *load)
{
    struct buf frames;
    size_t size = (size_t)load->write_bytes;
    char *body = mem_try_alloc(size);
    if (body == NULL) {
        return 0;
    }
    double rounds = ROUNDS_BYTES / load->write_bytes;
    rounds = rounds < ROUNDS_MIN ? ROUNDS_MIN : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    buf_init(&frames, size * 2 + ((size_t)1 << 20));
    struct wal_stamp stamp = { .log_id = 1, .sequence = 1 };
    char meta[256] = { 0 };
    double begun_us = cpu_us();
    for (uint64_t i = 1; i <= (uint64_t)rounds; i++) {
        struct wal_record record = {
            .lsn = i, .type = 1, .meta = str_make(meta, sizeof(meta)), .body = str_make(body, size)
        };
        buf_clear(&frames);
        wal_record_encode(&frames, &stamp, &record);
        wal_pad_to_sector(&frames);
    }
    double took_us = cpu_us() - begun_us;
    buf_deinit(&frames);
    mem_free(body);
    return took_us / (double)(uint64_t)rounds;
}
