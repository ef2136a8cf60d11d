/* The big red button of a terminal.  The first signal is noted, and the engine ends the run; while everything
 * is being mended, further ones are noted too and change nothing: mending has bounds of its own. */
#include "harness/target/engine.h"

#include <signal.h>

static const int signals_numbers[] = { SIGINT, SIGTERM, SIGHUP };
#define SIGNALS (sizeof(signals_numbers) / sizeof(signals_numbers[0]))

static volatile sig_atomic_t signals_seen;
static struct sigaction signals_old[SIGNALS];

static void note(int number)
{
    if (signals_seen == 0) {
        signals_seen = number;
    }
}

void signals_catch(void)
{
    struct sigaction action = { .sa_handler = note };
    signals_seen = 0;
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)sigaction(signals_numbers[i], &action, &signals_old[i]);
    }
}

void signals_restore(void)
{
    for (size_t i = 0; i < SIGNALS; i++) {
        (void)sigaction(signals_numbers[i], &signals_old[i], NULL);
    }
}

int signals_caught(void)
{
    return signals_seen;
}
