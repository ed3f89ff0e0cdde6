import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import Database from 'better-sqlite3';
import t from 'tap';
import { Ledger } from '../../src/consumer/ledger.ts';
import { observationsOf } from '../../src/wire/codec.ts';
import type { WireBatch } from '../../src/wire/contract.ts';
import { noMosquitto, startAedes, startMosquitto } from '../support/brokers.ts';
import { seededRandom } from '../support/random.ts';
import { createPostgres, noPostgres } from './postgres.ts';
import { startPublisher } from './publisher.ts';
import { eventBatch, GAP, SEED, shuffled, telemetry } from './support.ts';

const root = join(import.meta.dirname, '../..');
const examples = join(root, 'examples/consumer');
const read = (path: string) => readFileSync(join(examples, path), 'utf8');
const python = (...args: string[]) => spawnSync('python3', args, { cwd: examples, encoding: 'utf8', env: PYTHON_ENV });
/** Without `__pycache__` beside the examples. */
const PYTHON_ENV = { PATH: process.env['PATH'], PYTHONDONTWRITEBYTECODE: '1' };
const noPython = python('--version').status === 0 ? false : 'no python3';
const noPaho = noPython || (python('-c', 'import paho.mqtt.client').status === 0 ? false : 'no paho-mqtt');

const random = seededRandom(SEED);
const VALUES = [1200, -0.5, 1e21, 'ACTIVE', 'it’s "that"', null];

/** A stream with duplicates, a hole that a gap names, two that none does, and one that lies before what is judged. */
const sent: readonly WireBatch[] = ['saw', 'vmc-3'].flatMap((machine) => {
  const all = Array.from({ length: 60 }, (_, i) => {
    const count = 1 + Math.floor(random() * 5);
    const column = () => ({
      t: Array.from({ length: count }, () => Math.round(random() * 1e9) / 1e6),
      v: Array.from({ length: count }, () => VALUES[Math.floor(random() * VALUES.length)] ?? null),
    });
    const q = Array.from({ length: count }, () => (random() < 0.5 ? ('bad' as const) : ('good' as const)));
    return telemetry(i + 5, {
      machine,
      signals: { rpm: { unit: 'rev/min', ...column() }, 's.x "y"': { ...column(), q } },
    });
  });
  const lost = { kind: 'telemetry', stream: 'b7k2', first: 20, last: 29 };
  const arrived = all.filter(({ seq }) => (seq < 20 || seq > 32) && seq !== 50);
  const events = eventBatch(1, [
    { ...GAP, cause: 'budget', batches: lost },
    { ...GAP, batches: { ...lost, first: 1, last: 2 } },
  ]);
  return [...arrived, ...arrived.slice(10, 20), { ...events, machine }, eventBatch(2, [GAP])].map((batch) => ({
    ...batch,
    machine,
  }));
});
const batches = shuffled(sent, random);

const ledger = new Ledger();
const fresh = batches.filter((batch) => ledger.enter(batch) === 'new');
const expected = {
  batches: fresh.length,
  observations: fresh.flatMap((batch) => (batch.kind === 'telemetry' ? [...observationsOf(batch)] : [])).length,
  missing: ledger
    .report()
    .flatMap(({ machine, kind, missing }) => missing.map(([first, last]) => [machine, kind, 'b7k2', first, last]))
    .toSorted(),
};
const others = [
  { v: 1, tenant: 'acme', gateway: 'gw-01', status: 'online', reason: 'birth' },
  { v: 1, tenant: 'acme', gateway: 'gw-01', machine: 'saw', kind: 'test', id: 'x', t: 1 },
];
/** Observations as the views have them, in one order. */
const rows = fresh
  .flatMap((batch) => {
    if (batch.kind !== 'telemetry') return [];
    const { machine, seq } = batch;
    return [...observationsOf(batch)].map(({ signal, unit = null, t, ns, v, q }) => [
      machine,
      seq,
      signal,
      unit,
      t,
      ns,
      v,
      q,
    ]);
  })
  .map((row) => JSON.stringify(row))
  .toSorted();
const COLUMNS = ['machine', 'seq', 'signal', 'unit', 't', 'ns', 'v', 'q'] as const;
const textOf = (row: Record<string, unknown>) => JSON.stringify(COLUMNS.map((column) => row[column]));

t.test('the guide shows the files as they are, and its links lead somewhere', async (t) => {
  const guide = readFileSync(join(root, 'docs/consumer-guide.md'), 'utf8');
  const blocks = [...guide.matchAll(/```\w+ (\S+)\n(.*?)```/gs)];
  t.equal(blocks.length, 3);
  for (const [, path = '', text] of blocks) t.equal(text, readFileSync(join(root, path), 'utf8'), path);
  for (const [, path = ''] of guide.matchAll(/\]\(([^)#]+)/g)) t.ok(existsSync(join(root, 'docs', path)), path);
});

t.test('what is expected has something of each', async (t) => {
  t.strictSame(expected.missing, [
    ['saw', 'telemetry', 'b7k2', 30, 32],
    ['saw', 'telemetry', 'b7k2', 50, 50],
    ['vmc-3', 'telemetry', 'b7k2', 30, 32],
    ['vmc-3', 'telemetry', 'b7k2', 50, 50],
  ]);
  t.ok(sent.length > fresh.length);
});

t.test(
  `SQLite: an insert that ignores what is there, and views, give the reference’s count (seed ${SEED})`,
  async (t) => {
    const db = new Database(':memory:');
    db.exec(read('sqlite/schema.sql'));
    db.exec(read('sqlite/schema.sql'));
    const insert = db.prepare(read('sqlite/insert.sql'));
    const stored = [...batches, ...others].map((message) => insert.run({ payload: JSON.stringify(message) }).changes);
    t.equal(
      stored.reduce((sum, changes) => sum + changes, 0),
      expected.batches,
    );
    const missing = db.prepare('select machine, kind, stream, first_seq, last_seq from missing_batches').raw().all();
    t.strictSame(missing.toSorted(), expected.missing);
    const observations = db.prepare('select * from observation').all() as Record<string, unknown>[];
    t.strictSame(observations.map(textOf).toSorted(), rows);
  },
);

t.test(`PostgreSQL: the same (seed ${SEED})`, { skip: noPostgres }, async (t) => {
  using postgres = createPostgres();
  const literal = (message: unknown) => `'${JSON.stringify(message).replaceAll("'", "''")}'`;
  const store = [...batches, ...others].map((message) => `execute store(${literal(message)});`);
  const json = (query: string) => `select jsonb_agg(x) as answer from (${query}) x;`;
  const output = postgres.run(
    [
      read('postgresql/schema.sql'),
      read('postgresql/schema.sql'),
      `prepare store(jsonb) as ${read('postgresql/insert.sql')}`,
      ...store,
      json('select machine, kind, stream, first_seq, last_seq from missing_batches'),
      json('select * from observation'),
      json('select count(*) from batch'),
      '',
    ].join('\n\n'),
  );
  const [missing, observations, count] = [...output.matchAll(/answer = "(.*)"\t\(typeid/g)].map(
    ([, answer]) => JSON.parse(answer as string) as Record<string, unknown>[],
  );
  const own = (missing ?? []).map((row) =>
    ['machine', 'kind', 'stream', 'first_seq', 'last_seq'].map((key) => row[key]),
  );
  t.strictSame(own.toSorted(), expected.missing);
  t.strictSame((observations ?? []).map(textOf).toSorted(), rows);
  t.strictSame(count, [{ count: expected.batches }]);
});

t.test('Python archives what receive --out writes, once', { skip: noPython }, async (t) => {
  const folder = t.testdir();
  const [file, archive] = [join(folder, 'batches.ndjson'), join(folder, 'archive.db')];
  await using broker = await startAedes();
  await using publisher = await startPublisher(broker.port);
  const main = join(root, 'src/main.ts');
  const args = [main, 'receive', `mqtt://127.0.0.1:${broker.port}`, '--out', file, '--count', String(expected.batches)];
  const subscribed = once(broker.aedes, 'subscribe');
  const receive = spawn(process.execPath, args, { stdio: 'ignore' });
  await subscribed;
  await publisher.batches(batches);
  await once(receive, 'close');
  for (const added of [expected.batches, 0]) {
    const { status, stdout, stderr } = python('archive.py', archive, file);
    t.equal(status, 1, stderr);
    t.match(JSON.parse(stdout), { new: added, invalid: 0, gaps: { budget: 2 }, ...expected });
  }
});

t.test('Python takes payload lines as they come, and tells what is none', { skip: noPython }, async (t) => {
  const folder = t.testdir();
  const archive = join(folder, 'archive.db');
  const write = (name: string, messages: readonly unknown[]) => {
    writeFileSync(join(folder, name), messages.map((message) => `${JSON.stringify(message)}\n`).join(''));
    return join(folder, name);
  };
  const { stdout } = python('archive.py', archive, write('all', [...batches, ...others]));
  t.match(JSON.parse(stdout), { new: expected.batches, invalid: 0, ...expected });
  const wrong = [{ ...telemetry(1), v: 2 }, { ...telemetry(1), seq: null }, null, []];
  const { status, stderr } = python('archive.py', ':memory:', write('wrong', wrong));
  t.equal(status, 1);
  t.match(stderr, /^line 1: of contract version 2.*\nline 2: no batch: NOT NULL.*\n$/);
  const whole = write('whole', [telemetry(7), telemetry(8), telemetry(8)]);
  t.match(python('archive.py', ':memory:', whole), { status: 0, stdout: /"batches": 2/ });
  writeFileSync(join(folder, 'nonsense'), '{"v":1\n');
  t.match(python('archive.py', ':memory:', join(folder, 'nonsense')), { status: 1, stderr: /line 1: no JSON/ });
});

t.test('Python tells a compressed payload by its first bytes', { skip: noPython }, async (t) => {
  const script = 'import sys, archive; sys.stdout.write(archive.decode(sys.stdin.buffer.read()))';
  const decode = (input: Buffer) =>
    spawnSync('python3', ['-c', script], { cwd: examples, input, encoding: 'utf8', env: PYTHON_ENV });
  const plain = JSON.stringify(telemetry(1));
  t.equal(decode(Buffer.from(plain)).stdout, plain);
  t.equal(decode(gzipSync(plain)).stdout, plain);
  t.match(decode(gzipSync(plain).subarray(0, 40)).stderr, /ValueError: cannot be decompressed/);
});

t.test('TypeScript archives a broker’s stream by edge-gateway/consumer', async (t) => {
  const folder = t.testdir();
  cpSync(join(examples, 'sqlite'), join(folder, 'sqlite'), { recursive: true });
  const consumer = join(root, 'src/consumer/consumer.ts');
  writeFileSync(join(folder, 'archive.mts'), read('archive.mts').replace('edge-gateway/consumer', consumer));
  await using broker = await startAedes();
  await using publisher = await startPublisher(broker.port);
  const archive = join(folder, 'archive.db');
  const args = ['--no-warnings', join(folder, 'archive.mts'), `mqtt://127.0.0.1:${broker.port}`, archive];
  const subscribed = once(broker.aedes, 'subscribe');
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  await subscribed;
  await publisher.batches(batches);
  await untilStored(archive, expected.batches);
  const [output] = await Promise.all([text(child.stdout), once(child, 'close'), child.kill('SIGINT')]);
  const { missing, ...counts } = JSON.parse(output);
  t.strictSame(counts, { batches: expected.batches, observations: expected.observations });
  t.equal(missing.length, expected.missing.length);
  t.equal(child.exitCode, 1);
});

t.test('Python archives a broker’s stream by paho-mqtt', { skip: noPaho || noMosquitto }, async (t) => {
  const archive = join(t.testdir(), 'archive.db');
  await using broker = await startMosquitto();
  await using publisher = await startPublisher(broker.port);
  const args = ['archive_mqtt.py', '127.0.0.1', String(broker.port), archive];
  const child = spawn('python3', args, { cwd: examples, stdio: ['ignore', 'inherit', 'pipe'], env: PYTHON_ENV });
  t.teardown(() => child.kill());
  while (!String(await once(child.stderr, 'data')).includes('subscribed'));
  await publisher.batches(batches);
  await untilStored(archive, expected.batches);
  t.pass('every batch is stored');
});

/** Waits until another process has committed so many batches. */
async function untilStored(path: string, count: number): Promise<void> {
  using db = Object.assign(new Database(path), { [Symbol.dispose]: () => db.close() });
  const query = db.prepare('select count(*) from batch').pluck();
  while (query.get() !== count) await sleep(20);
}
