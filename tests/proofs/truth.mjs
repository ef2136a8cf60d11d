// What the instances have to hold: for each record the states that its acknowledged writes allow.
//
// A write that was acknowledged leaves exactly one state.  One whose answer never came (the proxy was killed) leaves
// two, with it and without it, until the next write of that record.  A record belongs to one worker, so its writes
// have an order.
import { ask } from './stack.mjs';

const ABSENT = null;

export class Truth {
    constructor() {
        this.collections = new Map(); // name -> Map(id -> allowed states, as JSON texts, or ABSENT)
    }

    of(collection) {
        if (!this.collections.has(collection)) this.collections.set(collection, new Map());
        return this.collections.get(collection);
    }

    allowed(collection, id) {
        return this.of(collection).get(id) ?? [ABSENT];
    }

    // change: state (an object, or ABSENT) -> state
    write(collection, id, change, acknowledged) {
        const before = this.allowed(collection, id);
        const after = before.map((s) => JSON.stringify(change(s === ABSENT ? ABSENT : JSON.parse(s))));
        const states = acknowledged ? after : [...before, ...after];
        this.of(collection).set(id, [...new Set(states.map((s) => (s === 'null' ? ABSENT : s)))]);
    }

    count() {
        return [...this.collections.values()].reduce((sum, records) => sum + records.size, 0);
    }
}

export const put = (record) => () => record;
export const addOf = (record) => (before) => before ?? record;
export const gone = () => () => ABSENT;

const sorted = (object) =>
    object === null || object === undefined ? null : Object.fromEntries(Object.entries(object).sort());

// One record as it is compared: embedding, document, metadata.
export function state(embedding, document, metadata) {
    return { embedding, document: document ?? null, metadata: sorted(metadata) };
}

const ROOT = '/api/v2/tenants/default_tenant/databases/default_database/collections';

// All records of a server: Map(collection -> Map(id -> state)).
export async function contents(url) {
    const out = new Map();
    const listing = (await ask(url, 'GET', `${ROOT}?limit=1000`)).json;
    for (const { id, name } of listing) {
        const records = new Map();
        for (let offset = 0; ; offset += 2000) {
            const page = await ask(url, 'POST', `${ROOT}/${id}/get`,
                { include: ['embeddings', 'documents', 'metadatas'], limit: 2000, offset });
            if (page.status !== 200) throw new Error(`get of ${name}: ${page.text}`);
            const { ids, embeddings, documents, metadatas } = page.json;
            ids.forEach((record, i) => {
                if (records.has(record)) throw new Error(`${name}/${record} is there twice`);
                records.set(record, state(embeddings[i], documents[i], metadatas[i]));
            });
            if (ids.length < 2000) break;
        }
        out.set(name, records);
    }
    return out;
}

// What is wrong with a server's contents, as lines (none: all is well).
export function judge(truth, held, server) {
    const wrong = [];
    for (const [collection, expected] of truth.collections) {
        const records = held.get(collection);
        if (records === undefined) {
            wrong.push(`${server}: the collection ${collection} is missing`);
            continue;
        }
        for (const [id, allowed] of expected) {
            const seen = records.has(id) ? JSON.stringify(records.get(id)) : ABSENT;
            if (!allowed.includes(seen)) {
                wrong.push(`${server}: ${collection}/${id} is ${seen}, expected ${allowed.join(' or ')}`);
            }
        }
        for (const id of records.keys()) {
            if (!expected.has(id)) wrong.push(`${server}: ${collection}/${id} was never written`);
        }
    }
    for (const collection of held.keys()) {
        if (!truth.collections.has(collection)) wrong.push(`${server}: the collection ${collection} was never made`);
    }
    return wrong;
}

// Where two servers differ, as lines.
export function differences(a, b) {
    const wrong = [];
    for (const name of new Set([...a.keys(), ...b.keys()])) {
        const x = a.get(name) ?? new Map();
        const y = b.get(name) ?? new Map();
        for (const id of new Set([...x.keys(), ...y.keys()])) {
            const [s, t] = [JSON.stringify(x.get(id)), JSON.stringify(y.get(id))];
            if (s !== t) wrong.push(`${name}/${id}: primary ${s}, replica ${t}`);
        }
    }
    return wrong;
}
