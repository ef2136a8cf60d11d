// walproxy put in front of a primary full of data; a replica wiped while down; a primary restored from a backup.
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, until } from './stack.mjs';
import { state } from './truth.mjs';

const ROOT = '/api/v2/tenants/default_tenant/databases/default_database/collections';
const ADOPTED = 100000;
const BATCH = 1000;

async function fill(stack, truth) {
    const url = stack.url('chroma-primary');
    for (const [c, name] of ['old0', 'old1', 'old2', 'old3'].entries()) {
        const { id } = (await ask(url, 'POST', ROOT, { name })).json;
        for (let at = 0; at < ADOPTED / 4; at += BATCH) {
            const rows = Array.from({ length: BATCH }, (_, i) => at + i);
            const embeddings = rows.map((i) => [i % 256, Math.floor(i / 256), c]);
            const documents = rows.map((i) => `document ${i}`);
            const metadatas = rows.map((i) => ({ n: i }));
            const ids = rows.map((i) => `r${i}`);
            const answer = await ask(url, 'POST', `${ROOT}/${id}/add`, { ids, embeddings, documents, metadatas });
            if (answer.status !== 201) throw new Error(`filling: ${answer.text}`);
            rows.forEach((i, k) => truth.write(name, ids[k], () => state(embeddings[k], documents[k], metadatas[k]), true));
        }
    }
}

// 100,000 records on the primary, nothing on the replica, and a live load from the first second.  While a collection
// is copied its updates and deletes by ids go on at the primary: docs/resync.md.  So no read has to wait for the end.
const adoption = {
    before: fill,
    settles: false,
    async run(p) {
        const began = Date.now();
        p.load.readsMayBeRefused = true;
        await p.load.makeCollections(['films', 'books']);
        for (const name of ['old0', 'old3']) {
            p.load.handles.set(name, await p.load.client.getCollection({ name, embeddingFunction: null }));
        }
        p.load.start(2);
        await until('the copy is over', 300, async () => {
            const { instances } = await p.stack.status();
            return instances.every((i) => i.resync === null);
        });
        p.note(`copied in ${((Date.now() - began) / 1000).toFixed(0)} s under load`);
        await p.load.more(10);
        await p.load.stop();
        await p.judge();
        p.note(`${p.load.refusedReads} reads refused`);
        p.check('no read is refused', p.load.refusedReads === 0);
    },
};

const wipedReplica = {
    async run(p) {
        await p.load.makeCollections(['films', 'books']);
        p.load.start();
        await p.load.more(40);
        await p.stack.killChroma('replica');
        p.stack.wipe('replica');
        await p.load.more(20);
        await p.stack.startChroma('replica');
        await p.load.more(40);
        await p.load.stop();
        await p.judge();
    },
};

const restoredPrimary = {
    async run(p) {
        await p.load.makeCollections(['films', 'books']);
        p.load.start();
        await sleep(12000); // a mark is written every ten seconds: this is the time, not a wait
        await p.stack.killChroma('primary');
        p.stack.keepBackup('primary');
        await p.stack.startChroma('primary');
        await p.load.more(150); // what the backup lacks
        await p.stack.killChroma('primary');
        p.stack.restoreBackup('primary');
        await p.stack.startChroma('primary');
        await p.load.more(40);
        await p.load.stop();
        await p.judge();
    },
};

export const repairs = { adoption, 'wiped-replica': wipedReplica, 'restored-primary': restoredPrimary };
