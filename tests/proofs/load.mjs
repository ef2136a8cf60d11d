// A mixed load by the official client: workers that write, read and delete records of their own.
//
// Every value comes from a seed.  Numbers are quarters, which survive a float on any way.
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from './stack.mjs';
import { addOf, gone, put, state } from './truth.mjs';

export function random(seed) {
    let s = seed >>> 0;
    return (below) => {
        s = (s + 0x6d2b79f5) >>> 0;
        let t = Math.imul(s ^ (s >>> 15), s | 1);
        t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
        return ((t ^ (t >>> 14)) >>> 0) % below;
    };
}

export class Load {
    constructor(truth, chroma, url, seed) {
        const { hostname, port } = new URL(url);
        this.truth = truth;
        this.client = new chroma.ChromaClient({ host: hostname, port: Number(port), ssl: false });
        this.seed = seed;
        this.handles = new Map(); // collections as the client got them, before anything happened
        this.counts = { writes: 0, reads: 0 };
        this.errors = []; // of requests that the proxy should have served
        this.mayFail = () => false; // a failure now is told apart: the proxy itself was killed
        this.lost = 0;
        this.readsMayBeRefused = false; // then those answered 503 are counted, not held against the proxy
        this.refusedReads = 0;
        this.version = 0;
        // Below what one Chroma takes (about 55 single writes a second), so that one that was away can catch up.
        this.pauseMs = 100;
        this.going = false;
        this.workers = [];
    }

    async makeCollections(names) {
        for (const name of names) {
            this.handles.set(name, await this.client.createCollection({ name, embeddingFunction: null }));
            this.truth.of(name);
        }
    }

    record(rng) {
        this.version++;
        const embedding = [rng(40) / 4, rng(40) / 4, this.version / 4];
        return state(embedding, `text ${this.version}`, { n: this.version, half: this.version / 2 + 0.5 });
    }

    fields(id, record) {
        return { ids: [id], embeddings: [record.embedding], documents: [record.document], metadatas: [record.metadata] };
    }

    async write(collection, id, change, request) {
        let acknowledged = false;
        try {
            await request();
            acknowledged = true;
            this.counts.writes++;
        } catch (error) {
            this.failed(`write of ${collection}/${id}`, error);
        }
        this.truth.write(collection, id, change, acknowledged);
    }

    failed(what, error) {
        if (this.mayFail()) {
            this.lost++;
        } else {
            this.errors.push(`${what}: ${error.name} ${error.message} ${error.cause?.message ?? ''}`);
        }
    }

    upsert(collection, id, record) {
        const handle = this.handles.get(collection);
        return this.write(collection, id, put(record), () => handle.upsert(this.fields(id, record)));
    }

    async one(rng, worker, names) {
        const name = names[rng(names.length)];
        const handle = this.handles.get(name);
        const id = `w${worker}-${rng(30)}`;
        const kind = rng(20);
        const record = this.record(rng);
        if (kind < 6) {
            await this.write(name, id, addOf(record), () => handle.add(this.fields(id, record)));
        } else if (kind < 11) {
            await this.upsert(name, id, record);
        } else if (kind < 13) {
            const metadata = { n: record.metadata.n };
            const change = (before) => before && { ...before, metadata: { ...before.metadata, ...metadata } };
            await this.write(name, id, change, () => handle.update({ ids: [id], metadatas: [metadata] }));
        } else if (kind < 15) {
            await this.write(name, id, gone(), () => handle.delete({ ids: [id] }));
        } else {
            await this.read(handle, id, kind, record);
        }
    }

    async read(handle, id, kind, record) {
        try {
            if (kind < 17) await handle.get({ ids: [id] });
            else if (kind < 19) await handle.query({ queryEmbeddings: [record.embedding], nResults: 3 });
            else await handle.count();
            this.counts.reads++;
        } catch (error) {
            if (this.readsMayBeRefused && error.message.includes('503')) this.refusedReads++;
            else this.failed(`read of ${id}`, error);
        }
    }

    async worker(number, names) {
        const rng = random(this.seed * 1000 + number);
        while (this.going) {
            await this.one(rng, number, names);
            await sleep(this.pauseMs);
        }
    }

    start(count = 4) {
        this.going = true;
        const names = [...this.handles.keys()];
        this.workers = Array.from({ length: count }, (_, i) => this.worker(i, names));
    }

    // So many more writes have been acknowledged.
    async more(writes) {
        const wanted = this.counts.writes + writes;
        await until(`${writes} more writes are acknowledged`, 60, () => this.counts.writes >= wanted);
    }

    async stop() {
        this.going = false;
        await Promise.all(this.workers);
        this.workers = [];
    }
}
