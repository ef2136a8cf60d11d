/* What is known of the stack: asked for about once a second, kept for an hour, and set out as a run that timeline.js
 * can draw.
 *
 *   live.begin(moved)   asks for ever; moved() after each answer, and when there was none
 *   live.state          {last: the newest answer (harness/console/live.c), lost: why waldrill itself does not answer, lostSince}
 *   live.run(window_s)  the last window_s seconds (of the stack's time), 0 = all that is kept; looks: its samples as they came,
 *                       since_s when the one before them was taken
 *   live.newest(key)    the newest value of a column; null: not known */
"use strict";

const live = (() => {
    const BUCKETS = 60;
    const PATIENCE_MS = 5000;
    const state = {last: null, lost: null, lostSince: null};
    let samples = {at_s: []};
    let moved;

    /* --- asking ------------------------------------------------------------------------------------------- */

    function take(answer) {
        if (state.last === null || state.last.started_ms !== answer.started_ms) {
            samples = Object.fromEntries(Object.keys(answer.samples).map(key => [key, []])); /* another stack than before */
        }
        for (const [key, values] of Object.entries(answer.samples)) {
            samples[key].push(...values);
            samples[key].splice(0, samples[key].length - answer.kept);
        }
        state.last = answer;
        state.lost = state.lostSince = null;
    }

    async function ask() {
        const from = state.last === null ? 0 : state.last.next;
        const answer = await fetch(`/api/live?from=${from}`, {signal: AbortSignal.timeout(PATIENCE_MS)});
        if (!answer.ok) {
            throw new Error(`waldrill answers ${answer.status}`);
        }
        const document = await answer.json();
        if (state.last !== null && document.started_ms !== state.last.started_ms && from > 0) {
            state.last = null; /* a new stack at the old address: all of it, from its beginning */
            return ask();
        }
        take(document);
        return undefined;
    }

    async function turn() {
        try {
            await ask();
        } catch (error) {
            state.lost = error.name === "TimeoutError" ? `no answer within ${PATIENCE_MS / 1000} s`
                : error instanceof TypeError ? "nobody listens there any more" : error.message;
            state.lostSince = state.lostSince ?? Date.now();
        }
        moved();
        const period = state.last === null ? 1 : state.last.period_s / state.last.time_scale;
        setTimeout(turn, Math.max(period, 0.2) * 1000);
    }

    function begin(then) {
        moved = then;
        turn();
    }

    /* --- set out as a run ----------------------------------------------------------------------------------- */

    /* Spans of equal state, [start, end, "yes" | "no" | "unknown"]. */
    function strip(at, states, end) {
        const spans = [];
        states.forEach((value, i) => {
            const word = value === null ? "unknown" : value ? "yes" : "no";
            if (spans.length === 0 || spans.at(-1)[2] !== word) {
                if (spans.length > 0) {
                    spans.at(-1)[1] = at[i];
                }
                spans.push([at[i], end, word]);
            }
        });
        return spans;
    }

    /* total_replayed begins anew with a balancer that has lost its memory. */
    function replayedIn(part, start, length, buckets) {
        const counts = new Array(buckets).fill(0);
        let before = part.before;
        part.replayed.forEach((total, i) => {
            if (total !== null) {
                const bucket = Math.min(buckets - 1, Math.max(0, Math.floor((part.at_s[i] - start) / length)));
                counts[bucket] += before === null ? 0 : total >= before ? total - before : total;
                before = total;
            }
        });
        return counts;
    }

    const within = (span, start, end) => span.start_s < end && (span.end_s === null || span.end_s > start);

    function run(window_s) {
        const {last} = state;
        const end = Math.max(last.now_s, 1);
        const first = samples.at_s.length > 0 ? samples.at_s[0] : 0;
        const wanted = window_s > 0 ? Math.max(end - window_s, 0) : Math.max(first, 0);
        const length = charts.TIME_STEPS.find(step => step >= Math.max((end - wanted) / BUCKETS, last.period_s)) ?? end;
        const start = Math.floor(wanted / length) * length;
        const begin = samples.at_s.findIndex(at => at >= start);
        const from = begin === -1 ? samples.at_s.length : begin;
        const part = Object.fromEntries(Object.entries(samples).map(([key, values]) => [key, values.slice(from)]));
        part.before = samples.replayed.slice(0, from).findLast(value => value !== null) ?? null;
        const buckets = Math.max(1, Math.ceil((end - start) / length));
        const known = values => part.at_s.map((at, i) => [at, values[i]]).filter(([, value]) => value !== null);
        const answered = known(part.pending).map(([at]) => at);
        const column = key => known(part[key]).map(([, value]) => value);
        return {
            live: true,
            looks: {...part, since_s: from > 0 ? samples.at_s[from - 1] : start},
            assertions: [], phases: [], steps: [],
            faults: last.faults.filter(fault => within(fault, start, end)).map(fault => {
                const [target, name] = fault.name.split(": ");
                return {name, target, start_s: Math.max(fault.start_s, start), end_s: fault.end_s ?? end};
            }),
            alerts: last.rules.map(rule => ({...rule, firing: last.alerts
                .filter(alert => alert.name === rule.name && within(alert, start, end))
                .map(alert => [Math.max(alert.start_s, start), alert.end_s])})),
            charts: {
                start_s: start, end_s: end, bucket_s: length, buckets,
                writes: {offered: []}, reads: {offered: []}, operations: [],
                replayed: replayedIn(part, start, length, buckets),
                samples: {at_s: answered, ...Object.fromEntries(
                    ["pending", "oldest_s", "failed_replays", "replayed", "memory_bytes", "wal_bytes", "rss_bytes"]
                        .map(key => [key, column(key)]))},
                strips: {
                    primary: strip(part.at_s, part.primary, end),
                    replica: strip(part.at_s, part.replica, end),
                    balancer: strip(part.at_s, part.pending.map(value => value !== null), end),
                    replaying: strip(part.at_s, part.replaying, end),
                },
            },
        };
    }

    const newest = key => samples[key].at(-1) ?? null;

    return {begin, run, newest, state};
})();
