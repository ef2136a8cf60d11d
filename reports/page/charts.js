/* The timeline: lanes (phases, faults, steps, health) and charts that share one axis of time, one cursor and
 * one zoom.  uPlot draws; what it does not know (bands, marks, thresholds, lanes) is drawn into its canvas
 * by hooks.  Colours are the page's CSS variables, so that light, dark and print need no second set. */
"use strict";

const timeline = (() => {
    const ROW = 22;
    const CHART_HEIGHT = 150;
    const SYNC = "timeline";
    const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200,
                        86400];
    const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

    const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const px = value => value * uPlot.pxRatio;
    const font = size => `${px(size)}px ${FONT}`;

    /* 95.15 -> "1m35.2s" */
    function timeText(seconds) {
        const tenths = Math.round(seconds * 10);
        const hours = Math.floor(tenths / 36000);
        const minutes = Math.floor(tenths % 36000 / 600);
        const rest = tenths % 600 / 10;
        let text = hours > 0 ? `${hours}h` : "";
        text += minutes > 0 ? `${minutes}m` : "";
        return text === "" || rest > 0 ? `${text}${rest}s` : text;
    }

    function milliText(ms) {
        if (ms >= 1000) {
            return `${+(ms / 1000).toPrecision(3)} s`;
        }
        return ms >= 1 ? `${+ms.toPrecision(3)} ms` : `${+(ms * 1000).toPrecision(3)} µs`;
    }

    const numberText = value => value.toLocaleString("en-US", {maximumFractionDigits: 1});

    /* --- what is drawn into every chart ------------------------------------------------------------------- */

    /* Faults as bands behind the curves, a line where a phase begins. */
    function drawBackground(u, run) {
        const {ctx, bbox} = u;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        ctx.fillStyle = color("--fault-band");
        for (const fault of run.faults) {
            const left = u.valToPos(fault.start_s, "x", true);
            const right = u.valToPos(fault.end_s, "x", true);
            ctx.fillRect(left, bbox.top, Math.max(right - left, px(1)), bbox.height);
        }
        ctx.strokeStyle = color("--phase-line");
        ctx.lineWidth = px(1);
        ctx.setLineDash([px(2), px(3)]);
        for (const phase of run.phases.slice(1)) {
            drawVertical(u, phase.start_s);
        }
        ctx.restore();
    }

    function drawVertical(u, at) {
        const x = Math.round(u.valToPos(at, "x", true));
        u.ctx.beginPath();
        u.ctx.moveTo(x, u.bbox.top);
        u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
        u.ctx.stroke();
    }

    const failuresOf = run => run.assertions.filter(check => !check.passed && !check.skipped && check.at_s !== null);

    /* Where a check was first violated. */
    function drawFailures(u, run) {
        const {ctx, bbox} = u;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        ctx.strokeStyle = color("--bad");
        ctx.lineWidth = px(1);
        ctx.setLineDash([]);
        failuresOf(run).forEach(check => drawVertical(u, check.at_s));
        ctx.restore();
    }

    /* Labels stand by turns at the left and at the right end, so that near ones do not meet. */
    function drawThresholds(u, thresholds) {
        const {ctx, bbox} = u;
        ctx.save();
        ctx.font = font(11);
        thresholds.forEach((line, i) => {
            const y = Math.round(u.valToPos(line.value, "y", true));
            ctx.strokeStyle = ctx.fillStyle = color(line.color);
            ctx.lineWidth = px(1);
            ctx.setLineDash([px(5), px(4)]);
            ctx.beginPath();
            ctx.moveTo(bbox.left, y);
            ctx.lineTo(bbox.left + bbox.width, y);
            ctx.stroke();
            const above = y - bbox.top > px(15);
            const right = i % 2 === 0;
            ctx.textAlign = right ? "right" : "left";
            ctx.textBaseline = above ? "bottom" : "top";
            ctx.setLineDash([]);
            ctx.strokeStyle = color("--bg"); /* a halo: what lies behind a label does not cross it */
            ctx.lineWidth = px(3);
            ctx.lineJoin = "round";
            const at = [right ? bbox.left + bbox.width - px(4) : bbox.left + px(4), above ? y - px(1) : y + px(2)];
            ctx.strokeText(line.text, ...at);
            ctx.fillText(line.text, ...at);
        });
        ctx.restore();
    }

    /* --- options ------------------------------------------------------------------------------------------- */

    const isNarrow = () => document.documentElement.clientWidth < 600;
    const gutter = () => isNarrow() ? 50 : 78;

    const axis = extra => ({
        stroke: color("--muted"),
        font: `${isNarrow() ? 10 : 11}px ${FONT}`,
        grid: {stroke: color("--grid"), width: 1},
        ticks: {show: false},
        gap: 4,
        ...extra,
    });

    const timeAxis = () => axis({
        incrs: TIME_STEPS,
        space: isNarrow() ? 55 : 80,
        size: 24,
        values: (u, splits) => splits.map(timeText),
    });

    function options(run, width, height, chart) {
        return {
            width,
            height,
            padding: [8, 14, 0, 0],
            focus: {alpha: 1},
            cursor: {
                sync: {key: SYNC, scales: ["x", null]},
                y: false,
                drag: {x: true, y: false, dist: 5},
                points: {size: 6},
                /* Of values that hold until the next one, the one that holds at the cursor. */
                dataIdx: (u, i, nearest, at) => chart.holds && nearest > 0 && u.data[0][nearest] > at
                    ? nearest - 1 : nearest,
            },
            legend: {
                show: chart.series !== undefined,
                markers: {width: 2, dash: (u, i) => (u.series[i].dash || []).length > 0 ? "dashed" : "solid"},
                mount: chart.mountLegend,
            },
            scales: {
                x: {time: false, range: (u, min, max) => [min, max]},
                y: chart.scale,
            },
            series: [{label: "at", value: (u, at) => at === null ? "" : timeText(at)},
                     ...(chart.series || [{show: false}])],
            axes: [timeAxis(), chart.axis],
            hooks: {
                drawClear: [u => drawBackground(u, run)],
                draw: [u => {
                    drawThresholds(u, chart.thresholds || []);
                    (chart.draw || (() => {}))(u);
                    drawFailures(u, run);
                }],
                setCursor: chart.setCursor ? [chart.setCursor] : [],
                ready: [() => {
                    const root = document.documentElement;
                    root.dataset.charts = Number(root.dataset.charts || 0) + 1;
                }],
            },
        };
    }

    const legendText = format => (u, value) => value === null || value === undefined ? "" : format(value);

    /* A value that holds until the next one. */
    const holding = (label, stroke, format, extra) => ({
        label,
        stroke: color(stroke),
        width: 1.5,
        points: {show: false},
        paths: uPlot.paths.stepped({align: 1}),
        value: legendText(format),
        ...extra,
    });

    /* --- lanes -------------------------------------------------------------------------------------------- */

    /* Faults that do not overlap share a row. */
    function packFaults(faults) {
        const rows = [];
        for (const fault of [...faults].sort((a, b) => a.start_s - b.start_s)) {
            const row = rows.find(items => items[items.length - 1].end <= fault.start_s);
            const item = {
                start: fault.start_s,
                end: fault.end_s,
                fill: "--fault",
                text: `${fault.name} (${fault.what} on ${fault.target})`,
                ink: "--on-color",
            };
            if (row === undefined) {
                rows.push([item]);
            } else {
                row.push(item);
            }
        }
        return rows.map((items, i) => ({label: i === 0 ? "faults" : "", items}));
    }

    function healthRow(label, spans) {
        const look = {
            yes: {fill: "--ok-strip", thin: true},
            no: {fill: "--bad", text: "down", ink: "--on-color", inside: true},
            unknown: {fill: "--unknown", thin: true},
        };
        return {label, items: spans.map(([start, end, state]) => ({start, end, ...look[state]}))};
    }

    function laneRows(run) {
        const {strips} = run.charts;
        const rows = [];
        const failures = failuresOf(run);
        if (failures.length > 0) {
            rows.push({label: "failed", items: [], dots: failures});
        }
        if (run.phases.length > 0) {
            rows.push({label: "phases", items: run.phases.map((phase, i) => ({
                start: phase.start_s,
                end: phase.end_s,
                fill: i % 2 === 0 ? "--phase-a" : "--phase-b",
                text: phase.name,
                ink: "--text",
            }))});
        }
        rows.push(...packFaults(run.faults));
        const steps = run.steps.filter(step => step.at_s !== null);
        if (steps.length > 0) {
            rows.push({label: "steps", items: [], dots: steps});
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
            rows.push({label: "replay", items: replays.map(([start, end]) => ({
                start, end, fill: "--write", text: "replaying", ink: "--on-color",
            }))});
        }
        return rows;
    }

    function drawItem(u, row, index, top, height) {
        const {ctx, bbox} = u;
        const item = row.items[index];
        const left = Math.max(u.valToPos(item.start, "x", true), bbox.left);
        const right = Math.min(u.valToPos(item.end, "x", true), bbox.left + bbox.width);
        if (right < bbox.left || left > bbox.left + bbox.width) {
            return;
        }
        const thick = item.thin ? height * 0.3 : height;
        ctx.fillStyle = color(item.fill);
        ctx.fillRect(left, top + (height - thick) / 2, Math.max(right - left, px(2)), thick);
        if (item.text === undefined) {
            return;
        }
        const room = right - left - px(10);
        const wide = ctx.measureText(item.text).width;
        const next = row.items[index + 1];
        const until = next === undefined ? bbox.left + bbox.width : u.valToPos(next.start, "x", true);
        const before = row.items[index - 1];
        const since = before === undefined ? bbox.left : u.valToPos(before.end, "x", true);
        ctx.textAlign = "left";
        if (wide <= room) {
            ctx.fillStyle = color(item.ink);
            ctx.fillText(item.text, left + px(6), top + height / 2);
        } else if (item.inside) {
            return;
        } else if (wide + px(12) <= until - right) {
            ctx.fillStyle = color("--text");
            ctx.fillText(item.text, right + px(6), top + height / 2);
        } else if (wide + px(12) <= left - since) {
            ctx.fillStyle = color("--text");
            ctx.fillText(item.text, left - px(6) - wide, top + height / 2);
        }
    }

    function drawDots(u, dots, top, height) {
        const {ctx, bbox} = u;
        for (const step of dots) {
            const x = u.valToPos(step.at_s, "x", true);
            if (x < bbox.left || x > bbox.left + bbox.width) {
                continue;
            }
            ctx.fillStyle = color(step.skipped ? "--muted" : step.passed ? "--ok" : "--bad");
            ctx.beginPath();
            ctx.arc(x, top + height / 2, px(step.passed ? 4 : 5.5), 0, 2 * Math.PI);
            ctx.fill();
        }
    }

    function drawLanes(u, rows) {
        const {ctx, bbox} = u;
        const pitch = bbox.height / rows.length;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left - px(6), bbox.top, bbox.width + px(12), bbox.height); /* a dot at the very end is whole */
        ctx.clip();
        ctx.font = font(11);
        ctx.textBaseline = "middle";
        rows.forEach((row, i) => {
            const top = bbox.top + i * pitch + px(3);
            const height = pitch - px(6);
            row.items.forEach((item, k) => drawItem(u, row, k, top, height));
            drawDots(u, row.dots || [], top, height);
        });
        ctx.restore();
    }

    const lastAt = (list, at) => {
        let found;
        for (const item of list) {
            if (item[0] <= at) {
                found = item;
            }
        }
        return found;
    };

    /* What was going on at an instant, in words. */
    function readout(run, at) {
        const {strips} = run.charts;
        const words = [timeText(at)];
        const within = span => span.start_s <= at && at < span.end_s;
        const phase = run.phases.find(within);
        if (phase !== undefined) {
            words.push(phase.name);
        }
        words.push(...run.faults.filter(within).map(fault => fault.name));
        for (const name of ["primary", "replica", "balancer"]) {
            const span = lastAt(strips[name] || [], at);
            if (span !== undefined && span[2] === "no") {
                words.push(`${name} down`);
            }
        }
        const span = lastAt(strips.replaying, at);
        if (span !== undefined && span[2] === "yes") {
            words.push("replaying");
        }
        return words.join(" · ");
    }

    function lanes(run, place) {
        const rows = laneRows(run);
        if (rows.length === 0) {
            return null;
        }
        const say = place("What went on");
        const hint = say.textContent;
        return {
            height: rows.length * ROW + 34,
            data: [[0, run.charts.end_s], [null, null]],
            scale: {range: () => [0, rows.length]},
            axis: axis({
                size: gutter,
                grid: {show: false},
                splits: () => rows.map((row, i) => rows.length - i - 0.5),
                values: () => rows.map(row => row.label),
            }),
            draw: u => drawLanes(u, rows),
            setCursor: u => {
                const off = u.cursor.left === undefined || u.cursor.left < 0;
                say.textContent = off ? hint : readout(run, u.posToVal(u.cursor.left, "x"));
            },
        };
    }

    /* --- charts of values ------------------------------------------------------------------------------------ */

    const valueAxis = format => axis({
        size: gutter,
        space: 28,
        values: (u, splits) => splits.map(value => value === null ? "" : format(value)),
    });

    /* Samples of /status, with a gap where the balancer did not answer. */
    function sampleColumns(run, values) {
        const at = run.charts.samples.at_s;
        const points = at.map((t, i) => [t, values[i]]);
        for (const [start, , state] of run.charts.strips.balancer) {
            if (state === "no" && !at.includes(start)) {
                points.push([start, null]);
            }
        }
        points.sort((a, b) => a[0] - b[0]);
        return [points.map(point => point[0]), points.map(point => point[1])];
    }

    const most = list => list.reduce((top, value) => value !== null && value > top ? value : top, 0);

    function pending(run) {
        const values = run.charts.samples.pending;
        if (values.length === 0) {
            return null;
        }
        const top = Math.max(most(values) * 1.12, 60);
        return {
            holds: true,
            title: "Pending writes",
            note: "acknowledged, not yet on the primary",
            height: CHART_HEIGHT + 20,
            data: sampleColumns(run, values),
            scale: {range: () => [0, top]},
            axis: valueAxis(numberText),
            series: [holding("pending", "--write", numberText, {fill: color("--write-fill")})],
            thresholds: [{value: 50, text: "critical 50", color: "--bad"},
                         {value: 20, text: "high 20", color: "--warn"}],
        };
    }

    function oldest(run) {
        const values = run.charts.samples.oldest_s;
        if (most(values) <= 0) {
            return null;
        }
        const top = most(values) < 60 ? most(values) * 1.2 : Math.max(most(values) * 1.12, 345);
        return {
            holds: true,
            title: "Oldest pending write",
            note: "its age",
            height: CHART_HEIGHT - 20,
            data: sampleColumns(run, values),
            scale: {range: () => [0, top]},
            axis: {...valueAxis(timeText), incrs: TIME_STEPS},
            series: [holding("age", "--write", timeText, {fill: color("--write-fill")})],
            thresholds: top > 300 ? [{value: 300, text: "old 5m", color: "--warn"}] : [],
        };
    }

    /* Counts of buckets as rates; the last value is held to the end of the axis.  The last bucket is cut short by
     * the end of the run; one cut to a sliver would show a rate that never was. */
    function rates(run, counts, scale) {
        const {bucket_s: length, end_s: end} = run.charts;
        const lengthOf = i => Math.max(Math.min(end - i * length, length), length / 2);
        const values = counts.map((count, i) => count === null ? null : count * scale / lengthOf(i));
        return [...values, values[values.length - 1]];
    }

    function load(run, title, side, words) {
        if (most(side.offered) === 0) {
            return null;
        }
        const perMinute = most(side.offered) / run.charts.bucket_s < 3;
        const scale = perMinute ? 60 : 1;
        const rate = value => `${numberText(value)}/${perMinute ? "min" : "s"}`;
        const starts = side.offered.map((count, i) => i * run.charts.bucket_s);
        const top = most(rates(run, side.offered, scale)) * 1.15;
        const parts = [["offered", "--muted", undefined, side.offered, {width: 1}],
                       [words, "--ok", "--ok-fill", side.accepted, {}]];
        /* No line along the bottom where nothing was; the bucket after something steps down to it. */
        const some = counts => counts.map((count, i) => count === 0 && !(counts[i - 1] > 0) ? null : count);
        if (most(side.queued) > 0) {
            parts.push(["of them queued", "--warn", "--warn-fill", some(side.queued), {}]);
        }
        if (most(side.unserved) > 0) {
            parts.push(["refused or failed", "--bad", "--bad-fill", some(side.unserved), {}]);
        }
        return {
            holds: true,
            title: `${title} per ${perMinute ? "minute" : "second"}`,
            height: CHART_HEIGHT,
            data: [[...starts, run.charts.end_s], ...parts.map(part => rates(run, part[3], scale))],
            scale: {range: () => [0, top]},
            axis: valueAxis(numberText),
            series: parts.map(([label, stroke, fill, , extra]) =>
                holding(label, stroke, rate, {...extra, fill: fill && color(fill)})),
        };
    }

    function latency(run) {
        const {writes, reads, bucket_s: length, end_s: end, buckets} = run.charts;
        const lines = [["writes p50", "--write", writes.p50_ms], ["writes p99", "--write", writes.p99_ms],
                       ["reads p50", "--read", reads.p50_ms], ["reads p99", "--read", reads.p99_ms]]
            .filter(line => most(line[2]) > 0);
        if (lines.length === 0) {
            return null;
        }
        const middles = Array.from({length: buckets}, (_, i) => (i * length + Math.min(end, (i + 1) * length)) / 2);
        return {
            title: "Latency",
            note: "log scale",
            height: CHART_HEIGHT + 30,
            data: [middles, ...lines.map(line => line[2].map(ms => ms === null || ms <= 0 ? null : ms))],
            scale: {distr: 3, range: (u, min, max) => uPlot.rangeLog(min, max, 10, true)},
            axis: valueAxis(milliText),
            series: lines.map(([label, stroke]) => ({
                label,
                stroke: color(stroke),
                width: label.endsWith("p50") ? 2 : 1.25,
                dash: label.endsWith("p50") ? [] : [4, 3],
                points: {show: false},
                spanGaps: true,
                value: legendText(milliText),
            })),
        };
    }

    /* --- the whole ------------------------------------------------------------------------------------------- */

    let plots = [];

    function head(figure, title, note) {
        const line = document.createElement("div");
        line.className = "chart-head";
        const name = document.createElement("h3");
        name.textContent = title;
        line.append(name);
        if (note !== undefined) {
            const small = document.createElement("span");
            small.className = "chart-note";
            small.textContent = note;
            line.append(small);
        }
        figure.append(line);
        return line;
    }

    const HINT = "move to read, drag to zoom, double-click for the whole run";

    function draw(run, place, width) {
        plots.forEach(plot => plot.destroy());
        plots = [];
        place.replaceChildren();
        delete document.documentElement.dataset.charts;
        const {charts} = run;
        const makers = [
            figure => lanes(run, title => {
                const say = head(figure, title, HINT).lastChild;
                say.classList.add("readout");
                return say;
            }),
            () => pending(run),
            () => oldest(run),
            () => load(run, "Writes", charts.writes, "accepted"),
            () => load(run, "Reads", charts.reads, "answered"),
            () => latency(run),
        ];
        for (const make of makers) {
            const figure = document.createElement("figure");
            const chart = make(figure);
            if (chart === null) {
                continue;
            }
            if (chart.title !== undefined) {
                const line = head(figure, chart.title, chart.note);
                chart.mountLegend = (u, legend) => line.append(legend);
            }
            place.append(figure);
            const plot = new uPlot(options(run, width, chart.height, chart), chart.data, figure);
            plot.setScale("x", {min: 0, max: charts.end_s});
            plots.push(plot);
        }
        return plots.length;
    }

    /* Arrow keys move the cursor, + and - zoom around it, Escape shows the whole run. */
    function key(event, end) {
        if (plots.length === 0) {
            return;
        }
        const {min, max} = plots[0].scales.x;
        const width = plots[0].over.clientWidth;
        const left = plots[0].cursor.left >= 0 ? plots[0].cursor.left : width / 2;
        const middle = plots[0].posToVal(left, "x");
        const zoom = factor => ({
            min: Math.max(0, middle - (middle - min) * factor),
            max: Math.min(end, middle + (max - middle) * factor),
        });
        const moves = {ArrowLeft: -1, ArrowRight: 1};
        const spans = {Escape: () => ({min: 0, max: end}), "+": () => zoom(0.5), "-": () => zoom(2)};
        if (moves[event.key] !== undefined) {
            const to = Math.min(width, Math.max(0, left + moves[event.key] * (event.shiftKey ? 40 : 8)));
            plots.forEach(plot => plot.setCursor({left: to, top: 20}));
        } else if (spans[event.key] !== undefined) {
            const span = spans[event.key]();
            plots.forEach(plot => plot.setScale("x", span));
        } else {
            return;
        }
        event.preventDefault();
    }

    /* Shows the stretch around an instant. */
    function look(at, end) {
        const reach = Math.max(15, end / 20);
        const span = {min: Math.max(0, at - reach), max: Math.min(end, at + reach)};
        plots.forEach(plot => plot.setScale("x", span));
    }

    return {draw, key, look, timeText, milliText, numberText};
})();
