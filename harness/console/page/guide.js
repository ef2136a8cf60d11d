/* The operations guide beside the page: its scenarios with their symptoms and steps, those that are so now marked
 * (harness/console/steps.c finds them).  Its commands stand there with the addresses of this stack.
 *
 *   runbook.panel()      the element, filled as soon as the guide is there
 *   runbook.show(last)   marks */
"use strict";

const runbook = (() => {
    const HOSTS = [["https://chroma-load-balancer.onrender.com", "lb"], ["https://chroma-primary.onrender.com", "primary"],
                   ["https://chroma-replica.onrender.com", "replica"]];
    const panel = h("aside", "runbook");
    const where = h("p", "where", "");
    let scenarios = null; /* [{details, symptoms: [li], steps: [li]}] */
    let current = "";

    const here = (text, urls) => HOSTS.reduce((done, [host, key]) => done.replaceAll(host, urls[key]), text);

    /* Fences, bullets and paragraphs are all that the guide's steps are made of. */
    function markdown(text) {
        const parts = [];
        let fence = null;
        let list = null;
        for (const line of text.split("\n")) {
            const bare = line.trim();
            if (bare.startsWith("```")) {
                if (fence === null) {
                    fence = [];
                } else {
                    parts.push(h("pre", "command", fence.join("\n")));
                    fence = null;
                }
                list = null;
            } else if (fence !== null) {
                fence.push(line.replace(/^ {3}/, ""));
            } else if (bare.startsWith("- ")) {
                if (list === null) {
                    parts.push(list = h("ul", "points"));
                }
                list.append(h("li", "", bare.slice(2)));
            } else if (bare !== "") {
                parts.push(h("p", "", bare.replaceAll("**", "")));
                list = null;
            }
        }
        return parts;
    }

    function scenario(one, number, urls) {
        const symptoms = one.symptoms.map(text => h("li", "", text.replaceAll("`", "")));
        const steps = one.steps.map((step, i) => h("li", "", h("p", "step-head", h("strong", "", `${i + 1}. ${step.title}`)),
                                                   ...markdown(here(step.text, urls))));
        const details = h("details", "scenario", h("summary", "", `Scenario ${number}: ${one.title}`),
                          h("ul", "symptoms", ...symptoms), h("ol", "guide-steps", ...steps),
                          one.rest === "" ? null : h("div", "rest", ...markdown(one.rest)));
        return {details, symptoms, steps};
    }

    async function load(urls) {
        scenarios = [];
        const guide = await (await fetch("/api/guide")).json();
        scenarios = guide.scenarios.map((one, i) => scenario(one, i + 1, urls));
        const whole = h("details", "", h("summary", "", "The whole guide"), h("pre", "", here(guide.text, urls)));
        panel.append(...scenarios.map(one => one.details), whole);
    }

    function mark(now) {
        const place = `${now.scenario}.${now.step}`;
        scenarios.forEach((one, i) => {
            one.symptoms.forEach((symptom, k) => symptom.classList.toggle("so", now.symptoms[i][k]));
            one.details.classList.toggle("now", now.scenario === i + 1);
            one.steps.forEach((step, k) => {
                const is = now.scenario === i + 1 && now.step === k + 1;
                step.classList.toggle("now", is);
                if (is) {
                    step.setAttribute("aria-current", "step");
                } else {
                    step.removeAttribute("aria-current");
                }
            });
            if (place !== current && now.scenario > 0) {
                one.details.open = now.scenario === i + 1;
            }
        });
        current = place;
    }

    function show(last) {
        if (scenarios === null) {
            load(last.urls).catch(() => scenarios = null); /* asked for again with the next look */
            return;
        }
        const {step: now} = last;
        const text = now.scenario === 0 ? `Nothing to do: ${now.why}.` : `Scenario ${now.scenario}, step ${now.step}: ${now.why}.`;
        if (where.textContent !== text) {
            where.textContent = text;
        }
        if (scenarios.length > 0) {
            mark(now);
        }
    }

    panel.append(h("h2", "", "The guide"), where);
    panel.setAttribute("aria-label", "The operations guide");
    where.setAttribute("role", "status");
    return {panel: () => panel, show};
})();
