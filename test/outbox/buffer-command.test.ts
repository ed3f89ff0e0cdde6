import { spawnSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { encodeBody } from '../../src/outbox/codec.ts';
import { SCHEMA_VERSION } from '../../src/outbox/migrations.ts';
import { verify } from '../../src/outbox/verify.ts';
import { batch, open } from './support.ts';

const CLI = fileURLToPath(new URL('./fixtures/buffer-cli.ts', import.meta.url));

function buffer(...args: string[]) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [CLI, 'buffer', ...args], {
    encoding: 'utf8',
    env: { NO_COLOR: '1' },
  });
  return { stdout, stderr, status };
}

function problems(dataDir: string): string[] {
  using archive = Archive.open(dataDir);
  return [...verify(archive, { quick: false })];
}

function damage(dataDir: string, sql: string, ...values: unknown[]): void {
  const db = new SqliteDatabase(join(dataDir, 'outbox.db'));
  db.prepare(sql).run(...values);
  db.close();
}

/** Three batches of m1 and one of m2; the first is delivered, the second was refused. */
async function filled(t: Tap, dataDir: string) {
  const opened = await open(t, dataDir);
  const { outbox, clock } = opened;
  const batches = [batch([1, 2.5, null]), batch([3], { t0: 2000, clock: 'unsynced' }), batch(['<ä>'], { t0: 3000 })];
  await outbox.append({ batches: [...batches, batch([5], { machine: 'm2', t0: 2000 })] });
  await outbox.settle([1]);
  await outbox.hold(2, clock.time + 1000, 'not authorised');
  return opened;
}

interface Tap {
  teardown(end: () => unknown): void;
}

t.test('stats tells, beside a running gateway, what waits, is kept and is held', async (t) => {
  const dataDir = t.testdir();
  const { outbox } = await filled(t, dataDir);
  const { stdout, status } = buffer('stats', '--data-dir', dataDir, '--json');
  t.equal(status, 0);
  const stats = JSON.parse(stdout);
  const { held: _, maxBytes: __, appended: ___, commits: ____, shed: _____, ...running } = await outbox.stats();
  t.match(stats, running, 'the same figures as the gateway’s own');
  t.match(stats, {
    dataDir,
    schema: SCHEMA_VERSION,
    held: [{ machine: 'm1', kind: 'telemetry', seq: 2, refusals: 1, reason: 'not authorised' }],
    deliveredBetween: [1_763_640_000_000, 1_763_640_000_000],
  });
  const text = buffer('stats', '--data-dir', dataDir).stdout;
  t.match(text, /waiting, live +3 +3 +\d+ B +since 2025-11-20T12:00:00Z/);
  t.match(text, /delivered, kept +1 +3 /);
  t.match(text, /m1 +telemetry +3 +2\n/);
  t.match(text, /m1 +telemetry +2 +1 +2025-11-20T12:00:01Z +not authorised/);
});

t.test('export writes what was appended, as the wire has it, and filters it', async (t) => {
  const dataDir = t.testdir();
  const { outbox } = await filled(t, dataDir);
  const exported = (...args: string[]) =>
    buffer('export', '--data-dir', dataDir, ...args)
      .stdout.split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const { stream } = outbox;
  const common = { v: 1, kind: 'telemetry', stream, lane: 'live', stored: 1_763_640_000_000 };
  t.same(exported(), [
    {
      ...common,
      machine: 'm1',
      seq: 1,
      t0: 1000,
      clock: 'synced',
      delivered: 1_763_640_000_000,
      signals: { rpm: { t: [0, 1, 2], v: [1, 2.5, null] } },
    },
    {
      ...common,
      machine: 'm1',
      seq: 2,
      t0: 2000,
      clock: 'unsynced',
      delivered: null,
      refusals: 1,
      reason: 'not authorised',
      signals: { rpm: { t: [0], v: [3] } },
    },
    {
      ...common,
      machine: 'm1',
      seq: 3,
      t0: 3000,
      clock: 'synced',
      delivered: null,
      signals: { rpm: { t: [0], v: ['<ä>'] } },
    },
    {
      ...common,
      machine: 'm2',
      seq: 1,
      t0: 2000,
      clock: 'synced',
      delivered: null,
      signals: { rpm: { t: [0], v: [5] } },
    },
  ]);
  const keys = (...args: string[]) => exported(...args).map(({ machine, seq }) => `${machine} ${seq}`);
  t.same(keys('--machine', 'm2'), ['m2 1']);
  t.same(keys('--undelivered'), ['m1 2', 'm1 3', 'm2 1']);
  t.same(keys('--from', '1970-01-01T00:00:02Z', '--to', '1970-01-01T00:00:03Z'), ['m1 2', 'm2 1']);
  const out = join(dataDir, 'out.ndjson');
  t.match(buffer('export', '--data-dir', dataDir, '--out', out), {
    stdout: '',
    stderr: `4 batches written to ${out}\n`,
  });
  t.equal(readFileSync(out, 'utf8').split('\n').length, 5);
});

t.test('verify finds nothing in a sound buffer, while the gateway runs and after it', async (t) => {
  const dataDir = t.testdir();
  const { outbox } = await filled(t, dataDir);
  t.match(buffer('verify', '--data-dir', dataDir), { status: 0, stdout: /^the buffer is sound/ });
  await outbox.close();
  t.match(JSON.parse(buffer('verify', '--data-dir', dataDir, '--json', '--quick').stdout), { ok: true, problems: [] });
});

t.test('verify finds each damage and exits 1', async (t) => {
  const body = Buffer.from(encodeBody(batch([3]).body));
  body.writeUInt8(body.readUInt8(12) ^ 1, 12);
  const cases: [string, RegExp, string, ...unknown[]][] = [
    ['a flipped bit', /^m1 telemetry 2: the body is damaged/, 'UPDATE bodies SET body = ? WHERE id = 2', body],
    ['a lost body', /^m1 telemetry 3: has lost its body/, 'DELETE FROM bodies WHERE id = 3'],
    [
      'a wrong count',
      /^m1 telemetry 1: holds 3 observations where the books say 4/,
      'UPDATE batches SET count = 4 WHERE id = 1',
    ],
    ['a wrong length', /^m1 telemetry 1: has a body of \d+ bytes/, 'UPDATE batches SET bytes = 4 WHERE id = 1'],
    ['a lane from nowhere', /^m1 telemetry 1: is in lane 7/, 'UPDATE batches SET lane = 7 WHERE id = 1'],
    ['a mark from nowhere', /^m1 telemetry 2: has 3 for whether/, 'UPDATE batches SET synced = 3 WHERE id = 2'],
    ['a time from nowhere', /^m1 telemetry 2: has a time/, 'UPDATE batches SET t0 = 8640000000000001 WHERE id = 2'],
    ['a wrong name', /^m 2 telemetry: the name is damaged/, "UPDATE channels SET machine = 'm 2' WHERE id = 2"],
    ['a cursor that is none', /^m1: the place to resume/, "INSERT INTO cursors VALUES ('m1', '{')"],
    ['a stream that is none', /^the name of the stream/, "UPDATE meta SET value = 'x' WHERE key = 'stream'"],
    ['a seq given twice', /^m1 telemetry: 1 seqs were given twice/, 'UPDATE batches SET seq = 2 WHERE id = 3'],
    ['a seq from nowhere', /^m2 telemetry: seq 9 was never given out/, 'UPDATE batches SET seq = 9 WHERE id = 4'],
  ];
  for (const [what, expected, sql, ...values] of cases) {
    await t.test(what, async (t) => {
      const dataDir = t.testdir();
      const { outbox } = await filled(t, dataDir);
      await outbox.close();
      damage(dataDir, sql, ...values);
      t.match(problems(dataDir), [expected]);
      t.match(buffer('verify', '--data-dir', dataDir), { status: 1, stdout: expected });
    });
  }
  await t.test('batches of no channel', async (t) => {
    const dataDir = t.testdir();
    await (await filled(t, dataDir)).outbox.close();
    damage(dataDir, 'UPDATE batches SET channel = 9 WHERE id = 2');
    t.match(problems(dataDir), [/which leaves 1 missing/, '1 batches belong to no channel']);
  });
  await t.test('what SQLite passes over in a WAL', async (t) => {
    const dataDir = t.testdir();
    const running = join(dataDir, 'running');
    await (await filled(t, running)).outbox.close();
    const { outbox } = await open(t, running);
    for (let i = 0; i < 3; i++) await outbox.append({ batches: [batch([i])] });
    for (const name of ['outbox.db', 'outbox.db-wal']) copyFileSync(join(running, name), join(dataDir, name));
    t.same(problems(dataDir), [], 'a copy is sound');
    const wal = readFileSync(join(dataDir, 'outbox.db-wal'));
    wal.writeUInt8(wal.readUInt8(100) ^ 1, 100);
    writeFileSync(join(dataDir, 'outbox.db-wal'), wal);
    t.match(problems(dataDir), ['the WAL is damaged in its middle: what was committed behind that is passed over']);
  });
  await t.test('a lost batch', async (t) => {
    const dataDir = t.testdir();
    const { outbox } = await filled(t, dataDir);
    await outbox.close();
    damage(dataDir, 'DELETE FROM batches WHERE id = 2');
    t.match(problems(dataDir), [/which leaves 1 missing \(not there: 2\)/, '1 bodies belong to no batch']);
  });
});

t.test('holes that retention left are not damage', async (t) => {
  const dataDir = t.testdir();
  const { outbox, clock } = await open(t, dataDir, { maxBytes: 1e9, maxAge: 1000 });
  await outbox.append({ batches: [1, 2, 3, 4].map((i) => batch([i])) });
  await outbox.settle([1, 3]);
  clock.time += 1001;
  await outbox.settle([4]);
  t.equal((await outbox.stats()).delivered.batches, 1);
  t.same(problems(dataDir), [], 'seq 2 is held back between two that were deleted');
});

t.test('finds the buffer and its budget by the gateway’s config', async (t) => {
  const folder = t.testdir();
  await (await filled(t, join(folder, 'data'))).outbox.close();
  const config = join(folder, 'gateway.yaml');
  writeFileSync(
    config,
    `gateway: { id: gw-01, tenant: acme, dataDir: ${join(folder, 'data')} }
machines: [{ id: m1, driver: mtconnect, url: "http://127.0.0.1:5000" }]
uplink: { url: "mqtt://127.0.0.1" }
buffer: { maxBytes: 64MiB }
`,
  );
  const { stdout, status } = buffer('stats', '--config', config);
  t.equal(status, 0);
  t.match(stdout, /of 64\.0 MiB in use/);
  writeFileSync(config, 'gateway: {}');
  t.match(buffer('stats', '--config', config), { status: 78, stdout: '' });
});

t.test('says what is missing when it is called wrongly', async (t) => {
  t.match(buffer('stats'), { status: 64, stderr: /--config FILE or --data-dir DIR/ });
  const dataDir = t.testdir();
  await (await open(t, dataDir)).outbox.close();
  t.match(buffer('export', '--data-dir', dataDir, '--from', 'noon'), { status: 64, stderr: /noon is not a time/ });
});

t.test('deadletter lists what was refused, and its hold can be ended', async (t) => {
  const dataDir = t.testdir();
  const { outbox } = await filled(t, dataDir);
  const list = (...args: string[]) => buffer('deadletter', '--data-dir', dataDir, ...args);
  t.match(list(), { status: 0, stdout: /^refused +kind .*\nm1 +telemetry +2 +1 .* not authorised\n$/ });
  t.match(JSON.parse(list('--json').stdout), [{ machine: 'm1', seq: 2, refusals: 1, reason: 'not authorised' }]);
  t.match(list('--machine', 'm2').stdout, /refused nothing/);
  t.equal(await outbox.release('m2'), 0);
  t.same(await outbox.due(9), []);
  t.equal(await outbox.release('m1'), 1);
  t.match(await outbox.due(9), [{ id: 2, machine: 'm1', seq: 2 }]);
  t.match(list('--retry'), { stdout: '', stderr: /no gateway runs/ });
});

t.test('salvage takes a damaged buffer into that of a stopped gateway, once', async (t) => {
  const folder = t.testdir();
  const { outbox } = await filled(t, join(folder, 'old'));
  const { stream } = outbox;
  await outbox.close();
  const salvage = (...args: string[]) =>
    buffer('salvage', join(folder, 'old/outbox.db'), '--data-dir', join(folder, 'new'), ...args);
  t.match(salvage(), { status: 0, stdout: /^3 undelivered batches with 3 observations are in .*new now; 0 are lost/ });
  t.match(JSON.parse(salvage('--json').stdout), { batches: 0, lost: 0 });
  const { stdout } = buffer('export', '--data-dir', join(folder, 'new'));
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.equal(lines.filter((line) => line.stream === stream).length, 3);
  t.match(buffer('salvage', join(folder, 'none.db'), '--data-dir', join(folder, 'new')).stderr, /no such file/);
  const running = await open(t, join(folder, 'new'));
  t.match(salvage().stderr, /another gateway is running/);
  await running.outbox.close();
});
