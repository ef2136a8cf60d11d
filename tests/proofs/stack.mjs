// Two real Chromas behind gateways, and walproxy in front of them: started, hurt, healed and stopped.
//
// Everything lives in a folder of its own and dies with this process: each child is started through setpriv, and
// stop() kills what is left.  A start that fails throws with the last lines of the child's log.
import { spawn } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const INSTANCES = ['primary', 'replica'];

// Below the range from which the kernel serves outgoing connections: one of those cannot take it before it is used.
export async function freePort() {
    for (;;) {
        const port = 20000 + Math.floor(Math.random() * 12000);
        const server = createServer();
        const free = await new Promise((resolve) => {
            server.once('error', () => resolve(false));
            server.listen(port, '127.0.0.1', () => resolve(true));
        });
        if (!free) continue;
        await new Promise((resolve) => server.close(resolve));
        return port;
    }
}

// The value of probe() once it is truthy; an exception counts as "not yet".
export async function until(what, seconds, probe) {
    const end = Date.now() + seconds * 1000;
    let last = '';
    for (;;) {
        try {
            const value = await probe();
            if (value) return value;
        } catch (error) {
            last = ` (${error.message})`;
        }
        if (Date.now() > end) throw new Error(`${what}: not within ${seconds} s${last}`);
        await sleep(50);
    }
}

export async function ask(url, method, path, body) {
    const answer = await fetch(url + path, {
        method,
        headers: body === undefined ? {} : { 'content-type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    let json;
    try {
        json = JSON.parse(text);
    } catch {
        json = undefined;
    }
    return { status: answer.status, text, json };
}

export class Stack {
    constructor(folder, programs, settings) {
        this.folder = folder;
        this.programs = programs; // folder of mockchroma and walproxy
        this.settings = settings;
        this.children = new Map();
        this.ports = {};
    }

    child(name, command, args, environment = {}) {
        const log = openSync(`${this.folder}/${name}.log`, 'a');
        const process_ = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
            stdio: ['ignore', log, log],
            env: { ...process.env, ...environment },
        });
        closeSync(log);
        const ended = new Promise((resolve) => process_.on('exit', resolve));
        this.children.set(name, { process: process_, ended });
        return process_;
    }

    async kill(name, signal = 'SIGKILL') {
        const child = this.children.get(name);
        if (child === undefined) return;
        this.children.delete(name);
        child.process.kill(signal);
        await child.ended;
    }

    lastLines(name) {
        const path = `${this.folder}/${name}.log`;
        return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(-12).join('\n') : '';
    }

    async answers(name, url) {
        try {
            await until(`${name} answers`, 30, async () => (await fetch(url)).ok);
        } catch (error) {
            throw new Error(`${error.message}\n${this.lastLines(name)}`);
        }
    }

    url(name) {
        return `http://127.0.0.1:${this.ports[name]}`;
    }

    dataFolder(instance) {
        return `${this.folder}/${instance}`;
    }

    // ---- an instance: a real Chroma and the gateway before it ----

    async startChroma(instance) {
        const chroma = `chroma-${instance}`;
        this.child(chroma, 'scripts/real-chroma',
            ['serve', '--path', this.dataFolder(instance), '--port', String(this.ports[chroma])]);
        await this.answers(chroma, `${this.url(chroma)}/api/v2/heartbeat`);
    }

    killChroma(instance) {
        return this.kill(`chroma-${instance}`);
    }

    async startGateway(instance) {
        this.child(instance, `${this.programs}/mockchroma`, [
            '--port', String(this.ports[instance]), '--control-port', String(this.ports[`control-${instance}`]),
            '--upstream', this.url(`chroma-${instance}`)]);
        await this.answers(instance, `${this.url(`control-${instance}`)}/status`);
    }

    async fault(instance, document) {
        const answer = await ask(this.url(`control-${instance}`), 'POST', '/faults', document);
        if (answer.status !== 200 && answer.status !== 201) throw new Error(`fault refused: ${answer.text}`);
        return answer.json;
    }

    // How many requests that the fault of that name acted on have been applied.
    async applied(instance, name) {
        const { text } = await ask(this.url(`control-${instance}`), 'GET', '/journal?limit=100000');
        return text.split('\n').filter((line) => line.includes(`"fault":"${name}"`) && line.includes('"applied":true')).length;
    }

    // All of its faults end, or the one of that id.
    async heal(instance, id) {
        await ask(this.url(`control-${instance}`), 'DELETE', id === undefined ? '/faults' : `/faults/${id}`);
    }

    // How often the faults of that name have acted, ended ones included.
    async hits(instance, name) {
        const answer = await ask(this.url(`control-${instance}`), 'GET', '/faults');
        return answer.json.filter((f) => f.name === name).reduce((sum, f) => sum + f.hits, 0);
    }

    // Stopped, its data copied away (or back, or thrown away), not started again.
    keepBackup(instance) {
        rmSync(`${this.dataFolder(instance)}-backup`, { recursive: true, force: true });
        cpSync(this.dataFolder(instance), `${this.dataFolder(instance)}-backup`, { recursive: true });
    }

    restoreBackup(instance) {
        this.wipe(instance);
        cpSync(`${this.dataFolder(instance)}-backup`, this.dataFolder(instance), { recursive: true });
    }

    wipe(instance) {
        rmSync(this.dataFolder(instance), { recursive: true, force: true });
        mkdirSync(this.dataFolder(instance), { recursive: true });
    }

    // ---- the proxy ----

    async startProxy(settings = this.settings) {
        this.child('walproxy', `${this.programs}/walproxy`, [], {
            PRIMARY_URL: this.url('primary'),
            REPLICA_URL: this.url('replica'),
            LISTEN: `127.0.0.1:${this.ports.walproxy}`,
            WAL_DIR: `${this.folder}/wal`,
            ...settings,
        });
        await this.answers('walproxy', `${this.url('walproxy')}/status`);
    }

    async status() {
        return (await ask(this.url('walproxy'), 'GET', '/status')).json;
    }

    async log() {
        return (await this.status()).write_ahead_log;
    }

    async healthy(instance) {
        return (await this.status()).instances.find((i) => i.name === instance).healthy;
    }

    admin(method, path, body) {
        return ask(this.url('walproxy'), method, `/admin${path}`, body);
    }

    async prepare() {
        mkdirSync(this.folder, { recursive: true });
        const names = ['walproxy', ...INSTANCES.flatMap((i) => [i, `chroma-${i}`, `control-${i}`])];
        for (const name of names) this.ports[name] = await freePort();
        for (const instance of INSTANCES) mkdirSync(this.dataFolder(instance), { recursive: true });
        await Promise.all(INSTANCES.map((i) => this.startChroma(i)));
        await Promise.all(INSTANCES.map((i) => this.startGateway(i)));
    }

    async start() {
        await this.prepare();
        await this.startProxy();
        await until('both instances are up', 30, async () => (await this.status()).healthy_instances === 2);
    }

    async stop() {
        await Promise.all([...this.children.keys()].map((name) => this.kill(name)));
    }
}
