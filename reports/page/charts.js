/* Charts that share one axis, one cursor and one zoom, for every page of waldrill's reports.
 *
 *   const view = charts.mount(place, () => description);
 *
 * draws what the description says below each other into the element place, and again when the width, the light or
 * the paper changes; view.refresh() asks for the description anew (a live page), view.look(from, to) shows a stretch,
 * view.at(value) puts the cursor there.  place takes the keyboard: arrows move the cursor (Shift: far), + and - zoom,
 * Escape shows all.  A description:
 *
 *   {x: {min, max, format, steps, splits},   the axis all share; format makes text of a value; steps: distances liked
 *                                            between ticks, or splits: where they stand
 *    bands: [{start, end, color}],           behind the curves of all charts
 *    marks: [{at, color, dash}],             lines across all charts
 *    charts: [chart, ...]}                   null among them is left out
 *
 *   chart = {title, note, height,
 *            x: [...],                       rising
 *            series: [{label, values: [...], color, fill, dash, width, holds, spans, format}],
 *                                            holds: a value holds until the next one; spans: across gaps
 *            thresholds: [{value, text, color}],
 *            y: {min, max, log, format, steps},
 *            lanes, axis, draw, say}         instead of series: lanes.js makes them
 *
 * Colours are names of the page's CSS variables ("--write"), so that light, dark and print need no second set.  uPlot
 * draws; what it does not know (bands, marks, thresholds, lanes) is drawn into its canvas by hooks. */
"use strict";

const charts = (() => {
    const CHART_HEIGHT = 150;
    const PAPER_WIDTH = 680;
    const TIME_STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600,
                        900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
    const BYTE_STEPS = Array.from({length: 50}, (_, i) => 2 ** i);
    const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

    const color = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const px = value => value * uPlot.pxRatio;
    const font = size => `${px(size)}px ${FONT}`;

    /* --- texts ------------------------------------------------------------------------------------------- */

    /* 95.15 -> "1m35.2s"; below a second three digits */
    function timeText(seconds) {
        if (Math.abs(seconds) < 1 && seconds !== 0) {
            return `${+seconds.toPrecision(3)}s`;
        }
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
        return ms >= 1 || ms === 0 ? `${+ms.toPrecision(3)} ms` : `${+(ms * 1000).toPrecision(3)} µs`;
    }

    const numberText = value => value.toLocaleString("en-US", {maximumFractionDigits: 1});

    function bytesText(bytes) {
        const units = ["B", "KiB", "MiB", "GiB", "TiB"];
        let unit = 0;
        for (; bytes >= 1024 && unit + 1 < units.length; unit++) {
            bytes /= 1024;
        }
        return `${unit === 0 ? bytes : +bytes.toPrecision(3)} ${units[unit]}`;
    }

    const most = list => list.reduce((top, value) => value !== null && value > top ? value : top, 0);

    /* --- what is drawn into every chart ------------------------------------------------------------------- */

    function clipped(u, paint) {
        const {ctx, bbox} = u;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
        ctx.clip();
        paint(ctx, bbox);
        ctx.restore();
    }

    const drawBands = (u, bands) => clipped(u, (ctx, bbox) => {
        for (const band of bands) {
            const left = u.valToPos(band.start, "x", true);
            const right = u.valToPos(band.end, "x", true);
            ctx.fillStyle = color(band.color);
            ctx.fillRect(left, bbox.top, Math.max(right - left, px(1)), bbox.height);
        }
    });

    const drawMarks = (u, marks) => clipped(u, (ctx, bbox) => {
        ctx.lineWidth = px(1);
        for (const mark of marks) {
            const x = Math.round(u.valToPos(mark.at, "x", true));
            ctx.strokeStyle = color(mark.color);
            ctx.setLineDash((mark.dash || []).map(px));
            ctx.beginPath();
            ctx.moveTo(x, bbox.top);
            ctx.lineTo(x, bbox.top + bbox.height);
            ctx.stroke();
        }
    });

    /* Labels stand by turns at the right and at the left end, so that near ones do not meet. */
    const drawThresholds = (u, thresholds) => clipped(u, (ctx, bbox) => {
        ctx.font = font(11);
        thresholds.filter(line => line.value >= u.scales.y.min && line.value <= u.scales.y.max).forEach((line, i) => {
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
    });

    /* --- options of one chart ----------------------------------------------------------------------------- */

    const isNarrow = () => document.documentElement.clientWidth < 600;
    const gutter = () => isNarrow() ? 54 : 78;

    const axis = extra => ({
        stroke: color("--muted"),
        font: `${isNarrow() ? 10 : 11}px ${FONT}`,
        grid: {stroke: color("--grid"), width: 1},
        ticks: {show: false},
        gap: 4,
        ...extra,
    });

    const sharedAxis = x => axis({
        space: isNarrow() ? 55 : 80,
        size: 24,
        values: (u, splits) => splits.map(value => value === null ? "" : x.format(value)),
        ...(x.steps === undefined ? {} : {incrs: x.steps}),
        ...(x.splits === undefined ? {} : {splits: (u, i, min, max) => x.splits.filter(at => at >= min && at <= max)}),
    });

    const valueAxis = y => axis({
        size: gutter,
        space: 28,
        values: (u, splits) => splits.map(value => value === null ? "" : y.format(value)),
        ...(y.steps === undefined ? {} : {incrs: y.steps}),
    });

    /* of() gives what is asked for now: the range moves with it */
    const valueScale = of => of().log
        ? {distr: 3, range: (u, min, max) => uPlot.rangeLog(of().min || min, of().max || max, 10, true)}
        : {range: (u, min, max) => [of().min || 0, of().max === undefined ? Math.max(max, 1) * 1.12 : of().max]};

    const seriesOf = (series, y) => ({
        label: series.label,
        stroke: color(series.color),
        width: series.width || 1.5,
        dash: series.dash || [],
        points: {show: false},
        spanGaps: series.spans === true,
        value: (u, value) => value === null || value === undefined ? "" : (series.format || y.format)(value),
        ...(series.fill === undefined ? {} : {fill: color(series.fill)}),
        ...(series.holds ? {paths: uPlot.paths.stepped({align: 1})} : {}),
    });

    /* Of values that hold until the next one, the one that holds at the cursor. */
    const indexAt = chart => (u, i, nearest, at) =>
        chart.series.some(series => series.holds) && nearest > 0 && u.data[0][nearest] > at ? nearest - 1 : nearest;

    /* now() gives [description, chart] of the moment: they change below a plot that stays. */
    function options(now, width, key, legendPlace) {
        const [about, chart] = now();
        const current = () => now()[1];
        const lanes = chart.lanes !== undefined;
        const of = () => ({format: numberText, ...current().y});
        const y = of();
        return {
            width,
            height: chart.height || CHART_HEIGHT,
            padding: [8, 14, 0, 0],
            focus: {alpha: 1},
            cursor: {
                sync: {key, scales: ["x", null]},
                y: false,
                drag: {x: true, y: false, dist: 5},
                points: {size: 6},
                ...(lanes ? {} : {dataIdx: indexAt(chart)}),
            },
            legend: {
                show: !lanes,
                markers: {width: 2, dash: (u, i) => (u.series[i].dash || []).length > 0 ? "dashed" : "solid"},
                mount: (u, legend) => legendPlace.append(legend),
            },
            scales: {
                x: {time: false, range: (u, min, max) => [min, max]},
                y: lanes ? {range: () => [0, chart.lanes.length]} : valueScale(of),
            },
            series: [{label: "at", value: (u, at) => at === null ? "" : about.x.format(at)},
                     ...(lanes ? [{show: false}] : chart.series.map(series => seriesOf(series, y)))],
            axes: [sharedAxis(about.x), lanes ? chart.axis(axis, gutter) : valueAxis(y)],
            hooks: {
                drawClear: [u => drawBands(u, now()[0].bands || [])],
                draw: [u => {
                    drawThresholds(u, current().thresholds || []);
                    if (lanes) {
                        current().draw(u, {color, px, font});
                    }
                    drawMarks(u, now()[0].marks || []);
                }],
                setCursor: chart.say === undefined ? [] : [u => {
                    const off = u.cursor.left === undefined || u.cursor.left < 0;
                    legendPlace.lastChild.textContent = off ? chart.note || "" : current().say(u.posToVal(u.cursor.left, "x"));
                }],
                ready: [() => {
                    const root = document.documentElement;
                    root.dataset.charts = Number(root.dataset.charts || 0) + 1;
                }],
            },
        };
    }

    /* --- a group of charts -------------------------------------------------------------------------------- */

    function head(figure, chart) {
        const line = document.createElement("div");
        const name = document.createElement("h3");
        const note = document.createElement("span");
        line.className = "chart-head";
        name.textContent = chart.title;
        note.className = chart.say === undefined ? "chart-note" : "chart-note readout";
        note.textContent = chart.note || "";
        line.append(name, note);
        figure.append(line);
        return line;
    }

    const tableOf = (about, chart) => chart.lanes !== undefined ? [[about.x.min, about.x.max], [null, null]]
        : [chart.x, ...chart.series.map(series => series.values)];

    let groups = 0;

    function mount(place, describe) {
        const key = `charts-${++groups}`;
        let plots = [];
        let about;
        let list;
        let width = 0;

        function take() {
            about = describe();
            list = about.charts.filter(chart => chart !== null);
        }

        /* Charts of one shape differ in nothing but what is drawn in them. */
        const shape = () => JSON.stringify(list.map(chart => [
            chart.title, chart.note, chart.height, (chart.lanes || chart.series).map(line => line.label)]));

        const show = span => plots.forEach(plot => plot.setScale("x", span));

        function paint(wanted, span) {
            const root = document.documentElement;
            plots.forEach(plot => plot.destroy());
            root.dataset.charts = Number(root.dataset.charts || 0) - plots.length;
            plots = [];
            place.replaceChildren();
            width = wanted;
            list.forEach((chart, i) => {
                const figure = document.createElement("figure");
                figure.setAttribute("aria-label", chart.title);
                const line = head(figure, chart);
                place.append(figure);
                plots.push(new uPlot(options(() => [about, list[i]], width, key, line), tableOf(about, chart), figure));
            });
            show(span || {min: about.x.min, max: about.x.max});
        }

        /* Where a person has zoomed stays; who looks at all goes on looking at all. */
        function zoomed() {
            const {min, max} = plots.length > 0 ? plots[0].scales.x : about.x;
            return min > about.x.min || max < about.x.max ? {min, max} : undefined;
        }

        function refresh() {
            const span = zoomed();
            take();
            paint(width, span);
        }

        /* As refresh, for what grows: as long as the charts have the same shape plots, cursor and legend stay. */
        function advance() {
            const span = zoomed();
            const before = shape();
            take();
            if (shape() !== before) {
                paint(width, span);
                return;
            }
            plots.forEach((plot, i) => {
                plot.setData(tableOf(about, list[i]), false);
                plot.setScale("x", span || {min: about.x.min, max: about.x.max});
            });
        }

        function at(value) {
            plots.forEach(plot => plot.setCursor({left: plot.valToPos(value, "x"), top: 20}));
        }

        function onKey(event) {
            if (plots.length === 0 || event.ctrlKey || event.metaKey || event.altKey) {
                return;
            }
            const {min, max} = plots[0].scales.x;
            const wide = plots[0].over.clientWidth;
            const left = plots[0].cursor.left >= 0 ? plots[0].cursor.left : wide / 2;
            const middle = plots[0].posToVal(left, "x");
            const zoom = factor => ({
                min: Math.max(about.x.min, middle - (middle - min) * factor),
                max: Math.min(about.x.max, middle + (max - middle) * factor),
            });
            const moves = {ArrowLeft: -1, ArrowRight: 1};
            const spans = {Escape: () => ({min: about.x.min, max: about.x.max}), "+": () => zoom(0.5), "=": () => zoom(0.5),
                           "-": () => zoom(2)};
            if (moves[event.key] !== undefined) {
                const to = Math.min(wide, Math.max(0, left + moves[event.key] * (event.shiftKey ? 40 : 8)));
                plots.forEach(plot => plot.setCursor({left: to, top: 20}));
            } else if (spans[event.key] !== undefined) {
                show(spans[event.key]());
            } else {
                return;
            }
            event.preventDefault();
        }

        const repaint = () => paint(place.clientWidth);
        place.classList.add("charts");
        place.tabIndex = 0;
        place.setAttribute("role", "group");
        place.addEventListener("keydown", onKey);
        take();
        repaint();
        new ResizeObserver(() => {
            if (place.clientWidth !== width && place.clientWidth > 0 && !matchMedia("print").matches) {
                repaint();
            }
        }).observe(place);
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);
        /* Paper is light and narrow. */
        addEventListener("beforeprint", () => {
            document.documentElement.classList.add("paper");
            paint(PAPER_WIDTH);
        });
        addEventListener("afterprint", () => {
            document.documentElement.classList.remove("paper");
            repaint();
        });
        return {refresh, advance, at, look: (from, to) => show({min: Math.max(about.x.min, from), max: Math.min(about.x.max, to)}),
                count: () => plots.length};
    }

    const timeAxis = (min, max) => ({min, max, format: timeText, steps: TIME_STEPS});

    return {mount, timeAxis, TIME_STEPS, BYTE_STEPS, timeText, milliText, numberText, bytesText, most};
})();
