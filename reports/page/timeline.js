/* The timeline of a run: phases, faults, alerts, steps and health as lanes, and below them, on the same axis with the
 * same cursor, what /status said and how clients were served. */
"use strict";

const timeline = (() => {
    const {timeText, milliText, numberText, bytesText, most} = charts;
    const HIGH = 170;

    const failuresOf = run => run.assertions.filter(check => !check.passed && !check.skipped && check.at_s !== null);

    /* --- lanes -------------------------------------------------------------------------------------------- */

    function healthRow(label, spans) {
        const look = {
            yes: {fill: "--ok-strip", thin: true},
            no: {fill: "--bad", text: "down", ink: "--on-color", inside: true},
            unknown: {fill: "--unknown", thin: true},
        };
        return {label, items: spans.map(([start, end, state]) => ({start, end, ...look[state]}))};
    }

    const bar = (span, fill, text) => ({start: span.start_s, end: span.end_s, fill, text, ink: "--on-color"});

    const severityColor = severity => severity === "critical" ? "--bad" : "--warn";

    function alertItems(run) {
        return run.alerts.flatMap(alert => alert.firing.map(([start, end]) => ({
            start, end: end === null ? run.charts.end_s : end, fill: severityColor(alert.severity), text: alert.name,
            ink: "--on-color",
        })));
    }

    function rowsOf(run) {
        const {strips} = run.charts;
        const rows = [];
        const failures = failuresOf(run);
        if (failures.length > 0) {
            rows.push({label: "failed", dots: failures.map(check => ({at: check.at_s, color: "--bad", large: true}))});
        }
        if (run.phases.length > 0) {
            rows.push({label: "phases", items: run.phases.map((phase, i) => ({
                ...bar(phase, i % 2 === 0 ? "--phase-a" : "--phase-b", phase.name), ink: "--text"}))});
        }
        rows.push(...lanes.pack("faults", run.faults.map(fault => bar(fault, "--fault", fault.what === undefined
            ? `${fault.name} on ${fault.target}` : `${fault.name} (${fault.what} on ${fault.target})`))));
        rows.push(...lanes.pack("alerts", alertItems(run)));
        const steps = run.steps.filter(step => step.at_s !== null);
        if (steps.length > 0) {
            rows.push({label: "steps", dots: steps.map(step => ({at: step.at_s, large: !step.passed,
                color: step.skipped ? "--muted" : step.passed ? "--ok" : "--bad"}))});
        }
        for (const name of ["primary", "replica"]) {
            if (strips[name] !== undefined && strips[name].length > 0) {
                rows.push(healthRow(name, strips[name]));
            }
        }
        if (strips.balancer.some(span => span[2] === "no")) {
            rows.push(healthRow("balancer", strips.balancer));
        }
        const replays = strips.replaying.filter(span => span[2] === "yes");
        if (replays.length > 0) {
            rows.push({label: "replay", items: replays.map(([start_s, end_s]) =>
                bar({start_s, end_s}, "--write", "replaying"))});
        }
        return rows;
    }

    /* What was going on at an instant, in words. */
    function readout(run, at) {
        const {strips} = run.charts;
        const words = [timeText(at)];
        const within = span => span.start_s <= at && at < span.end_s;
        const stateOf = name => (strips[name] || []).findLast(span => span[0] <= at)?.[2];
        const phase = run.phases.find(within);
        if (phase !== undefined) {
            words.push(phase.name);
        }
        words.push(...run.faults.filter(within).map(fault => fault.name));
        words.push(...alertItems(run).filter(item => item.start <= at && at < item.end).map(item => `alert ${item.text}`));
        words.push(...["primary", "replica", "balancer"].filter(name => stateOf(name) === "no").map(name => `${name} down`));
        if (stateOf("replaying") === "yes") {
            words.push("replaying");
        }
        return words.join(" · ");
    }

    const whatWentOn = run => lanes.chart({
        title: "What went on",
        note: "move to read, drag to zoom, double-click for the whole run",
        rows: rowsOf(run),
        say: at => readout(run, at),
    });

    /* --- what /status said -------------------------------------------------------------------------------- */

    /* Values of samples, with a gap where the balancer did not answer: [when, values]. */
    function sampled(run, values) {
        const at = run.charts.samples.at_s;
        const points = at.map((t, i) => [t, values[i]]);
        const known = new Set(at);
        for (const [start, , state] of run.charts.strips.balancer) {
            if (state === "no" && !known.has(start)) {
                points.push([start, null]);
            }
        }
        points.sort((a, b) => a[0] - b[0]);
        return [points.map(point => point[0]), points.map(point => point[1])];
    }

    /* Of each figure the alert rules' thresholds; two rules with the same one share a line. */
    function thresholdsOf(run, figure, format) {
        const lines = new Map();
        for (const rule of run.alerts.filter(alert => alert.figure === figure)) {
            const line = lines.get(rule.above) || {value: rule.above, text: "", color: "--warn"};
            const word = rule.name.startsWith("escalate") ? "escalate" : rule.severity;
            line.text = line.text === "" ? `${word} above ${format(rule.above)}` : `${word}, ${line.text}`;
            line.color = rule.severity === "critical" ? "--bad" : line.color;
            lines.set(rule.above, line);
        }
        return [...lines.values()].sort((a, b) => b.value - a.value);
    }

    /* The lowest threshold that was not crossed is still worth seeing: how near did it come?  Who looks at a stack that
     * runs sees the lowest one in any case. */
    function scaleWith(run, top, thresholds, format, steps) {
        const near = thresholds.filter((line, i) => line.value <= top * 4 || (run.live && i === thresholds.length - 1))
            .map(line => line.value);
        return {min: 0, max: Math.max(top, ...near, 1) * 1.15, format, steps};
    }

    function gauge(run, key, {title, note, label, format, figure, steps, color = "--write", fill = "--write-fill"}) {
        const values = run.charts.samples[key];
        if (most(values) <= 0 && !run.live) {
            return null;
        }
        const [x, column] = sampled(run, values);
        const thresholds = thresholdsOf(run, figure, format);
        return {title, note, x, thresholds, y: scaleWith(run, most(values), thresholds, format, steps),
                series: [{label, values: column, color, fill, holds: true}]};
    }

    function memory(run) {
        const {samples} = run.charts;
        const parts = [["log's entries in memory", samples.memory_bytes, "--write", "--write-fill"],
                       ["log on disk", samples.wal_bytes, "--read", undefined],
                       ["balancer's resident memory", samples.rss_bytes, "--muted", undefined]]
            .filter(part => most(part[1]) > 0);
        if (parts.length === 0) {
            return null;
        }
        const columns = parts.map(part => sampled(run, part[1]));
        const top = Math.max(...parts.map(part => most(part[1])));
        return {title: "Memory and log", x: columns[0][0], y: {min: 0, max: top * 1.15, format: bytesText, steps: charts.BYTE_STEPS},
                series: parts.map(([label, , color, fill], i) => ({label, color, fill, holds: true, values: columns[i][1]}))};
    }

    /* --- how clients were served -------------------------------------------------------------------------- */

    /* Where the axis begins: a run at 0, a stack that is looked at wherever the page looks. */
    const beginOf = run => run.charts.start_s || 0;

    const startsOf = ({buckets, bucket_s: length, start_s: start = 0, end_s: end}) =>
        [...Array.from({length: buckets}, (_, i) => start + i * length), end];

    /* Counts of buckets as rates; the last value is held to the end of the axis.  The last bucket is cut short by
     * the end of the run; one cut to a sliver would show a rate that never was. */
    function rates(run, counts, scale) {
        const {bucket_s: length, end_s: end} = run.charts;
        const lengthOf = i => Math.max(Math.min(end - beginOf(run) - i * length, length), length / 2);
        const values = counts.map((count, i) => count === null ? null : count * scale / lengthOf(i));
        return [...values, values[values.length - 1]];
    }

    /* No line along the bottom where nothing was; the bucket after something steps down to it. */
    const some = counts => counts.map((count, i) => count === 0 && !(counts[i - 1] > 0) ? null : count);

    function perTime(run, counts) {
        const perMinute = most(counts) / run.charts.bucket_s < 3;
        return {scale: perMinute ? 60 : 1, word: perMinute ? "minute" : "second",
                format: value => `${numberText(value)}/${perMinute ? "min" : "s"}`};
    }

    function replay(run) {
        const counts = run.charts.replayed;
        if (most(counts) === 0 && !run.live) {
            return null;
        }
        const {scale, word, format} = perTime(run, counts);
        return {title: `Replayed per ${word}`, note: "writes that reached the primary after they had been acknowledged",
                height: 130, x: startsOf(run.charts), y: {format: numberText},
                series: [{label: "replayed", color: "--write", fill: "--write-fill", holds: true, format,
                          values: rates(run, some(counts), scale)}]};
    }

    function load(run, title, side, words) {
        if (most(side.offered) === 0) {
            return null;
        }
        const {scale, word, format} = perTime(run, side.offered);
        const parts = [["offered", "--muted", undefined, side.offered], [words, "--ok", "--ok-fill", side.accepted]];
        if (most(side.queued) > 0) {
            parts.push(["of them queued", "--warn", "--warn-fill", some(side.queued)]);
        }
        if (most(side.unserved) > 0) {
            parts.push(["refused or failed", "--bad", "--bad-fill", some(side.unserved)]);
        }
        return {title: `${title} per ${word}`, x: startsOf(run.charts), y: {format: numberText},
                series: parts.map(([label, color, fill, counts], i) => ({
                    label, color, fill, format, holds: true, width: i === 0 ? 1 : 1.5, values: rates(run, counts, scale)}))};
    }

    const positive = list => list.map(ms => ms === null || ms <= 0 ? null : ms);

    const OP_COLORS = ["--op-1", "--op-2", "--op-3", "--op-4", "--op-5", "--op-6", "--op-7", "--op-8"];
    const opColor = i => OP_COLORS[i % OP_COLORS.length];

    function latency(run, key, title) {
        const {bucket_s: length, end_s: end, buckets, operations} = run.charts;
        const shown = operations.filter(operation => most(operation[key]) > 0);
        if (shown.length === 0) {
            return null;
        }
        const middles = Array.from({length: buckets}, (_, i) => (i * length + Math.min(end, (i + 1) * length)) / 2);
        return {title, note: "by operation, log scale", height: HIGH, x: middles, y: {log: true, format: milliText},
                series: shown.map(operation => ({label: operation.op, color: opColor(operations.indexOf(operation)),
                                                 spans: true, values: positive(operation[key])}))};
    }

    const describe = run => ({
        x: charts.timeAxis(beginOf(run), run.charts.end_s),
        bands: run.faults.map(fault => ({start: fault.start_s, end: fault.end_s, color: "--fault-band"})),
        marks: [...run.phases.slice(1).map(phase => ({at: phase.start_s, color: "--phase-line", dash: [2, 3]})),
                ...failuresOf(run).map(check => ({at: check.at_s, color: "--bad"}))],
        charts: [
            whatWentOn(run),
            gauge(run, "pending", {title: "Pending writes", note: "acknowledged, not yet on the primary", label: "pending",
                                   format: numberText, figure: "pending_writes"}),
            gauge(run, "oldest_s", {title: "Oldest pending write", note: "its age", label: "age", format: timeText,
                                    figure: "oldest_pending", steps: charts.TIME_STEPS}),
            gauge(run, "failed_replays", {title: "Failed replays", note: "dead letters are among them", label: "failed",
                                          format: numberText, figure: "failed_replays", color: "--bad", fill: "--bad-fill"}),
            memory(run),
            replay(run),
            load(run, "Writes", run.charts.writes, "accepted"),
            load(run, "Reads", run.charts.reads, "answered"),
            latency(run, "p50_ms", "Latency, median"),
            latency(run, "p99_ms", "Latency, 99th percentile"),
        ],
    });

    return {describe, opColor};
})();
