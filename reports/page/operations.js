/* How operations went: their latency as percentiles, over the whole run and as a curve, and one by one with a filter.
 * A run may have made a million; results.json says which ones it kept and why (docs/reports.md). */
"use strict";

const operations = (() => {
    const {milliText, numberText, timeText} = charts;
    const PAGE = 50;

    /* --- percentiles ------------------------------------------------------------------------------------- */

    /* 90, 99, 99.9 % stand equally far apart: the tail is what a curve is for. */
    const place = percent => -Math.log10(1 - percent / 100);
    const TICKS = [0, 50, 75, 90, 95, 99, 99.9, 99.99, 99.999];

    const percentText = value => `${+(100 * (1 - 10 ** -value)).toFixed(3)}%`;

    function curve(run) {
        const {curve_percents: percents, operations: kinds} = run.charts;
        const timed = kinds.filter(kind => kind.latency_ms.count > 0);
        const last = Math.max(...timed.map(kind => kind.curve_ms.findLastIndex(ms => ms !== null)));
        return {
            x: {min: 0, max: place(percents[last]), format: percentText, splits: TICKS.map(place)},
            charts: [{
                title: "Latency by percentile", note: "the share of answers that were at most this slow, log scale",
                height: 240, x: percents.slice(0, last + 1).map(place), y: {log: true, format: milliText},
                series: timed.map(kind => ({label: kind.op, color: timeline.opColor(kinds.indexOf(kind)),
                    values: kind.curve_ms.slice(0, last + 1).map(ms => ms === null || ms <= 0 ? null : ms)})),
            }],
        };
    }

    function latency(run) {
        const kinds = run.charts.operations;
        if (!kinds.some(kind => kind.latency_ms.count > 0)) {
            return null;
        }
        const heads = ["operation", "offered", "accepted", "median", "90%", "99%", "slowest"];
        const ms = value => value === null ? "" : milliText(value);
        const rows = kinds.map(({op, offered, accepted, latency_ms: took}) =>
            [h("code", "", op), numberText(offered), numberText(accepted), ms(took.p50), ms(took.p90), ms(took.p99), ms(took.max)]);
        const box = h("div", "");
        const part = section("latency", "Latency by operation", table(heads, rows, "figures wide"), box);
        part.mount = () => {
            charts.mount(box, () => curve(run));
            box.setAttribute("aria-label", "Percentile curve. Arrow keys move the cursor.");
        };
        return part;
    }

    /* --- one by one -------------------------------------------------------------------------------------- */

    /* Why an operation is shown is worth a word only where others are not. */
    function listOf(history) {
        const whole = history.total === history.due_s.length;
        const reasons = history.reasons.map(reason => whole && reason === "sampled" ? "" : reason);
        return history.due_s.map((due, i) => {
            const where = history.collection[i] === null ? "" : history.collections[history.collection[i]];
            const record = history.record[i] === null ? "" : `doc-${String(history.record[i]).padStart(6, "0")}`;
            const outcome = history.outcomes[history.outcome[i]];
            return {
                due, latency: history.latency_ms[i], op: history.ops[history.op[i]], on: `${where} ${record}`.trim(),
                what: outcome === "answered" ? `answered ${history.status[i]}` : outcome,
                queued: history.queued[i] === 1, reason: reasons[history.reason[i]],
            };
        });
    }

    function select(label, choices, change) {
        const box = h("select", "", ...choices.map(([value, text]) => {
            const option = h("option", "", text);
            option.value = value;
            return option;
        }));
        box.addEventListener("change", () => change(box.value));
        return h("label", "", `${label} `, box);
    }

    function search(label, hint, change) {
        const box = h("input", "");
        box.type = "search";
        box.placeholder = hint;
        box.addEventListener("input", () => change(box.value.trim().toLowerCase()));
        return h("label", "grow", `${label} `, box);
    }

    /* What the list does not hold, in words. */
    function leftOut(history, list) {
        const left = history.total - list.length;
        if (left === 0) {
            return `All ${numberText(history.total)} operations of the run.`;
        }
        const failed = list.filter(item => item.reason === "not served").length;
        const slow = list.filter(item => item.reason === "slow").length;
        return `${numberText(list.length)} of the run's ${numberText(history.total)} operations: ` +
            (failed === history.failed ? `all ${numberText(failed)} that were not served`
                : `an even sample of ${numberText(failed)} of the ${numberText(history.failed)} that were not served`) +
            `, the ${numberText(slow)} slowest of the others, and an even sample of the rest.`;
    }

    const HEADS = ["at", "operation", "on", "what came of it", "after", "why shown"];

    function item(view, entry) {
        const when = h("button", "", timeText(entry.due));
        when.title = "show in the timeline";
        when.addEventListener("click", () => view.show(entry.due));
        return row(HEADS, [when, h("code", "", entry.op), entry.on, entry.queued ? `${entry.what}, queued` : entry.what,
                           entry.latency === null ? "" : milliText(entry.latency), entry.reason],
                   entry.reason === "not served" ? "failed" : "");
    }

    const ORDERS = {
        time: (a, b) => a.due - b.due,
        slow: (a, b) => (b.latency === null ? Infinity : b.latency) - (a.latency === null ? Infinity : a.latency),
    };
    const KINDS = {
        all: () => true,
        failed: entry => entry.reason === "not served",
        queued: entry => entry.queued,
        slow: entry => entry.reason === "slow",
    };

    /* view.show(at) leads to an instant of the timeline. */
    function history(run, view) {
        const list = listOf(run.history);
        if (list.length === 0) {
            return null;
        }
        const wanted = {kind: list.some(KINDS.failed) ? "failed" : "all", op: "", words: "", order: "time", room: PAGE};
        const body = h("tbody", "");
        const said = h("p", "note", "");
        const more = h("button", "more", "");
        said.setAttribute("role", "status");

        function paint() {
            const found = list.filter(entry => KINDS[wanted.kind](entry) && (wanted.op === "" || entry.op === wanted.op) &&
                (wanted.words === "" || `${entry.on} ${entry.what} ${entry.op}`.toLowerCase().includes(wanted.words)))
                .sort(ORDERS[wanted.order]);
            body.replaceChildren(...found.slice(0, wanted.room).map(entry => item(view, entry)));
            said.textContent = `${numberText(found.length)} found.`;
            said.dataset.found = found.length;
            more.hidden = found.length <= wanted.room;
            more.textContent = `${numberText(Math.min(PAGE, found.length - wanted.room))} more`;
        }

        const change = key => value => {
            wanted[key] = value;
            wanted.room = PAGE;
            paint();
        };
        more.addEventListener("click", () => {
            wanted.room += PAGE;
            paint();
        });
        const kinds = [["all", "all"], ["failed", "not served"], ["queued", "queued"], ["slow", "slowest"]]
            .filter(([kind]) => list.some(KINDS[kind]));
        const names = [...new Set(list.map(entry => entry.op))].sort();
        const which = select("Show", kinds, change("kind"));
        which.querySelector("select").value = wanted.kind;
        const filter = h("form", "filter", which, select("operation", [["", "any"], ...names.map(name => [name, name])], change("op")),
                         select("by", [["time", "time"], ["slow", "latency"]], change("order")),
                         search("with", "collection, record, status", change("words")));
        filter.addEventListener("submit", event => event.preventDefault());
        paint();
        return section("operations", "Operations", h("p", "note", leftOut(run.history, list)), filter, said,
                       h("div", "table", h("table", "operations", headRow(HEADS), body)), more);
    }

    return {latency, history};
})();
