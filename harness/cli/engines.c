/* Which engines there are, by name, and where the programs stand that one of them starts. */
#include "harness/cli/cli.h"

#include "harness/engine.h"
#include <string.h>
#include <unistd.h>

const char *const cli_engine_names[] = { "sim", "leap", "real", NULL };

void cli_bin_dir(char *out, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", out, size - 1);
    if (length <= 0) {
        (void)snprintf(out, size, ".");
        return;
    }
    out[length] = '\0';
    char *slash = strrchr(out, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
}

bool cli_engine_known(const char *command, const char *name)
{
    for (size_t i = 0; cli_engine_names[i] != NULL; i++) {
        if (strcmp(name, cli_engine_names[i]) == 0) {
            return true;
        }
    }
    (void)fprintf(stderr, "waldrill %s: --engine is ", command);
    for (size_t i = 0; cli_engine_names[i] != NULL; i++) {
        (void)fprintf(stderr, "%s%s",
                      i == 0                            ? ""
                      : cli_engine_names[i + 1] == NULL ? " or "
                                                        : ", ",
                      cli_engine_names[i]);
    }
    (void)fprintf(stderr, ", not \"%s\"\n", name);
    return false;
}

struct engine *cli_engine_new(const char *name, const struct scenario *s)
{
    char bin_dir[CLI_PATH];
    if (name == NULL) {
        name = s->virtual_clock ? "sim" : "real";
    }
    if (strcmp(name, "sim") == 0) {
        return engine_sim_new();
    }
    if (strcmp(name, "leap") == 0) {
        return engine_leap_new();
    }
    cli_bin_dir(bin_dir, sizeof(bin_dir));
    return engine_real_new(bin_dir);
}
