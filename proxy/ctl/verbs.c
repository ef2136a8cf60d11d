#include "proxy/ctl/verbs.h"

#include "base/suggest.h"
#include "proxy/ctl/acts.h"
#include <stdio.h>
#include <string.h>

const struct verb verbs[] = {
    { "status", "", 0, "instances, roles, pending writes, and why replay does not go on",
      "walproxy ctl status", act_status },
    { "plan", "", 0, "what replay would do next, and what is in the way; changes nothing",
      "walproxy ctl plan --limit 5", act_plan },
    { "pending", "", 0, "writes that are not over, oldest first",
      "walproxy ctl pending --from 1000 --limit 50", act_pending },
    { "letters", "", 0, "dead letters: accepted writes that an instance refuses for good, with its words",
      "walproxy ctl letters", act_letters },
    { "letters show", "LSN", 1, "one of them with its body",
      "walproxy ctl letters show 17 --body > poison.json", act_letter },
    { "letters edit", "LSN FILE", 2, "gives it another body from a file, or - for stdin",
      "jq '.embeddings[0] |= .[:3]' poison.json | walproxy ctl letters edit 17 -", act_edit },
    { "letters retry", "LSN", 1, "sends it again as a new write; --force: over younger writes to its records",
      "walproxy ctl letters retry 17", act_retry },
    { "letters drop", "LSN", 1, "gives it up, for good", "walproxy ctl letters drop 17", act_drop },
    { "pause", "", 0, "replays nothing any more, live writes go on; a restart keeps it", "walproxy ctl pause",
      act_pause },
    { "step", "", 0, "while paused: replays one write", "walproxy ctl step", act_step },
    { "resume", "", 0, "replays again", "walproxy ctl resume", act_resume },
    { "throttle", "RATE", 1,
      "replays at most RATE writes a second into an instance; off = as REPLAY_RATE says",
      "walproxy ctl throttle 20", act_throttle },
    { "failover", "INSTANCE", 1,
      "gives that instance the primary's role once it lacks nothing, and waits for it; --force: at once. The "
      "way "
      "back is the same command",
      "walproxy ctl failover replica", act_failover },
    { "force", "INSTANCE STATE", 2, "it counts as up or down whatever its probes say, until auto",
      "walproxy ctl force primary down", act_force },
    { "resync", "INSTANCE", 1,
      "makes everything on that instance equal to the other one, with progress; what only it has stays",
      "walproxy ctl resync replica", act_resync },
    { "compare", "", 0, "compares all collections of both instances, with progress; repairs nothing",
      "walproxy ctl compare", act_compare },
    { "ids", "", 0, "collections with the id that clients know and each instance's own",
      "walproxy ctl ids --json", act_ids },
    { "log-level", "LEVEL", 1, "debug, info, warn or error, until the next restart",
      "walproxy ctl log-level debug", act_log_level },
    { "reload", "", 0, "as SIGHUP: reads the settings again; tells what holds now and what needs a restart",
      "walproxy ctl reload", act_reload },
    { "drain", "", 0, "as SIGTERM: takes nothing new, answers what is in flight, ends", "walproxy ctl drain",
      act_drain },
};
const size_t verb_count = sizeof(verbs) / sizeof(verbs[0]);

static const struct verb *exactly(const char *name)
{
    for (size_t i = 0; i < verb_count; i++) {
        if (strcmp(verbs[i].name, name) == 0) {
            return &verbs[i];
        }
    }
    return NULL;
}

static void join(const char *const *words, size_t count, char *out, size_t size)
{
    (void)snprintf(out, size, "%s%s%s", words[0], count > 1 ? " " : "", count > 1 ? words[1] : "");
}

static const char *nearest(const char *name)
{
    const char *names[sizeof(verbs) / sizeof(verbs[0])];
    for (size_t i = 0; i < verb_count; i++) {
        names[i] = verbs[i].name;
    }
    return suggest_name(str_of(name), names, verb_count);
}

const struct verb *verbs_find(const char *const *words, size_t count, size_t *taken, const char **near)
{
    char name[64];
    const struct verb *found = NULL;
    *near = NULL;
    for (*taken = count < VERB_WORDS_MAX ? count : VERB_WORDS_MAX; *taken > 0 && found == NULL;) {
        join(words, *taken, name, sizeof(name));
        found = exactly(name);
        *taken -= found == NULL ? 1 : 0;
    }
    if (found != NULL && found->words == count - *taken) {
        return found;
    }
    join(words, count, name, sizeof(name));
    *near = nearest(name);
    if (*near == NULL && found == NULL) {
        *near = nearest(words[0]);
    }
    return found;
}
