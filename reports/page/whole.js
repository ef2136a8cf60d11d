/* A gallery that holds its pages: a link opens the page in a frame over the list, Escape or "All runs" closes it. */
"use strict";

(() => {
    const opened = document.getElementById("opened");
    const frame = opened.querySelector("iframe");
    const pages = new Map([...document.querySelectorAll("script[data-page]")].map(held => [held.dataset.page, held]));
    const show = () => {
        const held = pages.get(decodeURIComponent(location.hash.slice(1)));
        opened.hidden = held === undefined;
        document.body.style.overflow = opened.hidden ? "" : "hidden";
        frame.srcdoc = held === undefined ? "" : JSON.parse(held.textContent);
        if (!opened.hidden)
            frame.focus();
    };
    for (const link of document.querySelectorAll("main a[href]")) {
        const name = decodeURI(link.getAttribute("href"));
        if (pages.has(name))
            link.href = `#${encodeURIComponent(name)}`;
    }
    const close = event => {
        if (event.key === "Escape")
            location.hash = "";
    };
    frame.addEventListener("load", () => frame.contentDocument.addEventListener("keydown", close));
    document.addEventListener("keydown", close);
    window.addEventListener("hashchange", show);
    show();
})();
