/* The debrief of a drill: the verdict in words, the operator's deeds on the axis of the run, each step with what the
 * guide expected and what was seen, what was missed, mistakes, hints. */
"use strict";

(() => {
    const {run, drill} = JSON.parse(document.getElementById("debrief").textContent);
    const page = document.getElementById("page");
    const {timeText, numberText} = charts;
    let view;

    const at = seconds => seconds === null ? "" : timeText(seconds);
    const since = seconds => seconds === null ? "never" : timeText(seconds);
    const COLORS = {done: "--ok", late: "--warn", wrong: "--bad", missed: "--bad", "not due": "--muted"};
    const MARKS = {done: "held", late: "skipped", wrong: "failed", missed: "failed", "not due": "skipped"};

    function show(seconds) {
        const reach = Math.max(15, run.charts.end_s / 20);
        view.look(seconds - reach, seconds + reach);
        view.at(seconds);
        document.getElementById("timeline").scrollIntoView({behavior: "smooth"});
    }

    function instant(seconds) {
        if (seconds === null) {
            return "";
        }
        const button = h("button", "", timeText(seconds));
        button.addEventListener("click", () => show(seconds));
        return button;
    }

    /* --- the top ------------------------------------------------------------------------------------------ */

    function headline() {
        const good = drill.score.missed + drill.score.wrong === 0 && drill.ended === null;
        const badge = good ? drill.score.late > 0 ? "badge invalid" : "badge pass" : "badge";
        document.documentElement.dataset.verdict = drill.verdict;
        return h("header", "", h("p", "eyebrow", `waldrill · drill ${drill.scenario} · ${drill.engine} engine · ${drill.auto
                     ? "played by waldrill from the runbook" : "played by a person"} at ${numberText(drill.speed)} times real time`),
                 h("h1", "", h("span", badge, drill.verdict), h("span", "", run.title || drill.scenario)),
                 h("p", "words", drill.words),
                 h("p", "note", `The system: ${drill.system}. ${drill.system_words || ""}`));
    }

    function tiles() {
        const {score} = drill;
        const list = h("dl", "tiles");
        list.append(tile("Points", [numberText(score.points), h("small", "", ` of ${numberText(score.of)}`)],
                         "2 a step; 1 when late or with a hint", score.points < score.of ? "warn" : ""));
        for (const [name, seconds, detail] of [["To detect", score.detect_s, "the first look"],
                ["To diagnose", score.diagnose_s, "a look that showed what the guide says"],
                ["To act", score.act_s, "the first change"],
                ["To recover", score.recover_s, "healthy, nothing pending"]]) {
            list.append(tile(name, since(seconds), detail, seconds === null ? "warn" : ""));
        }
        list.append(tile("Mistakes", numberText(score.mistakes), `${numberText(score.hints)} hints asked for`,
                         score.mistakes > 0 ? "bad" : ""));
        if (drill.lost_writes > 0) {
            list.append(tile("Lost by the restart", numberText(drill.lost_writes), "acknowledged writes, in memory only", "bad"));
        }
        return list;
    }

    /* --- the timeline: the run's own, with the operator's lanes on top -------------------------------------- */

    function operatorRows() {
        const rows = [];
        const steps = drill.steps.filter(step => step.due_s !== null);
        if (steps.length > 0) {
            rows.push({label: "expected", dots: steps.map(step => ({at: step.due_s, color: COLORS[step.verdict],
                                                                    large: step.verdict !== "done"}))});
        }
        if (drill.pages.length > 0) {
            rows.push({label: "pager", dots: drill.pages.map(told => ({at: told.at_s, color: told.clear ? "--ok" : "--warn"}))});
        }
        const deeds = drill.actions.filter(action => ["request", "command", "restart"].includes(action.deed));
        if (deeds.length > 0) {
            rows.push({label: "operator", dots: deeds.map(action => ({at: action.at_s, large: action.deed === "restart",
                color: action.mistake !== null ? "--bad" : action.step !== null ? "--ok" : "--write"}))});
        }
        if (drill.holds.length > 0) {
            rows.push({label: "held", items: drill.holds.map(([start, end]) => ({start, end, fill: "--unknown"}))});
        }
        return rows;
    }

    function readout(seconds) {
        const near = Math.max(1, run.charts.end_s / 150);
        const close = item => Math.abs(item.at_s - seconds) <= near;
        const words = [...drill.pages.filter(close).map(told => `pager: ${told.text}`),
                       ...drill.actions.filter(close).map(action => action.mistake === null ? action.text
                           : `${action.text} (${action.mistake})`),
                       ...drill.steps.filter(step => step.due_s !== null && Math.abs(step.due_s - seconds) <= near)
                           .map(step => `expected: ${step.name}`)];
        return [timeText(seconds), ...words.slice(0, 4)].join(" · ");
    }

    function describe() {
        const about = timeline.describe(run);
        const mine = lanes.chart({title: "Operator", note: "what was told, expected and done", rows: operatorRows(), say: readout});
        const marks = drill.incident_s === null ? [] : [{at: drill.incident_s, color: "--fault"}];
        return {...about, marks: [...about.marks, ...marks], charts: [mine, ...about.charts]};
    }

    /* --- below it ------------------------------------------------------------------------------------------- */

    function late(step) {
        if (step.late_s === null) {
            return "";
        }
        return Math.abs(step.late_s) < 1 ? "on time" : step.late_s > 0 ? `${timeText(Math.round(step.late_s))} after`
            : `${timeText(Math.round(-step.late_s))} before`;
    }

    function steps() {
        if (drill.steps.length === 0) {
            return null;
        }
        const heads = ["", "step", "due", "done", "", "the guide expects", "saw"];
        const cells = step => [
            h("span", `mark ${MARKS[step.verdict]}`, step.hints > 0 ? `${step.verdict}, hint` : step.verdict),
            [step.name, step.says ? h("p", "note", `guide, line ${step.guide_line}: ${step.says}`) : null],
            instant(step.due_s), instant(step.done_s), late(step), h("code", "", step.expects),
            step.saw === null ? step.verdict === "not due" ? "" : "not looked at" : step.saw];
        const rows = drill.steps.map(step => h("tr", "", ...cells(step).map((content, i) =>
            cell(heads[i], ...[content].flat().filter(part => part !== null)))));
        return section("steps", "Steps of the runbook", drill.runbook ? h("p", "note", `As ${drill.runbook} has them.`) : null,
                       h("div", "table", h("table", "drill", headRow(heads), h("tbody", "", ...rows))));
    }

    function missed() {
        const list = drill.steps.filter(step => step.verdict === "missed" || step.verdict === "wrong");
        if (list.length === 0) {
            return null;
        }
        const item = step => h("li", "failure", h("p", "", h("code", "", step.name), h("span", "kind", step.verdict)),
            h("dl", "facts", h("dt", "", "the guide"), h("dd", "", step.says || "has no words for it"),
              h("dt", "", "expects"), h("dd", "", step.expects), h("dt", "", "saw"), h("dd", "", step.saw || "it was not looked at"),
              h("dt", "", "type"), h("dd", "", h("pre", "", step.command.trim()))));
        return section("missed", list.length === 1 ? "What was missed" : `What was missed: ${list.length} steps`,
                       h("ul", "failures", ...list.map(item)));
    }

    function mistakes() {
        const list = drill.actions.filter(action => action.mistake !== null);
        if (list.length === 0) {
            return null;
        }
        return section("mistakes", "Mistakes", table(["at", "what was done", "what was wrong"],
            list.map(action => [instant(action.at_s), h("code", "", action.text), action.mistake])));
    }

    function hints() {
        const list = drill.actions.filter(action => action.deed === "hint");
        return list.length === 0 ? null : section("hints", "Hints asked for", table(["at", "for"],
            list.map(action => [instant(action.at_s), action.step || "nothing that was open"])));
    }

    function story() {
        const told = drill.pages.map(item => ({at: item.at_s, who: "pager", text: item.text}));
        const did = drill.actions.map(item => ({at: item.at_s, who: item.deed, text: item.status > 0 && item.deed === "request"
            ? `${item.text} → ${item.status}` : item.deed === "request" && item.status === 0 ? `${item.text} → ${item.outcome}` : item.text}));
        const all = [...told, ...did].sort((a, b) => a.at - b.at);
        if (all.length === 0) {
            return null;
        }
        const list = h("ol", "events", ...all.map(item => h("li", "", h("span", "time", at(item.at)), `${item.who}: ${item.text}`)));
        return section("story", "What happened when", all.length > 40
            ? h("details", "", h("summary", "", `${numberText(all.length)} entries`), list) : list);
    }

    function foot() {
        return h("footer", "", "Times are scenario time, as in report.html; the first phase began at ",
                 `${timeText(drill.start_s)}. What was held by pause counts in no span of the score. For programs: `,
                 link("drill.json", "drill.json"), "; in text: ", link("debrief.md", "debrief.md"), ", ",
                 link("transcript.txt", "transcript.txt"), "; how the system did: ", link("report.html", "report.html"), ".");
    }

    const place = h("div", "");
    page.append(...[headline(), tiles(), missed(), mistakes(), section("timeline", "Timeline", place), steps(), hints(), story(),
                    foot()].filter(part => part !== null));
    place.setAttribute("aria-label", "Timeline. Arrow keys move the cursor, plus and minus zoom, Escape shows all.");
    view = charts.mount(place, describe);
    document.documentElement.dataset.ready = "yes";
})();
