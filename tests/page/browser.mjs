/* A headless Chromium, driven over the pipe of its DevTools protocol: no port that another test could take, no package
 * from a registry.  open() gives a page of a size and a colour scheme, without network unless it is told otherwise; what it says on its console and
 * what it throws is kept in page.complaints.
 *
 * How it fails: a command that the browser refuses, or that it does not answer within a minute, throws. */
import {spawn} from "node:child_process";
import {mkdtemp, rm, writeFile} from "node:fs/promises";
import {tmpdir} from "node:os";
import {join} from "node:path";

const PATIENCE_MS = 60000;
const FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-background-networking",
               "--disable-component-update", "--disable-sync", "--no-first-run", "--remote-debugging-pipe"];

class Connection {
    constructor(child) {
        this.child = child;
        this.last = 0;
        this.waiting = new Map();
        this.listeners = [];
        let rest = "";
        child.stdio[4].setEncoding("utf8");
        child.stdio[4].on("data", data => {
            const parts = (rest + data).split("\0");
            rest = parts.pop();
            parts.forEach(part => this.take(JSON.parse(part)));
        });
        child.on("exit", () => this.waiting.forEach(({reject}) => reject(new Error("the browser ended"))));
    }

    take(message) {
        const waiting = this.waiting.get(message.id);
        if (waiting === undefined) {
            this.listeners.forEach(listen => listen(message));
            return;
        }
        this.waiting.delete(message.id);
        clearTimeout(waiting.timer);
        if (message.error !== undefined) {
            waiting.reject(new Error(`${waiting.method}: ${message.error.message}`));
        } else {
            waiting.resolve(message.result);
        }
    }

    send(method, params = {}, sessionId = undefined) {
        const id = ++this.last;
        return new Promise((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), PATIENCE_MS);
            this.waiting.set(id, {method, resolve, reject, timer});
            this.child.stdio[3].write(`${JSON.stringify({id, method, params, sessionId})}\0`);
        });
    }

    once(method, sessionId) {
        return new Promise(resolve => {
            const listen = message => {
                if (message.method === method && message.sessionId === sessionId) {
                    this.listeners = this.listeners.filter(other => other !== listen);
                    resolve(message.params);
                }
            };
            this.listeners.push(listen);
        });
    }
}

class Page {
    constructor(connection, session) {
        this.complaints = [];
        this.requests = [];
        this.send = (method, params) => connection.send(method, params, session);
        this.once = method => connection.once(method, session);
        connection.listeners.push(message => {
            if (message.sessionId !== session) {
                return;
            }
            if (message.method === "Runtime.consoleAPICalled") {
                this.complaints.push(message.params.args.map(arg => arg.value ?? arg.description).join(" "));
            } else if (message.method === "Runtime.exceptionThrown") {
                this.complaints.push(message.params.exceptionDetails.exception?.description ?? message.params.exceptionDetails.text);
            } else if (message.method === "Log.entryAdded") {
                this.complaints.push(message.params.entry.text);
            } else if (message.method === "Network.requestWillBeSent" && !/^(file|data):/.test(message.params.request.url)) {
                this.requests.push(message.params.request.url);
            }
        });
    }

    /* The value of an expression, which may be a promise of one. */
    async read(expression) {
        const {result, exceptionDetails} = await this.send("Runtime.evaluate", {expression, returnByValue: true, awaitPromise: true});
        if (exceptionDetails !== undefined) {
            throw new Error(`${expression}: ${exceptionDetails.exception?.description ?? exceptionDetails.text}`);
        }
        return result.value;
    }

    async key(key, code = key) {
        await this.send("Input.dispatchKeyEvent", {type: "keyDown", key, code});
        await this.send("Input.dispatchKeyEvent", {type: "keyUp", key, code});
    }

    /* Until an expression is true: its value; throws with words when it does not become so. */
    async until(expression, words) {
        const end = Date.now() + PATIENCE_MS;
        for (;;) {
            const value = await this.read(expression);
            if (value) {
                return value;
            }
            if (Date.now() > end) {
                throw new Error(`${words}: not within ${PATIENCE_MS / 1000} s`);
            }
            await new Promise(resolve => setTimeout(resolve, 50));
        }
    }

    /* Of the whole page, or of its first height pixels. */
    async screenshot(file, height = undefined) {
        const {cssContentSize: size} = await this.send("Page.getLayoutMetrics");
        const clip = {x: 0, y: 0, width: size.width, height: Math.min(height ?? size.height, 12000), scale: 1};
        const {data} = await this.send("Page.captureScreenshot", {format: "png", clip, captureBeyondViewport: true});
        await writeFile(file, Buffer.from(data, "base64"));
    }
}

export async function launch() {
    const profile = await mkdtemp(join(tmpdir(), "waldrill-page-"));
    const child = spawn("chromium", [...FLAGS, `--user-data-dir=${profile}`], {stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"]});
    child.on("error", error => {
        throw new Error(`chromium: ${error.message}`);
    });
    process.once("exit", () => child.kill());
    const connection = new Connection(child);

    async function open(url, {width = 1280, height = 1000, scheme = "light", network = false} = {}) {
        const {targetId} = await connection.send("Target.createTarget", {url: "about:blank"});
        const {sessionId} = await connection.send("Target.attachToTarget", {targetId, flatten: true});
        const page = new Page(connection, sessionId);
        for (const domain of ["Page", "Runtime", "Log", "Network"]) {
            await page.send(`${domain}.enable`);
        }
        if (!network) {
            await page.send("Network.emulateNetworkConditions", {offline: true, latency: 0, downloadThroughput: 0, uploadThroughput: 0});
        }
        await page.send("Emulation.setDeviceMetricsOverride", {width, height, deviceScaleFactor: 1, mobile: width < 600});
        await page.send("Emulation.setEmulatedMedia", {features: [{name: "prefers-color-scheme", value: scheme}]});
        const loaded = page.once("Page.loadEventFired");
        await page.send("Page.navigate", {url});
        await loaded;
        page.close = () => connection.send("Target.closeTarget", {targetId});
        return page;
    }

    async function close() {
        const ended = new Promise(resolve => child.once("exit", resolve));
        await connection.send("Browser.close").catch(() => child.kill());
        await ended;
        await rm(profile, {recursive: true, force: true, maxRetries: 5});
    }

    return {open, close};
}
