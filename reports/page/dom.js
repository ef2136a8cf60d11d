/* Elements, for every page: whatever a run may have said reaches the page as text, never as markup. */
"use strict";

/* h("p", "words", "some ", h("b", "", "text")) */
function h(tag, style, ...children) {
    const element = document.createElement(tag);
    if (style) {
        element.className = style;
    }
    element.append(...children.filter(child => child !== null && child !== undefined));
    return element;
}

function link(href, text) {
    const a = h("a", "", text);
    a.href = href;
    return a;
}

function section(id, title, ...children) {
    const element = h("section", "", h("h2", "", title), ...children);
    element.id = id;
    return element;
}

/* On a narrow screen rows become cards: each cell then says which column it is of. */
function cell(label, ...content) {
    const td = h("td", "", ...content);
    td.dataset.label = label;
    return td;
}

const row = (heads, cells, style) => h("tr", style || "", ...cells.map((content, i) => cell(heads[i], content)));

const headRow = heads => h("thead", "", h("tr", "", ...heads.map(head => {
    const th = h("th", "", head);
    th.scope = "col";
    return th;
})));

const table = (heads, rows, style) => h("div", "table", h("table", style || "", headRow(heads),
                                                          h("tbody", "", ...rows.map(cells => row(heads, cells)))));

const tile = (label, value, detail, state) =>
    h("div", `tile ${state || ""}`, h("dt", "", label), h("dd", "", ...[value].flat()), h("p", "", detail));
