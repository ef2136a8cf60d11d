// Old values and new ones: whatever is lost, late or refused on the way, the newest stands.
import { ask, until } from './stack.mjs';

const HUNDRED = 100;
const WIDE = 20; // tries that share one outage

async function upsertAll(p, names, id, rng) {
    await Promise.all(names.map((name) => p.load.upsert(name, id, p.load.record(rng))));
}

const lanes = (count) => Array.from({ length: count }, (_, i) => `lane${i}`);

// An old value is queued in the outage, a newer one written the moment the primary is back.
const newerStands = {
    settings: { CHECK_INTERVAL: '200ms' },
    async run(p) {
        const names = lanes(WIDE);
        await p.load.makeCollections(names);
        for (let round = 0; round < HUNDRED / WIDE; round++) {
            await p.stack.fault('primary', { do: 'refuse' });
            await upsertAll(p, names, `r${round}`, () => 1);
            p.check('the old values are queued', (await p.stack.log()).pending_writes >= WIDE);
            await p.stack.heal('primary');
            await until('the primary is back', 20, () => p.stack.healthy('primary'));
            await upsertAll(p, names, `r${round}`, () => 2);
        }
        await p.judge();
        p.note(`${HUNDRED} of ${HUNDRED} tries`);
    },
};

// The first of three upserts of one id meets a 500 when it is replayed.  A few at a time only: each 500 in a row
// makes walproxy gentler, up to ten seconds between two requests.
const refusedOnce = {
    settings: { CHECK_INTERVAL: '200ms' },
    async run(p) {
        const names = lanes(5);
        await p.load.makeCollections(names);
        const { id } = await p.stack.fault('primary', { do: 'refuse' });
        for (let value = 0; value < 3; value++) await upsertAll(p, names, 'one', () => value);
        for (const name of names) {
            await p.stack.fault('primary',
                { name: 'once', do: 'respond', status: 500, times: 1, match: { op: 'upsert', collection: name } });
        }
        await p.stack.heal('primary', id);
        await p.judge();
        const hits = await p.stack.hits('primary', 'once');
        p.check(`each met its 500 (${hits})`, hits === names.length);
        p.note(`${hits} times 500`);
    },
};

// An upsert times out and is applied late, after a newer one was written.
const late = {
    settings: { CHECK_INTERVAL: '200ms', REQUEST_TIMEOUT: '3s' },
    async run(p) {
        const names = lanes(WIDE);
        await p.load.makeCollections(names);
        for (let round = 0; round < HUNDRED / WIDE; round++) {
            for (const name of names) {
                await p.stack.fault('primary',
                    { name: 'late', do: 'late', by: '4s', times: 1, match: { op: 'upsert', collection: name } });
            }
            await upsertAll(p, names, `r${round}`, () => 1);
            await upsertAll(p, names, `r${round}`, () => 2);
            await p.settled();
        }
        await until('the last of the late ones is applied', 60, async () => (await p.stack.applied('primary', 'late')) === HUNDRED);
        await p.judge();
        const hits = await p.stack.hits('primary', 'late');
        p.check(`each try had its late one (${hits})`, hits === HUNDRED);
        p.note(`${hits} applied late`);
    },
};

// The answer to a create, an add and a delete is lost after they were applied.
const unanswered = {
    settings: { CHECK_INTERVAL: '200ms', REQUEST_TIMEOUT: '6s' },
    async run(p) {
        const fault = (op) => p.stack.fault('primary', { name: 'lost', do: 'unanswered', then: 'reset', times: 1, match: { op } });
        await fault('create_collection');
        await p.load.makeCollections(['films', 'gone']);
        await fault('add');
        const films = p.load.handles.get('films');
        const record = p.load.record(() => 3);
        await p.load.write('films', 'a', () => record, () => films.add(p.load.fields('a', record)));
        await p.load.upsert('films', 'b', p.load.record(() => 4));
        await fault('delete');
        await p.load.write('films', 'b', () => null, () => films.delete({ ids: ['b'] }));
        await fault('delete_collection');
        await p.load.client.deleteCollection({ name: 'gone' });
        p.truth.collections.delete('gone');
        await p.judge();
        const hits = await p.stack.hits('primary', 'lost');
        p.check(`every answer was lost once (${hits})`, hits === 4);
        p.note(`${hits} answers lost`);
    },
};

// Both are down: one of 200 queued writes is one that no Chroma takes.  It becomes a dead letter with Chroma's own
// words, the others arrive, and it is edited and redriven.
const poison = {
    settings: { CHECK_INTERVAL: '200ms' },
    async run(p) {
        const { stack } = p;
        await p.load.makeCollections(['films']);
        await p.load.upsert('films', 'first', p.load.record(() => 1));
        const path = `/api/v2/tenants/default_tenant/databases/default_database/collections/${p.load.handles.get('films').id}/upsert`;
        for (const instance of ['primary', 'replica']) await stack.fault(instance, { do: 'refuse' });
        for (let i = 0; i < 199; i++) {
            await p.load.upsert('films', `q${i}`, p.load.record(() => 2));
            if (i !== 99) continue;
            const answer = await ask(stack.url('walproxy'), 'POST', path,
                { ids: ['poison'], embeddings: [[1, 2, 3]], metadatas: [{ k: { nested: 1 } }] });
            p.check(`the poison is queued (${answer.status})`, answer.status === 200);
        }
        for (const instance of ['primary', 'replica']) await stack.heal(instance);
        const letters = await until('one dead letter', 60, async () => {
            const { json } = await stack.admin('GET', '/dead-letters');
            const { pending_writes: pending } = await stack.log();
            return json.count === 1 && pending === 0 && json.dead_letters;
        });
        p.check(`Chroma's own words: ${letters[0].reason}`, letters[0].reason.includes('did not match any variant'));
        const record = p.load.record(() => 5);
        const edited = await stack.admin('PUT', `/dead-letters/${letters[0].lsn}`, p.load.fields('poison', record));
        p.check(`the edit is taken: ${edited.text}`, edited.status === 200);
        const retried = await stack.admin('POST', `/dead-letters/${letters[0].lsn}/retry`);
        p.check(`the retry is taken: ${retried.text}`, retried.status === 202);
        p.truth.write('films', 'poison', () => record, true);
        await p.judge();
        p.note('199 arrived, 1 dead letter, edited and redriven');
    },
};

export const order = { 'newer-stands': newerStands, 'refused-once': refusedOnce, late, unanswered, poison };
