/* The page around the timeline: verdict, what is missing, figures, what failed, the runbook's steps, all checks,
 * events, how to see it again. */
"use strict";

(() => {
    const run = JSON.parse(document.getElementById("run").textContent);
    const page = document.getElementById("page");
    const {timeText, milliText, numberText, bytesText} = charts;
    let view;

    function show(at) {
        const reach = Math.max(15, run.charts.end_s / 20);
        view.look(at - reach, at + reach);
        view.at(at);
        document.getElementById("timeline").scrollIntoView({behavior: "smooth"});
    }

    const failed = check => !check.passed && !check.skipped;
    const at = seconds => seconds === null ? "" : timeText(seconds);
    const where = check => check.line === null ? "" : `${check.file}:${check.line}`;

    /* --- the top ------------------------------------------------------------------------------------------ */

    function headline() {
        const verdict = run.verdict.toLowerCase().replaceAll("_", "-");
        document.documentElement.dataset.verdict = verdict;
        return h("header", "", h("p", "eyebrow", `waldrill · ${run.scenario || ""} · ${run.engine || ""} engine`),
                 h("h1", "", h("span", `badge ${verdict}`, run.verdict.replaceAll("_", " ")),
                   h("span", "", run.title || run.scenario || "")),
                 h("p", "words", run.words || ""));
    }

    /* [part, whole]: the part large, the whole beside it */
    const ofAll = (part, whole) => [numberText(part), h("small", "", ` of ${numberText(whole)}`)];

    function tiles() {
        const {writes, reads} = run.account;
        const {series, checks} = run;
        const list = h("dl", "tiles");
        const made = checks.passed + checks.failed;
        const detail = made === 0 ? "the run got to none" : checks.failed > 0 ? `${checks.failed} failed`
            : checks.skipped > 0 ? `${checks.skipped} skipped` : "none failed";
        list.append(tile("Checks held", ofAll(checks.passed, made), detail, checks.failed > 0 ? "bad" : ""));
        if (writes.offered > 0) {
            const lost = writes.offered - writes.accepted;
            list.append(tile("Writes accepted", ofAll(writes.accepted, writes.offered),
                             lost > 0 ? `${writes.refused} refused, ${writes.failed} failed`
                                 : `${numberText(writes.queued)} of them queued`, lost > 0 ? "warn" : ""));
        }
        if (reads.offered > 0) {
            list.append(tile("Reads answered", ofAll(reads.answered, reads.offered),
                             `${numberText(reads.failed)} failed`, reads.failed > 0 ? "warn" : ""));
        }
        if (series.pending_max !== null) {
            list.append(tile("Most pending", numberText(series.pending_max),
                             series.oldest_pending_max_s !== null
                                 ? `the oldest ${timeText(Math.round(series.oldest_pending_max_s))}` : "none waited"));
            list.append(tile("Replayed", numberText(series.total_replayed),
                             `${series.failed_replays} failed, ${series.dead_letters} dead letters`,
                             series.failed_replays + series.dead_letters > 0 ? "bad" : ""));
        }
        if (writes.latency_ms.count > 0) {
            list.append(tile("Write latency p99", milliText(writes.latency_ms.p99),
                             `median ${milliText(writes.latency_ms.p50)}`));
        }
        if (run.account.lost_queue) {
            list.append(tile("Lost with memory", numberText(run.account.lost_on_crash), "queued writes", "bad"));
        }
        return list;
    }

    function failure(check) {
        const meta = h("p", "meta", where(check));
        if (check.at_s !== null) {
            const button = h("button", "", `at ${timeText(check.at_s)}, show`);
            button.addEventListener("click", () => show(check.at_s));
            meta.append(check.line === null ? "" : " · ", button);
        }
        return h("li", "failure", h("p", "", h("code", "", check.name), h("span", "kind", check.kind)),
                 h("dl", "facts", h("dt", "", "expected"), h("dd", "", check.expected || ""),
                   h("dt", "", "saw"), h("dd", "", check.saw || "")), meta);
    }

    /* Broken promises before missed expectations, as the verdict weighs them. */
    const KINDS = [["invariant", "Promises"], ["expect", "Expectations"], ["step", "Steps of the runbook"],
                   ["steady", "Steady state"], ["validity", "Does the run count?"], ["cleanup", "Cleaned up"]];

    function failures() {
        const list = KINDS.flatMap(([kind]) => run.assertions.filter(check => failed(check) && check.kind === kind));
        if (list.length === 0) {
            return null;
        }
        return section("failures", list.length === 1 ? "What failed" : `What failed: ${list.length} checks`,
                       h("ul", "failures", ...list.map(failure)));
    }

    /* --- below the timeline --------------------------------------------------------------------------------- */

    const stateOf = item => item.skipped || item.at_s === null ? "skipped" : item.passed ? "held" : "failed";
    const stepMark = step => h("span", `mark ${stateOf(step)}`, step.at_s === null ? "not run"
        : {skipped: "skipped", held: "held", failed: "FAILED"}[stateOf(step)]);
    const mark = item => item.skipped ? h("span", "mark skipped", "skipped")
        : item.passed ? h("span", "mark held", "held") : h("span", "mark failed", "FAILED");

    /* JSON, set out for reading; anything else, or JSON that was cut, as it came. */
    function readable(text) {
        try {
            return JSON.stringify(JSON.parse(text), null, 2);
        } catch {
            return text;
        }
    }

    /* How it was answered; what came back beside it when it is short, folded away when it is long. */
    function answer(step) {
        const how = `→ ${[step.outcome, step.status > 0 ? step.status : null].filter(Boolean).join(" ")}`;
        const text = step.output.trim();
        if (text.length <= 110 && !text.includes("\n")) {
            return h("p", "answer", how, text === "" ? null : h("code", "", text));
        }
        const cut = step.output_bytes > new TextEncoder().encode(step.output).length;
        return h("details", "", h("summary", "", `${how}, ${bytesText(step.output_bytes)}`),
                 h("pre", "", cut ? `${step.output}\n... cut here; results.json has all of it` : readable(step.output)));
    }

    /* "status = 200" beside "status == 200" says the name twice. */
    function seen(check, text) {
        const saw = check.saw || "";
        const parts = saw.split(" = ");
        return parts.length === 2 && text.startsWith(parts[0]) ? parts[1] : saw;
    }

    function stepItem(step) {
        const prefix = `${step.name}: `;
        const checks = run.assertions.filter(check => check.kind === "step" && check.name.startsWith(prefix));
        const item = check => {
            const text = check.name.slice(prefix.length);
            return h("li", failed(check) ? "failed" : check.skipped ? "skipped" : "held", h("code", "", text),
                     h("span", "saw", seen(check, text)));
        };
        return h("li", stateOf(step),
                 h("p", "step-head", h("span", "time", at(step.at_s)), h("strong", "", step.name), stepMark(step)),
                 step.command ? h("pre", "command", step.command.trim()) : null,
                 step.outcome === null ? null : answer(step),
                 checks.length === 0 ? null : h("ul", "step-checks", ...checks.map(item)));
    }

    function steps() {
        if (run.steps.length === 0) {
            return null;
        }
        return section("steps", "Steps of the runbook", run.runbook ? h("p", "note", `As ${run.runbook} has them.`) : null,
                       h("ol", "steps", ...run.steps.map(stepItem)));
    }

    function checkRow(check) {
        return h("tr", failed(check) ? "failed" : "", cell("", mark(check)), cell("check", h("code", "", check.name)),
                 cell("expected", check.expected || ""), cell("seen", check.saw || ""), cell("at", at(check.at_s)),
                 cell("line", check.line === null ? "" : String(check.line)));
    }

    function checks() {
        if (run.assertions.length === 0) {
            return null;
        }
        const bodies = [];
        for (const [kind, title] of KINDS) {
            const list = run.assertions.filter(check => check.kind === kind);
            if (list.length > 0) {
                const head = h("th", "", title);
                head.colSpan = 6;
                head.scope = "rowgroup";
                bodies.push(h("tbody", "", h("tr", "group", head),
                              ...[...list.filter(failed), ...list.filter(check => !failed(check))].map(checkRow)));
            }
        }
        const heads = ["", "check", "expected", "seen", "at", "line"].map(text => h("th", "", text));
        return section("checks", "All checks", h("div", "table", h("table", "checks",
            h("thead", "", h("tr", "", ...heads)), ...bodies)));
    }

    function faults() {
        if (run.faults.length === 0) {
            return null;
        }
        return section("faults", "Faults", table(["fault", "on", "what", "from", "to", "requests hit"],
            run.faults.map(fault => [fault.name, fault.target, fault.what, at(fault.start_s), at(fault.end_s),
                                     numberText(fault.hits)])));
    }

    function alerts() {
        const fired = run.alerts.filter(alert => alert.firing.length > 0);
        if (fired.length === 0) {
            return null;
        }
        const rows = fired.flatMap(alert => alert.firing.map(([from, to]) => [h("code", "", alert.name), alert.severity,
            `${alert.figure} above ${numberText(alert.above)}`, at(from), to === null ? "still firing" : at(to)]));
        return section("alerts", "Alerts that fired", h("p", "note", run.alerts_asked ? "As the balancer's /alerts had them."
            : "The guide's rules, worked out from /status: the scenario did not ask for /alerts."),
            table(["rule", "severity", "while", "from", "to"], rows));
    }

    function events() {
        if (run.events.length === 0) {
            return null;
        }
        const item = event => h("li", "", h("span", "time", at(event.at_s)), event.text);
        const list = h("ol", "events", ...run.events.map(item));
        const left = run.events_total - run.events.length;
        if (left > 0) {
            list.children[run.events.length / 2 - 1].after(h("li", "note", `${numberText(left)} more; results.json has them`));
        }
        return section("events", "What happened when", run.events.length > 40
            ? h("details", "", h("summary", "", `${numberText(run.events_total)} events`), list) : list);
    }

    function again() {
        const facts = h("dl", "facts");
        const fact = (name, value) => {
            if (value !== null && value !== undefined && value !== "") {
                facts.append(h("dt", "", name), h("dd", "", value));
            }
        };
        fact("scenario", run.file);
        fact("ran for", `${timeText(run.simulated_s || 0)} of scenario time in ${run.wall_s} s`);
        fact("journal", run.journal_hash === null ? "" : h("code", "", run.journal_hash));
        return section("again", "See it again", run.reproduce ? h("pre", "command", run.reproduce) : null, facts);
    }

    function foot() {
        const {samples_answered: samples, operations: made} = run.series;
        const drawn = run.charts.samples.at_s.length;
        const thinned = drawn < samples
            ? `${numberText(drawn)} of ${numberText(samples)} answers of /status are drawn: of each stretch of equal ` +
              "number the most and the fewest pending writes, the oldest one and the most memory. "
            : samples > 0 ? `All ${numberText(samples)} answers of /status are drawn. ` : "";
        const buckets = made > 0
            ? `Operations are counted and timed in buckets of ${timeText(run.charts.bucket_s)}, by when they were due; ` +
              "latency runs from then to the whole answer, and a percentile is the nearest rank. " : "";
        const times = run.time_scale === 1 ? "Times are scenario time. " : "Times are scenario time, which ran " +
            `${numberText(run.time_scale)} times as fast as the machine's; latencies are the machine's own. `;
        return h("footer", "", `${thinned}${buckets}${times}The same figures, for programs: `,
                 link("results.json", "results.json"), ", ", link("series.csv", "series.csv"), ", ",
                 link("junit.xml", "junit.xml"), "; for a pull request: ", link("report.md", "report.md"), ".");
    }

    /* --- the whole ------------------------------------------------------------------------------------------ */

    function missing() {
        if (run.missing.length === 0) {
            return null;
        }
        const part = section("missing", "What is missing", h("ul", "missing", ...run.missing.map(text => h("li", "", text))));
        part.setAttribute("role", "note");
        return part;
    }

    const NAMES = {failures: "What failed", timeline: "Timeline", latency: "Latency", operations: "Operations", steps: "Steps",
                   checks: "Checks", faults: "Faults", alerts: "Alerts", events: "Events", again: "See it again"};

    /* Links to the sections there are. */
    function contents(parts) {
        const nav = h("nav", "contents", ...parts.filter(part => NAMES[part.id] !== undefined)
            .map(part => link(`#${part.id}`, NAMES[part.id])));
        nav.setAttribute("aria-label", "Sections");
        return nav;
    }

    const place = h("div", "");
    const latency = operations.latency(run);
    const parts = [headline(), missing(), tiles(), failures(), section("timeline", "Timeline", place), latency, steps(),
                   operations.history(run, {show}), checks(), faults(), alerts(), events(), again(), foot()]
        .filter(part => part !== null);
    page.append(...parts);
    parts[0].after(contents(parts));

    place.setAttribute("aria-label", "Timeline. Arrow keys move the cursor, plus and minus zoom, Escape shows all.");
    view = charts.mount(place, () => timeline.describe(run));
    if (view.count() === 0) {
        place.replaceChildren(h("p", "note", "Nothing was seen over time, so there is nothing to draw."));
    }
    if (latency !== null) {
        latency.mount();
    }
    document.documentElement.dataset.ready = "yes";
})();
