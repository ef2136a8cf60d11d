/* Lanes: what was so from when to when, a row for each kind of thing, as a chart of charts.js.
 *
 *   lanes.chart({title, note, rows, say})
 *
 * A row is {label, items: [{start, end, fill, text, ink, thin, inside}], dots: [{at, color, large}]}.  An item's text
 * stands inside of it if there is room (in the colour ink), else beside it, else nowhere; inside: nowhere but inside.
 * say(value) puts what was going on there into words, shown while the cursor is. */
"use strict";

const lanes = (() => {
    const ROW = 22;
    const PAD = 6;

    /* taken: to where the text of an earlier item reaches; returns to where texts reach now. */
    function drawItem(u, tools, row, index, top, height, taken) {
        const {ctx, bbox} = u;
        const {px, color} = tools;
        const item = row.items[index];
        const left = Math.max(u.valToPos(item.start, "x", true), bbox.left);
        const right = Math.min(u.valToPos(item.end, "x", true), bbox.left + bbox.width);
        if (right < bbox.left || left > bbox.left + bbox.width) {
            return taken;
        }
        const thick = item.thin ? height * 0.3 : height;
        ctx.fillStyle = color(item.fill);
        ctx.fillRect(left, top + (height - thick) / 2, Math.max(right - left, px(2)), thick);
        if (item.text === undefined) {
            return taken;
        }
        const wide = ctx.measureText(item.text).width;
        const next = row.items[index + 1];
        const until = next === undefined ? bbox.left + bbox.width : u.valToPos(next.start, "x", true);
        const before = row.items[index - 1];
        const since = Math.max(taken, before === undefined ? bbox.left : u.valToPos(before.end, "x", true));
        ctx.textAlign = "left";
        if (wide <= right - left - px(PAD + 4)) {
            ctx.fillStyle = color(item.ink);
            ctx.fillText(item.text, left + px(PAD), top + height / 2);
        } else if (item.inside) {
            return taken;
        } else if (wide + px(2 * PAD) <= until - right) {
            ctx.fillStyle = color("--text");
            ctx.fillText(item.text, right + px(PAD), top + height / 2);
            return right + px(PAD) + wide;
        } else if (wide + px(2 * PAD) <= left - since) {
            ctx.fillStyle = color("--text");
            ctx.fillText(item.text, left - px(PAD) - wide, top + height / 2);
        }
        return taken;
    }

    function drawDots(u, tools, dots, top, height) {
        const {ctx, bbox} = u;
        for (const dot of dots) {
            const x = u.valToPos(dot.at, "x", true);
            if (x >= bbox.left && x <= bbox.left + bbox.width) {
                ctx.fillStyle = tools.color(dot.color);
                ctx.beginPath();
                ctx.arc(x, top + height / 2, tools.px(dot.large ? 5.5 : 4), 0, 2 * Math.PI);
                ctx.fill();
            }
        }
    }

    function drawRows(u, tools, rows) {
        const {ctx, bbox} = u;
        const {px} = tools;
        const pitch = bbox.height / rows.length;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left - px(6), bbox.top, bbox.width + px(12), bbox.height); /* a dot at the very end is whole */
        ctx.clip();
        ctx.font = tools.font(11);
        ctx.textBaseline = "middle";
        rows.forEach((row, i) => {
            const top = bbox.top + i * pitch + px(3);
            const height = pitch - px(6);
            (row.items || []).reduce((taken, item, k) => drawItem(u, tools, row, k, top, height, taken), bbox.left);
            drawDots(u, tools, row.dots || [], top, height);
        });
        ctx.restore();
    }

    const chart = ({title, note, rows, say}) => rows.length === 0 ? null : {
        title,
        note,
        say,
        lanes: rows,
        height: rows.length * ROW + 34,
        axis: (axis, gutter) => axis({
            size: gutter,
            grid: {show: false},
            splits: () => rows.map((row, i) => rows.length - i - 0.5),
            values: () => rows.map(row => row.label),
        }),
        draw: (u, tools) => drawRows(u, tools, rows),
    };

    /* Spans that do not overlap share a row; label stands at the first one. */
    function pack(label, items) {
        const rows = [];
        for (const item of [...items].sort((a, b) => a.start - b.start)) {
            const row = rows.find(list => list[list.length - 1].end <= item.start);
            if (row === undefined) {
                rows.push([item]);
            } else {
                row.push(item);
            }
        }
        return rows.map((list, i) => ({label: i === 0 ? label : "", items: list}));
    }

    return {chart, pack};
})();
