/* The rules of alerts.c for a Prometheus server: the same figures as metrics, the same thresholds.
 *
 * Like the guide's, they have no duration: what /alerts calls firing fires at the server's next look.  One is
 * added that /alerts cannot have: that walproxy itself is not reached.  It waits for some CHECK_INTERVALs, on
 * the clock of the machine, so that a restart is none. */
#include "proxy/core/alerts.h"

#include "base/buf.h"
#include "base/units.h"
#include "proxy/core/settings.h"
#include <stdio.h>

#define UNREACHABLE_INTERVALS 4

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* pending_writes_high: WalproxyPendingWritesHigh */
static void put_name(struct buf *out, const char *name)
{
    buf_append_text(out, "Walproxy");
    for (bool first = true; *name != '\0'; name++) {
        if (*name != '_') {
            buf_append_char(out, first ? upper(*name) : *name);
        }
        first = *name == '_';
    }
}

static void put_rule(struct buf *out, const struct alert_rule *rule)
{
    buf_append_text(out, "      - alert: ");
    put_name(out, rule->name);
    buf_printf(out,
               "\n        expr: %s > %g\n"
               "        labels: { severity: %s, rule: %s }\n"
               "        annotations:\n"
               "          summary: \"%s\"\n"
               "          description: \"{{ $labels.instance }}: {{ $value }}, more than %g\"\n"
               "          action: %s\n",
               alert_figure_metrics[rule->figure], rule->above, rule->severity, rule->name, rule->reason,
               rule->above, rule->action == NULL ? "escalate" : rule->action);
}

void alerts_prometheus(const struct settings *settings, struct buf *out)
{
    double wait_s = UNREACHABLE_INTERVALS * (double)settings->check_interval_ns / (double)NS_PER_S;
    /* A Prometheus server takes whole numbers only. */
    unsigned long long wait_ms = (unsigned long long)(wait_s * 1e3 / settings->time_scale);
    bool whole = wait_ms % 1000 == 0;
    char wait[32];
    (void)snprintf(wait, sizeof(wait), "%llu%s", whole ? wait_ms / 1000 : wait_ms, whole ? "s" : "ms");
    buf_append_text(
        out,
        "# Printed by `walproxy --prometheus-rules` from the table behind /alerts (docs/metrics.md).\n"
        "groups:\n"
        "  - name: walproxy\n"
        "    rules:\n");
    for (unsigned k = 0; k < ALERT_RULES; k++) {
        put_rule(out, &alert_rules[k]);
    }
    buf_printf(out,
               "      - alert: WalproxyUnreachable\n"
               "        expr: up{job=\"walproxy\"} == 0\n"
               "        for: %s\n"
               "        labels: { severity: critical, rule: unreachable }\n"
               "        annotations:\n"
               "          summary: \"walproxy does not answer /metrics\"\n"
               "          description: \"{{ $labels.instance }} was not reached for %s\"\n"
               "          action: restart_or_replace_it\n",
               wait, wait);
}
