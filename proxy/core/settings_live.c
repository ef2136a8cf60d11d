#include "proxy/core/settings_live.h"

#include <string.h>

/* LOAD_PROFILE is what it presets. */
static const char *const live[] = {
    "LOAD_PROFILE",       "CONSISTENCY_WINDOW", "READ_REPLICA_RATIO",  "REQUEST_TIMEOUT",
    "CHECK_INTERVAL",     "FAILURE_THRESHOLD",  "RECOVERY_THRESHOLD",  "WHEN_NONE_UP",
    "ACK_POLICY",         "WAL_MAX_BYTES",      "WAL_MAX_WRITES",      "WAL_RETAIN",
    "THROTTLE_START",     "THROTTLE_MAX_DELAY", "REPLAY_MAX_ATTEMPTS", "REPLAY_BATCH_RECORDS",
    "REPLAY_BATCH_BYTES", "REPLAY_RATE",        "MAX_BODY_BYTES",      "WAL_MEMORY_BYTES",
    "ADMIN_TOKEN",        "STATUS_TOKEN",       "PRIMARY_AUTH",        "REPLICA_AUTH",
    "LOG_LEVEL",
};

bool settings_is_live(const struct settings_row *row)
{
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        if (strcmp(row->name, live[i]) == 0) {
            return true;
        }
    }
    return false;
}

void settings_take_over(struct settings *running, const struct settings *wanted,
                        void (*each)(void *context, const struct settings_row *row, bool taken),
                        void *context)
{
    for (size_t i = 0; i < settings_table_size; i++) {
        const struct settings_row *row = &settings_table[i];
        char *to = (char *)running + row->offset;
        const char *from = (const char *)wanted + row->offset;
        size_t size = settings_value_size(row->type);
        bool taken = settings_is_live(row);
        bool is_text = size >= SETTINGS_NAME_SIZE; /* what stands behind its end does not count */
        if ((is_text ? strncmp(to, from, size) : memcmp(to, from, size)) == 0) {
            continue;
        }
        if (each != NULL) {
            each(context, row, taken);
        }
        if (taken) {
            memcpy(to, from, size);
        }
    }
}
