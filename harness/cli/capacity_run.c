/* Scenarios that capacity planning makes up: from text to a run that passed, or to one line that says why
 * not. */
#include "harness/cli/capacity.h"
#include "harness/cli/cli.h"

#include "base/buf.h"
#include "harness/runner/runner.h"

#define WORDS_BYTES ((size_t)1 << 16)
#define TRIES       3u    /* a run that proves nothing (on real: the machine was busy) is done again */
#define SEED_STEP   1000u /* with a seed that no other run has */

struct scenario *capacity_scenario(const char *name, const struct buf *text, struct errmsg *msg)
{
    struct yaml_problems problems = { 0 };
    struct scenario *s = scenario_parse(name, buf_str(text), &problems);
    if (s == NULL) {
        struct buf said;
        buf_init(&said, WORDS_BYTES);
        yaml_problems_print(&problems, name, buf_str(text), 1, false, &said);
        (void)error_set(msg, ERR_INVALID, "this load cannot be played: %s", buf_text(&said));
        buf_deinit(&said);
    }
    yaml_problems_deinit(&problems);
    return s;
}

static void run_once(const struct capacity_play *play, const struct scenario *s, uint64_t seed,
                     uint64_t sample_ns, struct history *history, struct results *results)
{
    struct engine *engine = cli_engine_new(play->engine, s);
    struct runner_options options = {
        .time_scale = play->time_scale, .work_dir = play->work_dir, .seed = seed, .sample_ns = sample_ns
    };
    history_deinit(history);
    history_init(history);
    results_deinit(results);
    results_init(results);
    runner_run(s, engine, &options, history, results);
    engine->ops->close(engine);
}

int capacity_run(const struct capacity_play *play, const struct scenario *s, uint64_t seed,
                 uint64_t sample_ns, const char *what, struct history *history, struct results *results,
                 struct errmsg *msg)
{
    unsigned tries = 0;
    do {
        run_once(play, s, seed + tries * SEED_STEP, sample_ns, history, results);
    } while (results->verdict == VERDICT_INVALID && ++tries < TRIES);
    return results->verdict == VERDICT_PASS
               ? 0
               : error_set(msg, ERR_STATE, "%s on %s: %s: %.300s", what, play->engine,
                           verdict_name(results->verdict), results->verdict_words);
}
