// client.mjs CHROMA_PACKAGE URL
//
// Calls every method of the official JavaScript client against one server and prints what came of it, a
// line for each call.  UUIDs and times are replaced, so that the output of two servers that behave alike
// is the same text: scripts/check-real compares a real Chroma, a mock and a gateway that way.
// A method of the client that is not called here fails the script: none can be forgotten.
console.warn = () => {}; // a hint per collection, in the order of a listing by UUID
const [packageFolder, url] = process.argv.slice(2);
const chroma = await import(`${packageFolder}/dist/chromadb.mjs`);
const { hostname, port } = new URL(url);
const where = { host: hostname, port: Number(port), ssl: false };

const uuids = new Map();
const UUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const called = { ChromaClient: new Set(), AdminClient: new Set(), Collection: new Set() };

function plain(value) {
    const sorted = (v) => {
        if (Array.isArray(v)) return v.map(sorted);
        if (typeof v === 'number' && !Number.isInteger(v)) return Number(v.toPrecision(5));
        if (v === null || typeof v !== 'object') return v;
        return Object.fromEntries(Object.keys(v).sort().map((k) => [k, sorted(v[k])]));
    };
    const text = JSON.stringify(sorted(value === undefined ? null : value));
    return text.replace(UUID, (u) => {
        if (!uuids.has(u)) uuids.set(u, `uuid-${uuids.size + 1}`);
        return uuids.get(u);
    });
}

function describe(value) {
    if (value && typeof value === 'object' && typeof value.add === 'function') {
        return { collection: value.name, id: value.id, metadata: value.metadata, configuration: value.configuration };
    }
    return Array.isArray(value) ? value.map(describe) : value;
}

async function call(kind, object, method, ...args) {
    called[kind].add(method);
    let outcome;
    try {
        const result = await object[method](...args);
        outcome = `gives ${plain(method === 'heartbeat' ? typeof result : describe(result))}`;
        console.log(`${kind}.${method} ${outcome}`);
        return result;
    } catch (error) {
        outcome = `throws ${error.name}: ${error.message.replace(String(port), 'PORT')}`;
        console.log(`${kind}.${method} ${outcome.replace(UUID, 'uuid')}`);
        return undefined;
    }
}

const admin = new chroma.AdminClient(where);
await call('AdminClient', admin, 'createTenant', { name: 'js_tenant' });
await call('AdminClient', admin, 'createTenant', { name: 'js_tenant' });
await call('AdminClient', admin, 'getTenant', { name: 'js_tenant' });
await call('AdminClient', admin, 'getTenant', { name: 'js_nobody' });
await call('AdminClient', admin, 'createDatabase', { name: 'js_db', tenant: 'js_tenant' });
await call('AdminClient', admin, 'createDatabase', { name: 'js_db', tenant: 'js_tenant' });
await call('AdminClient', admin, 'getDatabase', { name: 'js_db', tenant: 'js_tenant' });
await call('AdminClient', admin, 'listDatabases', { tenant: 'js_tenant', limit: 10, offset: 0 });

const client = new chroma.ChromaClient({ ...where, tenant: 'js_tenant', database: 'js_db' });
const on = (method, ...args) => call('ChromaClient', client, method, ...args);
await on('heartbeat');
await on('version');
await on('getUserIdentity');
await on('getPreflightChecks');
await on('getMaxBatchSize');
await on('supportsBase64Encoding');
await on('reset');

const c = await on('createCollection', { name: 'js_one', embeddingFunction: null, metadata: { a: 1, b: 'x' } });
await on('createCollection', { name: 'js_one', embeddingFunction: null });
await on('createCollection', { name: 'no', embeddingFunction: null });
await on('createCollection', { name: 'js_cosine', embeddingFunction: null, configuration: { hnsw: { space: 'cosine' } } });
await on('getOrCreateCollection', { name: 'js_one', embeddingFunction: null });
await on('getCollection', { name: 'js_one', embeddingFunction: null });
await on('getCollection', { name: 'js_nothing', embeddingFunction: null });
await on('getCollections', [{ name: 'js_one', embeddingFunction: null }, { name: 'js_cosine', embeddingFunction: null }]);
await on('countCollections');

const to = (method, ...args) => call('Collection', c, method, ...args);
await to('add', {
    ids: ['a', 'b', 'c'],
    embeddings: [[1, 2, 3], [4, 5, 6], [0.1, 0.2, 0.3]],
    documents: ['first', 'second', 'third'],
    metadatas: [{ k: 1 }, { k: 2, t: 'x' }, { k: 2.5, t: true }],
    uris: ['u1', 'u2', 'u3'],
});
await to('add', { ids: ['a'], embeddings: [[9, 9, 9]] });
await to('add', { ids: ['d'], embeddings: [[1, 2]] });
await to('add', { ids: ['x', 'x'], embeddings: [[1, 2, 3], [1, 2, 3]] });
await to('upsert', { ids: ['b', 'e'], embeddings: [[7, 8, 9], [1, 1, 1]], documents: ['second again', 'fifth'] });
await to('update', { ids: ['c'], metadatas: [{ k: null, n: 5 }], documents: ['third again'], embeddings: [[3, 2, 1]] });
await to('update', { ids: ['c'], documents: ['no vector, no embedder'] });
await to('count');
await to('get');
await to('get', { ids: ['c', 'a'], include: ['embeddings', 'documents', 'metadatas', 'uris'] });
await to('get', { where: { $and: [{ k: { $gte: 1 } }, { t: { $ne: 'y' } }] }, limit: 2, offset: 0 });
await to('get', { whereDocument: { $contains: 'again' } });
await to('get', { where: { k: { $bad: 1 } } });
await to('peek', { limit: 2 });
await to('query', { queryEmbeddings: [[1, 2, 3], [7, 8, 9]], nResults: 2 });
await to('query', { queryEmbeddings: [[1, 2, 3]], nResults: 3, where: { k: 1 }, include: ['distances', 'embeddings'] });
await to('query', { queryEmbeddings: [[1, 2]], nResults: 1 });
await to('modify', { name: 'js_renamed', metadata: { z: true } });
await on('getCollection', { name: 'js_renamed', embeddingFunction: null });
await to('fork', { name: 'js_forked' });
await to('delete', { ids: ['a'] });
await to('delete', { where: { n: 5 } });
await to('delete', {});
await to('get');
console.log('listing', plain((await client.listCollections({ limit: 10, offset: 0 })).map((x) => x.name).sort()));
called.ChromaClient.add('listCollections');
await on('deleteCollection', { name: 'js_renamed' });
await on('deleteCollection', { name: 'js_renamed' });
await to('count');
await call('AdminClient', admin, 'deleteDatabase', { name: 'js_db', tenant: 'js_tenant' });
await call('AdminClient', admin, 'getDatabase', { name: 'js_db', tenant: 'js_tenant' });

// Not requests: the constructor, what is computed on the client's side, and what it keeps to itself.
const inner = new Set(['constructor', 'tenant', 'database', 'preflightChecks', '_path', 'path', 'embed', 'name',
    'configuration', 'metadata', 'embeddingFunction', 'requireEmbeddingFunction', 'validate', 'prepareRecords']);
const classes = { ChromaClient: client, AdminClient: admin, Collection: c };
for (const [kind, object] of Object.entries(classes)) {
    const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(object));
    const missing = methods.filter((m) => !inner.has(m) && !m.startsWith('validate') && !m.startsWith('prepare') &&
        !called[kind].has(m));
    if (missing.length > 0) {
        console.log(`${kind}: never called: ${missing.join(', ')}`);
        process.exitCode = 1;
    }
}
console.log(`${Object.values(called).reduce((n, set) => n + set.size, 0)} methods called`);
