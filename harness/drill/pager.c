/* What a pager would say: an alert fires or is over, a health check changes.  Never what broke, and never
 * why. */
#include "harness/drill/drill.h"

#include "base/memory.h"
#include <stdarg.h>
#include <stdio.h>

__attribute__((format(printf, 4, 5))) static void page(struct drill *d, int64_t at_ns, bool clear,
                                                       const char *format, ...)
{
    char text[160];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    d->pages = mem_realloc(d->pages, (d->page_count + 1) * sizeof(*d->pages));
    d->pages[d->page_count++] =
        (struct drill_page){ .at_ns = at_ns, .text = mem_strdup(text), .clear = clear };
}

size_t drill_look(struct drill *d, const struct drill_sight *sight, const char *const *alert_names,
                  size_t alert_count, int64_t at_ns)
{
    static const char *const names[2] = { "primary", "replica" };
    const struct drill_sight fine = { .answered = true, .healthy = { true, true } };
    const struct drill_sight was = d->seen ? d->sight : fine;
    const size_t before = d->page_count;
    if (was.answered != sight->answered) {
        page(d, at_ns, sight->answered,
             sight->answered ? "load balancer: /status answers again"
                             : "load balancer: /status does not answer");
    }
    d->seen = true;
    if (!sight->answered) { /* of the rest nothing is known */
        d->sight = was;
        d->sight.answered = false;
        return d->page_count - before;
    }
    for (size_t i = 0; i < (d->has_replica ? 2 : 1); i++) {
        if (was.healthy[i] != sight->healthy[i]) {
            page(d, at_ns, sight->healthy[i], "%s: health check %s", names[i],
                 sight->healthy[i] ? "passes again" : "fails");
        }
    }
    for (size_t i = 0; i < alert_count; i++) {
        bool fires = (sight->alerts >> i & 1u) != 0;
        if (fires != ((was.alerts >> i & 1u) != 0)) {
            page(d, at_ns, !fires, "alert %s %s", alert_names[i], fires ? "fires" : "is over");
        }
    }
    d->sight = *sight;
    return d->page_count - before;
}
