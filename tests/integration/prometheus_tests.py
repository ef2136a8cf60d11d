"""Unit tests for promtool whose series are those of real runs.

usage: prometheus_tests.py RULES EVENTS... > tests.yml

RULES: walproxy.rules.yml.  EVENTS: events.jsonl of runs (waldrill run --events). /status as it was sampled becomes the
metrics that walproxy tells beside it, a sample every STEP seconds. What must fire when is worked out here from the
operations guide's own thresholds, not from the rules: at every change of what should fire, and a step before it.
"""

import json
import sys

import yaml

STEP = 5
# The guide: "Key Metrics to Monitor", and "Escalation Criteria".
GUIDE = {
    "WalproxyPendingWritesHigh": ("pending_writes", 20),
    "WalproxyPendingWritesCritical": ("pending_writes", 50),
    "WalproxyOldPendingWrites": ("oldest_pending", 300),
    "WalproxyReplayFailures": ("failed_replays", 5),
    "WalproxyEscalatePendingWrites": ("pending_writes", 50),
    "WalproxyEscalateOldestPending": ("oldest_pending", 900),
}
METRICS = {
    "pending_writes": "walproxy_pending_writes",
    "oldest_pending": "walproxy_oldest_pending_seconds",
    "failed_replays": "walproxy_failed_replays",
}


def sampled(path):
    """One sample per step: the last one up to it; the run's first seconds are skipped until there is one."""
    rows = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event.get("kind") == "status" and event["answered"]:
                rows.append({"at": event["at"], **{key: event[key] or 0 for key in METRICS}})
    out, i, at = [], 0, rows[0]["at"]
    while at <= rows[-1]["at"]:
        while i + 1 < len(rows) and rows[i + 1]["at"] <= at:
            i += 1
        out.append(rows[i])
        at += STEP
    return out


def alerts_of(rules):
    """Labels and annotations as promtool expects them, by name."""
    found = {}
    for group in yaml.safe_load(rules)["groups"]:
        for rule in group["rules"]:
            found[rule["alert"]] = (rule["labels"], rule["annotations"])
    return found


def expected(alert, value, known):
    labels, annotations = known
    text = {key: word.replace("{{ $labels.instance }}", "lb:8000").replace("{{ $value }}", f"{value:.17g}")
            for key, word in annotations.items()}
    return {"exp_labels": {"instance": "lb:8000", "job": "walproxy", **labels}, "exp_annotations": text}


def shortest(value):
    return int(value) if value == int(value) else value


def test_of(path, known):
    rows = sampled(path)
    series = [{"series": f'{metric}{{job="walproxy", instance="lb:8000"}}',
               "values": " ".join(str(shortest(row[figure])) for row in rows)} for figure, metric in METRICS.items()]
    checks, fired = [], 0
    for alert, (figure, above) in GUIDE.items():
        firing = [row[figure] > above for row in rows]
        times = {0, len(rows) - 1}
        for i in range(1, len(rows)):
            if firing[i] != firing[i - 1]:
                times |= {i - 1, i}
        for i in sorted(times):
            value = shortest(rows[i][figure])
            want = [expected(alert, value, known[alert])] if firing[i] else []
            for one in want:
                one["exp_annotations"]["description"] = known[alert][1]["description"].replace(
                    "{{ $labels.instance }}", "lb:8000").replace("{{ $value }}", str(value))
            checks.append({"eval_time": f"{i * STEP}s", "alertname": alert, "exp_alerts": want})
            fired += firing[i]
    return {"name": path, "interval": f"{STEP}s", "input_series": series, "alert_rule_test": checks}, fired


def unreachable(known):
    """A proxy that is gone for a minute is none that is unreachable; one that stays away is."""
    labels, annotations = known
    text = {key: word.replace("{{ $labels.instance }}", "lb:8000") for key, word in annotations.items()}
    firing = {"exp_labels": {"instance": "lb:8000", "job": "walproxy", **labels}, "exp_annotations": text}
    return {"interval": "15s", "name": "unreachable",
            "input_series": [{"series": 'up{job="walproxy", instance="lb:8000"}', "values": "1x4 0x3 1x3 0x20"}],
            "alert_rule_test": [{"eval_time": "2m", "alertname": "WalproxyUnreachable", "exp_alerts": []},
                                {"eval_time": "8m", "alertname": "WalproxyUnreachable", "exp_alerts": [firing]}]}


def main():
    with open(sys.argv[1], encoding="utf-8") as rules:
        known = alerts_of(rules)
    tests, fired = [], 0
    for path in sys.argv[2:]:
        test, count = test_of(path, known)
        tests.append(test)
        fired += count
    if fired == 0:
        sys.exit("in none of the runs should any alert have fired: that proves nothing")
    tests.append(unreachable(known["WalproxyUnreachable"]))
    print(json.dumps({"rule_files": [sys.argv[1]], "evaluation_interval": f"{STEP}s", "tests": tests}, indent=1))


main()
