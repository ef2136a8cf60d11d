/* What the balancer runs with: the scenario's words for it over those of its LOAD_PROFILE over walproxy's own
 * defaults, put together by the code that walproxy itself puts them together with. */
#include "harness/runner/run.h"

#include "base/memory.h"

struct settings_draft *lb_settings_new(const struct scenario *s)
{
    struct settings_draft *lb = mem_alloc(sizeof(*lb));
    settings_draft_init(lb);
    (void)settings_set(lb, STR("PRIMARY_URL"), STR("http://primary"), SETTINGS_DEFAULT, NULL);
    for (size_t i = 0; i < s->lb_setting_count; i++) {
        const struct scenario_setting *setting = &s->lb_settings[i];
        (void)settings_set(lb, str_of(setting->name), str_of(setting->value), SETTINGS_FILE, NULL);
    }
    (void)settings_finish(lb, NULL); /* whatever it refuses, the profile has been filled in before */
    return lb;
}
