/* The part of the page that acts: faults, replay, failover, the balancer's process, dead letters, and the red button.
 *
 * The token comes behind the # of the address, which no server sees, and is kept for this tab; without one the page
 * asks for it.  Whatever is asked for is answered in words below the buttons.
 *
 *   act.panel()      the element
 *   act.show(last)   what has become of it; last: the newest answer of /api/live */
"use strict";

const act = (() => {
    const {numberText} = charts;
    const KEY = "waldrill-token";
    const PATIENCE_MS = 60000;
    const LETTERS_SHOWN = 50;
    const said = h("p", "said", "");
    const lettersPlace = h("div", "letters");
    const healed = h("p", "healed", "");
    let pressed = null;   /* when the red button was */
    let lettersSeen = ""; /* what the list was made for */

    /* --- the token -------------------------------------------------------------------------------------------- */

    function takeToken() {
        const given = new URLSearchParams(location.hash.slice(1)).get("token");
        if (given !== null) {
            sessionStorage.setItem(KEY, given);
            history.replaceState(null, "", location.pathname); /* out of the address line, and of pictures of it */
        }
    }

    const token = () => sessionStorage.getItem(KEY) || "";
    const input = h("input", "");
    const door = h("form", "door", h("label", "", "Token ", input), h("button", "do", "open"));

    function wanted(words) {
        door.hidden = false;
        said.textContent = words;
    }

    door.hidden = true;
    input.type = "password";
    input.autocomplete = "off";
    door.addEventListener("submit", event => {
        event.preventDefault();
        sessionStorage.setItem(KEY, input.value.trim());
        input.value = "";
        door.hidden = true;
        said.textContent = "";
        lettersSeen = "";
    });

    /* --- asking ----------------------------------------------------------------------------------------------- */

    /* The document that was answered; throws with words. */
    async function ask(path, body) {
        const answer = await fetch(path, {
            method: body === undefined ? "GET" : "POST", body, headers: {Authorization: `Bearer ${token()}`},
            signal: AbortSignal.timeout(PATIENCE_MS)});
        const document = await answer.json();
        if (answer.status === 401) {
            wanted(document.error);
        }
        if (!answer.ok) {
            throw new Error(document.error);
        }
        return document;
    }

    async function order(words, what) {
        said.className = "said";
        said.textContent = `${words} ...`;
        try {
            const answer = await ask("/api/act", JSON.stringify(what));
            said.textContent = `${words}: done${answer.touches === undefined ? "" : `, takes hold of ${answer.touches} connections and requests`}.`;
            return true;
        } catch (error) {
            said.className = "said bad";
            said.textContent = `${words}: ${error instanceof TypeError ? "waldrill does not answer" : error.message}`;
            return false;
        }
    }

    function button(text, words, what, title) {
        const element = h("button", "do", text);
        element.type = "button";
        element.title = title || "";
        element.addEventListener("click", () => order(words, typeof what === "function" ? what() : what));
        return element;
    }

    /* What cannot be undone wants a second press. */
    function twice(text, again, words, what, title) {
        const element = h("button", "do", text);
        element.type = "button";
        element.title = title;
        element.addEventListener("click", () => {
            if (element.textContent === text) {
                element.textContent = again;
            } else {
                element.textContent = text;
                order(words, what);
            }
        });
        return element;
    }

    const buttons = (label, ...list) => h("div", "buttons", h("span", "label", label), ...list);

    /* --- instances -------------------------------------------------------------------------------------------- */

    function otherFault(instance, kinds) {
        const choice = h("select", "", ...kinds.map(kind => h("option", "", kind.name)));
        const text = h("textarea", "");
        const says = h("p", "note", "");
        const chosen = () => {
            const kind = kinds.find(one => one.name === choice.value);
            text.value = kind.example;
            says.textContent = kind.says.replaceAll("`", "");
        };
        choice.setAttribute("aria-label", "kind of fault");
        text.setAttribute("aria-label", "the fault's document");
        text.rows = 2;
        choice.addEventListener("change", chosen);
        chosen();
        const go = h("button", "do", "break it so");
        go.type = "button";
        go.addEventListener("click", () => {
            try {
                order(`${choice.value} on ${instance}`, {do: "fault", instance, fault: JSON.parse(text.value)});
            } catch (error) {
                said.className = "said bad";
                said.textContent = `that is no JSON: ${error.message}`;
            }
        });
        return h("details", "", h("summary", "", "any other fault"), choice, says, text, go);
    }

    /* For whoever has no pointer to rest on a button. */
    const presetsHelp = presets => h("details", "", h("summary", "", "what these do"), h("dl", "facts", ...presets.flatMap(preset =>
        [h("dt", "", preset.name), h("dd", "", preset.says)])));

    const cards = new Map();

    function instanceCard(name, menu) {
        const faults = h("ul", "faults");
        const state = h("p", "note", "");
        cards.set(name, {faults, state, seen: ""});
        return h("section", "card", h("h3", "", name), state, faults,
                 buttons("break", ...menu.presets.map(preset => button(preset.name, `${preset.name} on ${name}`,
                     {do: "fault", instance: name, preset: preset.name}, preset.says))),
                 presetsHelp(menu.presets), otherFault(name, menu.kinds),
                 buttons("mend", button("clear all", `all faults of ${name} cleared`, {do: "clear", instance: name})),
                 buttons("process", button("kill", `${name} killed`, {do: "kill", instance: name}, "connections reset, nothing accepted"),
                         button("revive", `${name} revived`, {do: "revive", instance: name}, "with all it had"),
                         twice("revive empty", "really empty?", `${name} revived empty`, {do: "revive", instance: name, data: "empty"},
                               "with nothing of what it stored")),
                 buttons("role", button("promote", `${name} promoted`, {do: "promote", instance: name},
                                        "it gets the primary's role as soon as it lacks nothing; of the one that has it: calls a promotion off"),
                         button("promote now", `${name} promoted at once`, {do: "promote", instance: name, force: true},
                                "even if it lacks writes: they are brought to it later"),
                         button("resync", `${name} resynced`, {do: "resync", instance: name}, "compares it with the other one and makes it equal")),
                 buttons("counts as", ...["up", "down", "auto"].map(to => button(to, `${name} forced ${to}`,
                     {do: "force", instance: name, state: to}, to === "auto" ? "as the probes say" : `${to}, whatever the probes say`))));
    }

    function showInstance(name, last) {
        const card = cards.get(name);
        const mock = last[name];
        const instance = last.status?.instances.find(one => one.name === name);
        const active = mock === null ? [] : mock.faults.filter(fault => fault.active);
        const words = [mock === null ? "does not answer" : mock.dead ? "dead" : mock.listening ? "listening" : "refuses connections",
                       instance === undefined ? null : `${instance.state}, role ${instance.role}`,
                       instance?.forced ? `forced ${instance.forced}` : null].filter(text => text !== null).join("; ");
        const seen = JSON.stringify([words, active.map(fault => [fault.id, fault.hits])]);
        if (seen === card.seen) {
            return;
        }
        card.seen = seen;
        card.state.textContent = words;
        card.faults.replaceChildren(...active.map(fault => h("li", "", h("code", "", `#${fault.id} ${fault.name || fault.document?.do || ""}`),
            ` hit ${numberText(fault.hits)} `, button("clear", `fault ${fault.id} of ${name} cleared`, {do: "clear", instance: name, id: fault.id}))));
    }

    /* --- the balancer ------------------------------------------------------------------------------------------ */

    function balancerCard() {
        const rate = h("input", "");
        rate.type = "number";
        rate.min = 0;
        rate.max = 1000000;
        rate.value = 5;
        rate.setAttribute("aria-label", "writes a second");
        const process = (text, state, title) => button(text, `balancer: ${text}`, {do: "balancer", state}, title);
        return h("section", "card", h("h3", "", "load balancer"),
                 buttons("replay", button("pause", "replay paused", {do: "pause"}), button("resume", "replay resumed", {do: "resume"}),
                         button("step", "one write replayed", {do: "step"}, "while paused")),
                 buttons("throttle", rate, button("throttle", "replay throttled", () => ({do: "throttle", rate: Number(rate.value)}),
                                                  "so many writes a second at most; 0 = as the settings say")),
                 buttons("process", process("restart", "restart", "SIGTERM and started again: with its queue in memory this may cost the queue"),
                         process("stop", "stop", "until it is started"), process("start", "start", "also when it was frozen"),
                         process("kill -9", "kill", "and started again, as a supervisor would"), process("freeze", "freeze", "SIGSTOP: it answers nobody")),
                 buttons("write", ...[1, 10, 60].map(count => button(`${count}`, `${count} test write${count > 1 ? "s" : ""}`, {do: "write", count},
                     "records of the collection waldrill_console, through the balancer"))));
    }

    /* --- dead letters ------------------------------------------------------------------------------------------ */

    function editor(letter, place) {
        const open = h("button", "do", "edit");
        open.type = "button";
        open.addEventListener("click", async () => {
            try {
                const whole = await ask(`/api/letters/${letter.lsn}`);
                const text = h("textarea", "");
                const save = h("button", "do", "save");
                text.rows = 4;
                text.value = whole.body;
                text.setAttribute("aria-label", `body of ${letter.lsn}`);
                save.type = "button";
                save.addEventListener("click", async () => {
                    try {
                        if (await order(`dead letter ${letter.lsn} edited`, {do: "edit", lsn: letter.lsn, body: JSON.parse(text.value)})) {
                            place.replaceChildren();
                        }
                    } catch (error) {
                        said.className = "said bad";
                        said.textContent = `that is no JSON: ${error.message}`;
                    }
                });
                place.replaceChildren(text, save);
            } catch (error) {
                said.className = "said bad";
                said.textContent = `dead letter ${letter.lsn}: ${error.message}`;
            }
        });
        return open;
    }

    function letterItem(letter) {
        const place = h("div", "");
        const {lsn} = letter;
        const item = h("li", "", h("p", "", h("code", "", `${letter.op} #${lsn}`), ` ${letter.collection ?? ""}`),
                       h("p", "note", `${letter.status}: ${letter.reason}${letter.touched ? " (younger writes touched its records)" : ""}`),
                       h("div", "buttons", button("retry", `dead letter ${lsn} sent again`, {do: "retry", lsn}),
                         letter.touched ? twice("retry anyway", "over younger writes?", `dead letter ${lsn} sent again`, {do: "retry", lsn, force: true},
                                                "its old value goes over the new one") : null,
                         editor(letter, place),
                         twice("drop", "give it up?", `dead letter ${lsn} given up`, {do: "drop", lsn}, "an acknowledged write is lost by that")), place);
        item.dataset.lsn = lsn;
        return item;
    }

    async function showLetters(last) {
        const count = last.status?.write_ahead_log.dead_letters ?? 0;
        const seen = `${count} ${last.started_ms} ${token() === ""}`;
        if (seen === lettersSeen || (count > 0 && token() === "")) {
            return;
        }
        lettersSeen = seen;
        if (count === 0) {
            lettersPlace.replaceChildren(h("p", "note", "None."));
            return;
        }
        try {
            const list = (await ask("/api/letters")).dead_letters;
            lettersPlace.replaceChildren(h("ul", "", ...list.slice(0, LETTERS_SHOWN).map(letterItem)),
                                         list.length < count || list.length > LETTERS_SHOWN ? h("p", "note", `${count} in all`) : "");
        } catch (error) {
            lettersPlace.replaceChildren(h("p", "note", `They cannot be had: ${error.message}`));
            lettersSeen = "";
        }
    }

    /* --- the red button ----------------------------------------------------------------------------------------- */

    const stop = h("button", "stop", "STOP: heal everything");
    stop.type = "button";
    stop.addEventListener("click", () => {
        const mine = pressed = {at: Date.now(), healed: null, from: Infinity};
        order("everything healed", {do: "heal"}).then(good => {
            mine.from = good ? live.state.last.next + 2 : Infinity; /* what was seen before that says nothing */
        });
    });

    function showHealed(last) {
        if (pressed === null) {
            return;
        }
        if (pressed.healed === null && last.next >= pressed.from && last.left.length === 0) {
            pressed.healed = Date.now();
        }
        const text = pressed.healed !== null
            ? `All healed at ${new Date(pressed.healed).toLocaleTimeString()}, ${Math.max(1, Math.round((pressed.healed - pressed.at) / 1000))} s after the button.`
            : `Healing. Left: ${last.left.join("; ") || "looking"}.`;
        healed.className = pressed.healed !== null ? "healed good" : "healed";
        if (healed.textContent !== text) {
            healed.textContent = text;
        }
    }

    /* --- the whole ---------------------------------------------------------------------------------------------- */

    const place = h("div", "act");

    async function build() {
        const menu = await (await fetch("/api/menu")).json();
        const letters = h("section", "card", h("h3", "", "dead letters"), lettersPlace);
        letters.id = "letters";
        place.replaceChildren(h("div", "cards", instanceCard("primary", menu), instanceCard("replica", menu), h("div", "pair", balancerCard(), letters)));
        if (token() === "") {
            wanted("To act, this page wants the token that waldrill up has printed.");
        }
    }

    let built = null;

    function show(last) {
        if (!last.acts) {
            return;
        }
        if (built === null) {
            built = false;
            build().then(() => built = true, () => built = null);
        }
        if (built !== true) {
            return;
        }
        bar.hidden = false;
        showInstance("primary", last);
        showInstance("replica", last);
        showHealed(last);
        showLetters(last);
        document.documentElement.dataset.acts = "yes";
    }

    takeToken();
    said.setAttribute("role", "status");
    healed.setAttribute("role", "status");
    const bar = h("div", "bar", door, h("div", "words-of", said, healed), stop);
    bar.hidden = true;
    return {panel: () => place, bar: () => bar, show};
})();
