/* Steps that are shell commands: started, watched from the loop, and judged when they end.
 *
 * The loop goes on meanwhile, so a command that hangs costs nobody else anything; past its bound it is killed
 * with its whole process group and counts as a timeout. */
#include "harness/runner/run.h"

#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define COMMANDS_LEAST       (15 * NS_PER_S)  /* of wall time: a shell needs its moment at any time scale */
#define COMMANDS_POLL        (20 * NS_PER_MS) /* of wall time */
#define COMMANDS_ENVIRONMENT 32

static double commands_scale(const struct run *run)
{
    return run->options->time_scale < 1 ? 1 : run->options->time_scale;
}

/* In the child, between fork and exec. */
static _Noreturn void commands_exec(const char *command, char **environment, int output)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setpgid(0, 0);
    (void)signal(SIGPIPE, SIG_DFL); /* the harness ignores it, and ignored signals are inherited */
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
    }
    if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0) {
        _exit(126);
    }
    for (char **pair = environment; *pair != NULL; pair++) {
        (void)putenv(*pair);
    }
    execl("/bin/bash", "bash", "-c", command, (char *)NULL);
    _exit(127);
}

static int commands_spawn(struct run *run, struct run_step *step, const char *command)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return ERR_IO;
    }
    char *lines = mem_strdup(run->engine->ops->environment(run->engine));
    char *environment[COMMANDS_ENVIRONMENT + 1] = { NULL };
    size_t count = 0;
    char *rest = lines;
    while (rest != NULL && count < COMMANDS_ENVIRONMENT) {
        char *line = strsep(&rest, "\n");
        if (line[0] != '\0') {
            environment[count++] = line;
        }
    }
    pid_t child = fork();
    if (child == 0) {
        commands_exec(command, environment, ends[1]);
    }
    mem_free(lines);
    (void)close(ends[1]);
    if (child < 0) {
        (void)close(ends[0]);
        return ERR_IO;
    }
    (void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
    step->child = child;
    step->output_fd = ends[0];
    buf_init(&step->output, RUN_COMMAND_OUTPUT);
    return 0;
}

void commands_begin(struct run *run, size_t index, uint64_t now_ns)
{
    const struct scenario_step *plan = &run->scenario->steps[index];
    struct step_result *result = &run->results->steps[index];
    if (run->engine->ops->environment == NULL || run->engine->ops->environment(run->engine) == NULL) {
        result->skipped = true;
        result->outcome = mem_strdup("skipped");
        result->output = mem_strdup("this engine runs no commands; use --engine real");
        char name[256];
        (void)snprintf(name, sizeof(name), "step \"%s\"", plan->name);
        struct assertion_result *a = results_add_assertion(run->results, ASSERT_STEP, name, plan->line);
        steps_prove(a, plan);
        a->skipped = true;
        a->expected = mem_strdup("the command runs");
        a->saw = mem_strdup("skipped: this engine runs no commands");
        a->at_ns = (int64_t)now_ns;
        run->steps[index].over = true;
        return;
    }
    struct buf command;
    struct str unknown;
    buf_init(&command, RUN_COMMAND_OUTPUT);
    if (!steps_expand(run, str_of(plan->run), &command, &unknown)) {
        steps_fail(run, index, now_ns, "the command names a ${capture} that no step has made");
    } else if (commands_spawn(run, &run->steps[index], buf_text(&command)) != 0) {
        steps_fail(run, index, now_ns, "no process could be started");
    }
    buf_deinit(&command);
}

static void commands_read_output(struct run_step *step)
{
    char part[4096];
    ssize_t got;
    do {
        got = read(step->output_fd, part, sizeof(part));
        if (got > 0) {
            buf_append(&step->output, part, (size_t)got);
        }
    } while (got > 0 || (got < 0 && errno == EINTR));
}

static void commands_over(struct run *run, size_t index, const char *outcome, int status, uint64_t now_ns)
{
    struct run_step *step = &run->steps[index];
    struct expression_world world = world_of_run(run);
    world.step_status = status;
    world.step_outcome = outcome;
    world.step_latency_ns = (double)(now_ns - step->begun_ns);
    world.step_body = buf_str(&step->output);
    world.step_headers = STR("");
    (void)close(step->output_fd);
    step->child = 0;
    steps_finish(run, index, &world, (int64_t)now_ns);
    buf_deinit(&step->output);
}

static uint64_t commands_bound(const struct run *run, const struct scenario_step *plan)
{
    uint64_t bound_ns = plan->timeout_ns == 0 ? RUN_STEP_TIMEOUT : plan->timeout_ns;
    uint64_t least_ns = (uint64_t)((double)COMMANDS_LEAST * commands_scale(run));
    return bound_ns > least_ns ? bound_ns : least_ns;
}

void commands_poll(struct run *run, uint64_t now_ns)
{
    for (size_t i = 0; i < run->scenario->step_count; i++) {
        struct run_step *step = &run->steps[i];
        if (step->child == 0) {
            continue;
        }
        commands_read_output(step);
        int status = 0;
        bool ended = waitpid(step->child, &status, WNOHANG) == step->child;
        if (!ended && now_ns - step->begun_ns < commands_bound(run, &run->scenario->steps[i])) {
            continue;
        }
        if (!ended) {
            (void)kill(-step->child, SIGKILL);
            while (waitpid(step->child, &status, 0) < 0 && errno == EINTR) {
            }
        }
        commands_read_output(step);
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        commands_over(run, i, ended ? "answered" : "timeout", code, now_ns);
    }
}

bool commands_running(const struct run *run)
{
    for (size_t i = 0; i < run->scenario->step_count; i++) {
        if (run->steps[i].child != 0) {
            return true;
        }
    }
    return false;
}

uint64_t commands_next(const struct run *run)
{
    if (!commands_running(run)) {
        return RUN_NO_TIME;
    }
    return run->engine->ops->now(run->engine) + (uint64_t)((double)COMMANDS_POLL * commands_scale(run));
}

void commands_close(struct run *run)
{
    for (size_t i = 0; i < run->scenario->step_count; i++) {
        struct run_step *step = &run->steps[i];
        if (step->child != 0) {
            (void)kill(-step->child, SIGKILL);
            (void)waitpid(step->child, NULL, 0);
            (void)close(step->output_fd);
            buf_deinit(&step->output);
        }
    }
}
