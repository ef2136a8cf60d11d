/* How clients are served: requests a second and how long they took, by kind, as charts.js draws them.
 *
 *   served.describe(run)   three charts; run is live.run()'s
 *   served.newest(live)    of the newest look: {value, detail, state} for a tile
 *
 * A figure is of what was answered between two looks, so it is drawn over that stretch; where nothing was answered, or
 * nobody knows, there is a gap. */
"use strict";

const served = (() => {
    const {milliText} = charts;
    const KINDS = [["read", "reads", "--read"], ["write", "writes", "--write"], ["other", "other", "--muted"]];
    const FAILURES = [["refused", "--warn"], ["failed", "--bad"]];
    const PERCENTILES = [["p50", "Latency, median"], ["p99", "Latency, 99th percentile"]];
    const HIGH = 170;
    const EMPTY = {min: 1, max: 1000}; /* of an axis of milliseconds with nothing on it */

    const rateText = rate => `${+rate.toPrecision(3)}/s`;

    /* Both ends of every stretch; the second stands a little before the next begins. */
    const ends = ({at_s: at, since_s: since}) => at.flatMap((end, i) => {
        const start = i > 0 ? at[i - 1] : Math.min(since, end);
        return [start, end - (end - start) / 1000];
    });

    const twice = values => values.flatMap(value => [value, value]);

    /* No line along the bottom where nothing failed. */
    const some = rates => rates.map(rate => rate > 0 ? rate : null);

    function load({looks}) {
        const curve = (label, color, values) => ({label, color, format: rateText, values: twice(values)});
        return {title: "Requests per second", note: "answered between two looks, well or not; this page's own are not among them",
                x: ends(looks), y: {format: charts.numberText},
                series: [...KINDS.map(([kind, label, color]) => curve(label, color, looks[`${kind}_per_s`])),
                         ...FAILURES.map(([kind, color]) => curve(kind, color, some(looks[`${kind}_per_s`])))]};
    }

    function latency({looks}, [key, title]) {
        const columns = KINDS.map(([kind]) => looks[`${kind}_${key}_ms`]);
        const empty = columns.every(column => column.every(ms => ms === null));
        return {title, note: "by kind, log scale; interpolated inside the buckets of /metrics; above 30 s counts as 30 s",
                height: HIGH, x: ends(looks), y: {log: true, format: milliText, ...(empty ? EMPTY : {})},
                series: KINDS.map(([, label, color], i) => ({label, color, values: twice(columns[i])}))};
    }

    const describe = run => [load(run), ...PERCENTILES.map(percentile => latency(run, percentile))];

    function newest(look) {
        const rates = KINDS.map(([kind]) => look(`${kind}_per_s`));
        if (rates.some(rate => rate === null)) {
            return {value: "–", detail: "not known", state: ""};
        }
        const failures = FAILURES.map(([kind]) => [kind, look(`${kind}_per_s`)]).filter(([, rate]) => rate > 0);
        const [slowest] = KINDS.map(([kind, label]) => [label, look(`${kind}_p99_ms`)]).filter(([, ms]) => ms !== null)
            .sort((one, other) => other[1] - one[1]);
        return {value: rateText(rates.reduce((sum, rate) => sum + rate, 0)),
                detail: [...failures.map(([kind, rate]) => `${rateText(rate)} ${kind}`),
                         slowest === undefined ? "none answered" : `p99 of ${slowest[0]} ${milliText(slowest[1])}`].join("; "),
                state: look("failed_per_s") > 0 ? "bad" : look("refused_per_s") > 0 ? "warn" : ""};
    }

    return {describe, newest};
})();
