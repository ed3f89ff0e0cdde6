import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { startPublisher } from '../consumer/publisher.ts';
import { EVENT_TOPIC, eventBatch, GAP, TOPIC, telemetry } from '../consumer/support.ts';
import { freePort, startAedes } from '../support/brokers.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

/** Starts `edge-gateway receive` as a person does. */
function start(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [MAIN, 'receive', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], ...env },
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) child[name].on('data', (text) => (output[name] += text));
  const closed = once(child, 'close');
  return {
    child,
    output,
    exit: async () => {
      const [code] = await closed;
      return { code, ...output };
    },
    /** Resolves when the subscription stands. */
    async ready() {
      while (!output.stderr.includes('receiving')) await once(child.stderr, 'data');
    },
  };
}

/** Runs the command while batches are published to it. */
async function receiveFrom(
  args: readonly string[],
  publish: (publisher: Awaited<ReturnType<typeof startPublisher>>) => Promise<void>,
) {
  await using broker = await startAedes();
  await using publisher = await startPublisher(broker.port);
  const run = start([`mqtt://127.0.0.1:${broker.port}`, ...args]);
  await run.ready();
  await publish(publisher);
  // Awaited here: the broker ends with this function.
  return await run.exit();
}

const some = [1, 2, 3, 4].map((seq) => telemetry(seq));
t.jobs = 2;

t.test('--verify exits 0 when all is there, --json prints the figures', { buffered: true }, async (t) => {
  const args = ['--verify', '--from-start', '--json', '--count', '5'];
  const { code, stdout } = await receiveFrom(args, (publisher) =>
    publisher.batches([eventBatch(1, [GAP]), telemetry(1), ...some]),
  );
  t.equal(code, 0);
  t.match(JSON.parse(stdout), {
    clean: true,
    fromStart: true,
    machines: 1,
    batches: 5,
    observations: 4,
    duplicatesRemoved: 1,
    missing: 0,
    gaps: 1,
    channels: [
      { kind: 'event', first: 1, last: 1, received: 1, missing: [] },
      { kind: 'telemetry', first: 1, last: 4, received: 4, missing: [] },
    ],
    books: [
      {
        machine: 'acme/gw-01/vmc-3',
        total: { batches: 5, observations: 4, missing: 0, gaps: { 'agent-overrun': { gaps: 1, observations: 3 } } },
        hours: [
          { hour: '1970-01-01T00:00Z', batches: 0, gaps: { 'agent-overrun': { gaps: 1, observations: 3 } } },
          { hour: '2025-11-20T12:00Z', batches: 5, observations: 4, missing: 0, gaps: {} },
        ],
      },
    ],
  });
});

t.test('--verify exits 1 when a seq is missing, and names it', { buffered: true }, async (t) => {
  const { code, stdout, stderr } = await receiveFrom(['--verify', '--count', '2'], (publisher) =>
    publisher.batches([telemetry(3), telemetry(6), telemetry(4)]),
  );
  t.equal(code, 1);
  t.match(stdout, /missing in acme\/gw-01\/vmc-3\/telemetry\/b7k2: seq 5\n/);
  t.match(stderr, /the stream is not clean: 1 batches are missing/);
});

/** A gap that names batches 3 to 5. */
const budget = {
  ...GAP,
  cause: 'budget',
  from: telemetry(1).t0,
  to: telemetry(1).t0,
  batches: { kind: 'telemetry', stream: 'b7k2', first: 3, last: 5 },
};

t.test(
  '--verify exits 0 when a gap names what did not come, and tells machine and hour',
  { buffered: true },
  async (t) => {
    const { code, stdout } = await receiveFrom(['--verify', '--from-start', '--count', '4'], (publisher) =>
      publisher.batches([telemetry(1), telemetry(2), eventBatch(1, [budget]), telemetry(6)]),
    );
    t.equal(code, 0);
    t.match(stdout, /missing 0 .* gaps told 1 {2}explained 3\n/);
    t.match(stdout, /^acme\/gw-01\/vmc-3\n {2}2025-11-20T12:00Z +4 +3 +0 +0 +0 {2}1 budget \(3 lost\)\n {2}total +4 /m);
    t.match(stdout, /clean: .* is there, or a gap says why it is not \(3\)\n$/);
  },
);

t.test('--verify exits 1 when a gap names only a part of it', { buffered: true }, async (t) => {
  const { code, stdout, stderr } = await receiveFrom(['--verify', '--count', '3'], (publisher) =>
    publisher.batches([telemetry(1), eventBatch(1, [budget]), telemetry(7)]),
  );
  t.equal(code, 1);
  t.match(stdout, /telemetry\/b7k2: seq 2, 6\n/);
  t.match(stdout, /^ {2}total +3 +2 +2 /m);
  t.match(stderr, /2 batches are missing without a gap record/);
});

t.test('what a backlog may still bring is not missing, and proves nothing', { buffered: true }, async (t) => {
  const historical = (seq: number) => telemetry(seq, { historical: true });
  const args = ['--verify', '--from-start', '--count', '4'];
  const { code, stdout } = await receiveFrom(args, (publisher) =>
    publisher.batches([telemetry(9), telemetry(10), historical(8), historical(7)]),
  );
  t.equal(code, 0);
  t.match(stdout, /missing 0 .* awaited 6\n/);
  t.match(stdout, /^ {2}total +4 +4 +0 +2 +\d +6 batches may still come$/m);
  t.match(stdout, /nothing is proven yet: 6 batches may still come, a backlog is being sent/);
});

t.test('what came before the first seq is judged with --from-start only', { buffered: true }, async (t) => {
  const publish: Parameters<typeof receiveFrom>[1] = (publisher) => publisher.batches([telemetry(3)]);
  const [without, with_] = await Promise.all([
    receiveFrom(['--verify', '--count', '1'], publish),
    receiveFrom(['--verify', '--count', '1', '--from-start'], publish),
  ]);
  t.match(without, { code: 0, stdout: /what came before is not judged: --from-start/ });
  t.match(with_, { code: 1, stdout: /seq 1–2\n/ });
});

t.test('--verify exits 1 on what is invalid and on a conflict, which are told', { buffered: true }, async (t) => {
  const { code, stderr } = await receiveFrom(['--verify', '--count', '2'], async (publisher) => {
    await publisher.raw(TOPIC, '{"v":1}');
    await publisher.raw(EVENT_TOPIC, Buffer.from([0x1f, 0x8b, 0]));
    await publisher.batches([telemetry(1), telemetry(1, { t0: 0 }), telemetry(2)]);
  });
  t.equal(code, 1);
  t.match(stderr, /telemetry is not as the contract says: /);
  t.match(stderr, /event carries no JSON/);
  t.match(stderr, /telemetry\/b7k2\/1 came with other content than before/);
  t.match(stderr, /0 batches are missing without a gap record, 2 messages are invalid, 1 batches are in conflict/);
});

t.test('nothing received proves nothing', { buffered: true }, async (t) => {
  const nothing = async () => undefined;
  const [verified, plain] = await Promise.all([
    receiveFrom(['--verify', '--for', '100ms', '--topic', 'plc/nobody/#', '--topic', 'plc/else/#'], nothing),
    receiveFrom(['--for', '100ms'], nothing),
  ]);
  t.match(verified, { code: 1, stderr: /nothing was received, so nothing is proven/ });
  t.match(verified.stderr, /receiving plc\/nobody\/#, plc\/else\/#/);
  t.match(plain, { code: 0, stdout: /^machines 0 {2}batches 0 / });
});

t.test('--out writes NDJSON in order, each batch as it was', { buffered: true }, async (t) => {
  const out = join(t.testdir(), 'batches.ndjson');
  const disorder = [1, 3, 2, 4].map((seq) => telemetry(seq));
  await receiveFrom(['--out', out, '--count', '4'], (publisher) => publisher.batches(disorder));
  const lines = () => readFileSync(out, 'utf8').trimEnd().split('\n');
  t.strictSame(
    lines().map((line) => JSON.parse(line)),
    some,
  );
  await receiveFrom(['--out', out, '--count', '1', '--client-id', 'archive'], (p) => p.batches([telemetry(5)]));
  t.equal(lines().length, 5, 'continued with --client-id');
  await receiveFrom(['--out', out, '--count', '1'], (publisher) => publisher.batches([telemetry(1)]));
  t.equal(lines().length, 1, 'begun anew without');
});

t.test('--out - leaves standard output to the batches', { buffered: true }, async (t) => {
  const { code, stdout, stderr } = await receiveFrom(['--out', '-', '--json', '--count', '4'], (publisher) =>
    publisher.batches(some),
  );
  t.equal(code, 0);
  t.strictSame(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line)),
    some,
  );
  t.match(stderr, /"batches":4/);
});

t.test('ends quietly when the reader of --out - has seen enough', { buffered: true }, async (t) => {
  await using broker = await startAedes();
  await using publisher = await startPublisher(broker.port);
  const run = start([`mqtt://127.0.0.1:${broker.port}`, '--out', '-']);
  await run.ready();
  run.child.stdout.once('data', () => run.child.stdout.destroy());
  const closed = run.exit();
  let seq = 0;
  while (run.child.exitCode === null) await publisher.batches([telemetry(++seq)]);
  t.match(await closed, { code: 0, stderr: /batches \d+/ });
});

t.test('SIGINT ends with the summary', { buffered: true }, async (t) => {
  await using broker = await startAedes();
  const run = start([`mqtt://127.0.0.1:${broker.port}`]);
  await run.ready();
  run.child.kill('SIGINT');
  t.match(await run.exit(), { code: 0, stdout: /^machines 0 / });
});

t.test('a broker that is not there is one line and exit code 1', { buffered: true }, async (t) => {
  const port = await freePort();
  const url = `mqtt://127.0.0.1:${port}`;
  t.strictSame(await start([url, '--for', '1m']).exit(), {
    code: 1,
    stdout: '',
    stderr: `edge-gateway: no connection to ${url}: nothing listens there (ECONNREFUSED): check the address and the port, and that the broker runs\n`,
  });
  t.match(await start([url, '--wait', '--for', '1s']).exit(), { code: 1, stderr: /Trying again\.\n/ });
});

t.test('the password comes from MQTT_PASSWORD', { buffered: true }, async (t) => {
  await using broker = await startAedes({
    authenticate: (_client, username, password, done) => done(null, `${username} ${password}` === 'me secret'),
  });
  const args = [`mqtt://127.0.0.1:${broker.port}`, '--username', 'me', '--for', '100ms'];
  t.match(await start(args, { MQTT_PASSWORD: 'secret' }).exit(), { code: 0 });
  t.match(await start(args, { MQTT_PASSWORD: 'wrong' }).exit(), { code: 1, stderr: /not authorized.*MQTT_PASSWORD/ });
});

t.test('wrong usage exits 64, files that cannot be used 78', { buffered: true }, async (t) => {
  const missing = join(t.testdir(), 'no', 'file');
  const cases: readonly [args: string[], code: number, stderr: RegExp][] = [
    [[], 64, /an argument is missing/],
    [['broker.example.com'], 64, /URL: expected/],
    [['mqtt://127.0.0.1', '--for', '10'], 64, /--for: expected a duration/],
    [['mqtt://127.0.0.1', '--count', '0'], 64, /--count: expected/],
    [['mqtt://127.0.0.1', '--cert', 'x'], 64, /--cert and --key belong together/],
    [['mqtt://127.0.0.1', '--ca', missing], 78, /cannot read/],
    [['mqtt://127.0.0.1', '--out', missing], 78, /cannot write .*choose another --out/],
  ];
  const exits = await Promise.all(cases.map(([args]) => start(args).exit()));
  for (const [i, [args, code, stderr]] of cases.entries()) t.match(exits[i], { code, stderr }, args.join(' '));
  t.notOk(existsSync(missing));
});
