/* A stack of `waldrill up` on free ports, for the tests of its page: started, written to, broken over the mocks' control
 * ports, ended.  How it fails: what does not come within a minute throws, with the last words of waldrill. */
import {spawn} from "node:child_process";
import {createServer} from "node:net";

const PATIENCE_MS = 60000;
const HEADERS = {"content-type": "application/json"};

export async function until(what, ask) {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
        const value = await ask();
        if (value) {
            return value;
        }
        if (Date.now() > end) {
            throw new Error(`${what}: not within ${PATIENCE_MS / 1000} s`);
        }
        await new Promise(resolve => setTimeout(resolve, 50));
    }
}

/* Listens, and tells the port; null when it is taken. */
const hold = port => new Promise(resolve => {
    const server = createServer();
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => resolve(server));
});
const letGo = server => new Promise(resolve => server.close(resolve));

/* count ports that are free, and those gap above them too; held until all are found, so that they differ. */
async function freePorts(count, gap) {
    const held = [];
    const ports = [];
    while (ports.length < count) {
        const one = await hold(0);
        const {port} = one.address();
        const other = port + gap < 65500 ? await hold(port + gap) : null;
        held.push(one, ...(other === null ? [] : [other]));
        if (other !== null) {
            ports.push(port);
        }
    }
    await Promise.all(held.map(letGo));
    return ports;
}

export async function startStack(bin, ...args) {
    const [port, primary, replica] = await freePorts(3, 10);
    const child = spawn(`${bin}/waldrill`, ["up", "--port", port, "--primary-port", primary, "--replica-port", replica,
                                           "--console-port", "0", ...args], {stdio: ["ignore", "pipe", "pipe"]});
    const stack = {lb: `http://127.0.0.1:${port}`, controls: {primary: `http://127.0.0.1:${primary + 10}`,
                                                              replica: `http://127.0.0.1:${replica + 10}`}};
    process.once("exit", () => child.kill("SIGTERM")); /* a test that throws leaves nothing behind */
    let said = "";
    let ended = false;
    child.stdout.on("data", data => said += data);
    child.stderr.on("data", data => said += data);
    const exit = new Promise(resolve => child.once("exit", code => {
        ended = true;
        resolve(code);
    }));
    await until("waldrill up", () => {
        if (ended) {
            throw new Error(`waldrill up ended: ${said}`);
        }
        return said.includes("ready;");
    });
    stack.said = () => said;
    stack.page = /^(?:page|console) +(http:\S+)/m.exec(said)[1];
    stack.status = async () => (await fetch(`${stack.lb}/status`)).json();
    stack.fault = document => fetch(`${stack.controls.primary}/faults`, {method: "POST", body: JSON.stringify(document)});
    stack.clear = () => fetch(`${stack.controls.primary}/faults`, {method: "DELETE"});
    stack.stop = async () => {
        child.kill("SIGTERM");
        return exit;
    };

    const all = `${stack.lb}/api/v2/tenants/default_tenant/databases/default_database/collections`;
    let collection;
    /* count writes of one record each; they are all accepted, or it throws. */
    stack.write = async count => {
        if (collection === undefined) {
            const made = await fetch(all, {method: "POST", headers: HEADERS, body: JSON.stringify({name: "things"})});
            collection = (await made.json()).id;
        }
        for (let i = 0; i < count; i++) {
            const answer = await fetch(`${all}/${collection}/upsert`, {
                method: "POST", headers: HEADERS, body: JSON.stringify({ids: [`r${i}`], embeddings: [[i, 1, 2]]})});
            if (!answer.ok) {
                throw new Error(`a write was refused: ${answer.status} ${await answer.text()}`);
            }
        }
    };
    return stack;
}
