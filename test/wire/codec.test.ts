import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import t from 'tap';
import { TelemetryBatcher } from '../../src/pipeline/batcher.ts';
import {
  batchKey,
  decodePayload,
  eventsOf,
  MAX_DECODED_BYTES,
  observationsOf,
  parseBatch,
  parseMessage,
  windowsOf,
} from '../../src/wire/codec.ts';
import type { EventBatch, TelemetryBatch } from '../../src/wire/contract.ts';
import {
  bytes,
  EVENT_TOPIC,
  eventBatch,
  GAP,
  rollup,
  SEED,
  STATUS_TOPIC,
  TOPIC,
  telemetry,
} from '../consumer/support.ts';
import { seededRandom } from '../support/random.ts';

const ENCODINGS = {
  none: (plain: Buffer) => plain,
  gzip: (plain: Buffer) => gzipSync(plain),
  zstd: (plain: Buffer) => zstdCompressSync(plain),
  'zstd with checksum': (plain: Buffer) =>
    zstdCompressSync(plain, { params: { [constants.ZSTD_c_checksumFlag]: 1, [constants.ZSTD_c_contentSizeFlag]: 0 } }),
};

for (const [name, encode] of Object.entries(ENCODINGS)) {
  t.test(`a batch is read whatever its compression: ${name}`, async (t) => {
    t.strictSame(parseBatch(TOPIC, encode(bytes(telemetry(7)))), { batch: telemetry(7) });
  });
}

t.test('a payload may be a view into a larger buffer', async (t) => {
  const plain = bytes(telemetry(1));
  const larger = Buffer.concat([Buffer.from('{{{'), zstdCompressSync(plain), Buffer.from('}}}')]);
  const view = new Uint8Array(larger.buffer, larger.byteOffset + 3, larger.length - 6);
  t.strictSame(parseBatch(TOPIC, view), { batch: telemetry(1) });
});

t.test('what is larger than 64 MiB after decompression is a problem and takes no such memory', async (t) => {
  const plain = Buffer.alloc(MAX_DECODED_BYTES + 1, ' ');
  for (const compress of [gzipSync, zstdCompressSync]) {
    const bomb = compress(plain);
    t.ok(bomb.length < 100_000);
    t.match(decodePayload(bomb), { problem: /larger than 67108864/ });
  }
});

t.test('values nested too deeply are a problem', async (t) => {
  for (const depth of [3000, 100_000]) {
    const deep = JSON.stringify(telemetry(1)).replace('"v":[1]', `"v":[${'['.repeat(depth)}${']'.repeat(depth)}]`);
    const message = parseMessage(TOPIC, Buffer.from(deep));
    if (message.type === 'batch') t.doesNotThrow(() => JSON.stringify(message.batch), 'what is taken can be written');
    else t.match(message, { type: 'problem', problem: /cannot be validated/ });
  }
});

t.test(`damaged payloads never throw (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  const verdicts = new Map<string, number>();
  for (let run = 0; run < 2000; run++) {
    const encode = Object.values(ENCODINGS)[run % 4] as (plain: Buffer) => Buffer;
    const damaged = Buffer.from(encode(bytes(telemetry(run + 1))));
    for (let flips = 0; flips < 1 + (run % 3); flips++) damaged[Math.floor(random() * damaged.length)] = random() * 256;
    const { type } = parseMessage(TOPIC, random() < 0.2 ? damaged.subarray(0, random() * damaged.length) : damaged);
    verdicts.set(type, (verdicts.get(type) ?? 0) + 1);
  }
  t.ok((verdicts.get('problem') ?? 0) > 1000);
  t.strictSame([...verdicts.keys()].sort(), ['batch', 'problem']);
});

const ROLLUP_TOPIC = 'plc/acme/gw-01/vmc-3/rollup';
const LOST = { kind: 'telemetry', stream: 'b7k2', first: 3, last: 5 };
const without = (key: string) => Object.fromEntries(Object.entries(telemetry(1)).filter(([name]) => name !== key));

t.test('what breaks the contract is a problem that names its place', async (t) => {
  const cases: readonly [topic: string, payload: unknown, problem: RegExp][] = [
    [TOPIC, null, /payload: /],
    [TOPIC, [], /payload: /],
    [TOPIC, without('seq'), /seq: /],
    [TOPIC, telemetry(0), /seq: /],
    [TOPIC, telemetry(1.5), /seq: /],
    [TOPIC, telemetry(1, { machine: 'a/b' }), /machine: /],
    [TOPIC, telemetry(1, { clock: 'set' as never }), /clock: /],
    [TOPIC, telemetry(1, { signals: { n: { t: ['0' as never], v: [1] } } }), /signals\.n\.t\.0: /],
    [TOPIC, telemetry(1, { signals: { n: { t: [0, 1], v: [1] } } }), /columns of different length: n/],
    [TOPIC, telemetry(1, { signals: { n: { t: [0], v: [1], q: ['bad', 'bad'] } } }), /different length: n/],
    [ROLLUP_TOPIC, { ...rollup(1), rollups: { rpm: { ...rollup(1).rollups['rpm'], n: [1, 2] } } }, /length: rpm/],
    [TOPIC, telemetry(1, { v: 2 as never }), /contract version 2; this program reads version 1/],
    [TOPIC, telemetry(1, { tenant: 'emca' }), /belongs on plc\/emca\/gw-01\/vmc-3\/telemetry/],
    [TOPIC, eventBatch(1, []), /belongs on plc\/acme\/gw-01\/vmc-3\/event/],
    [EVENT_TOPIC, eventBatch(1, [GAP, { ...GAP, to: 'now' }]), /events\.1\.to: /],
    [EVENT_TOPIC, eventBatch(1, [{ ...GAP, batches: { ...LOST, last: 2 } }]), /events\.0\.batches\.last: below first/],
    [EVENT_TOPIC, eventBatch(1, [{ t: 0 }]), /events\.0\.type: /],
    [STATUS_TOPIC, { v: 1, tenant: 'acme', gateway: 'gw-01', status: 'asleep', reason: 'birth' }, /status: /],
    [STATUS_TOPIC, { v: 1, tenant: 'acme', gateway: 'gw-02', status: 'online', reason: 'birth' }, /gw-02\/status/],
  ];
  for (const [topic, payload, problem] of cases) {
    t.match(parseMessage(topic, bytes(payload)), { type: 'problem', problem }, String(problem));
  }
});

t.test('what is not for this version is ignored, not refused', async (t) => {
  const later = { ...telemetry(1), hue: 'blue', signals: { n: { t: [0], v: [1], method: 'mean' } } };
  t.strictSame(parseMessage(TOPIC, bytes(later)), { type: 'batch', batch: later }, 'keys are kept as they are');
  t.match(parseMessage('plc/acme/gw-01/vmc-3/picture', bytes({})), { type: 'ignored', reason: /kind/ });
  t.match(parseMessage(STATUS_TOPIC, Buffer.alloc(0)), { type: 'ignored', reason: /cleared/ });
  for (const topic of ['$SYS/broker/uptime', 'plc/acme', `${TOPIC}/raw`, 'x/acme/gw-01/vmc-3/telemetry', '']) {
    t.match(parseMessage(topic, bytes({})), { type: 'ignored', reason: /no topic of this contract/ }, topic);
  }
});

t.test('test messages on the topics of batches are passed over, whatever their compression', async (t) => {
  const test = { v: 1, tenant: 'acme', gateway: 'gw-01', machine: 'vmc-3', kind: 'test', id: 'x', t: 1 };
  for (const topic of [TOPIC, EVENT_TOPIC]) {
    for (const encode of Object.values(ENCODINGS)) {
      t.match(parseMessage(topic, encode(bytes(test))), { type: 'ignored', reason: /a test message/ });
    }
  }
  t.match(parseMessage(TOPIC, bytes({ ...test, v: 2 })), { type: 'problem', problem: /contract version 2/ });
  t.match(parseMessage(STATUS_TOPIC, bytes(test)), { type: 'problem' }, 'none belongs on status');
});

t.test('a gateway, and a machine, may be called status', async (t) => {
  const batch = telemetry(1, { gateway: 'status', machine: 'status' });
  t.match(parseMessage('plc/acme/status/status/telemetry', bytes(batch)), { type: 'batch' });
});

t.test('events of later types pass, and are passed over when events are read', async (t) => {
  const { type, batch } = parseMessage(
    EVENT_TOPIC,
    bytes(
      eventBatch(1, [
        { type: 'tool', t: 1, tool: 7 },
        { ...GAP, t: 0.25 },
      ]),
    ),
  ) as { type: 'batch'; batch: EventBatch };
  t.equal(type, 'batch');
  t.equal(batch.events.length, 2);
  t.strictSame([...eventsOf(batch)], [{ ...GAP, t: 0.25, at: { t: 1_763_640_000_000, ns: 250_000 } }]);
});

t.test('a rollup is read window by window', async (t) => {
  t.match(parseMessage(ROLLUP_TOPIC, bytes(rollup(1))), { type: 'batch', batch: rollup(1) });
  t.strictSame(
    [...windowsOf(rollup(1))],
    [
      {
        ...{ signal: 'rpm', unit: undefined, t: 1_763_640_000_000, window: 60_000 },
        ...{ n: 5, min: 1, max: 3, mean: 2, last: null },
      },
    ],
  );
});

t.test('keys differ as soon as one part of the identity does', async (t) => {
  const changes = [{}, { tenant: 'b' }, { gateway: 'b' }, { machine: 'b' }, { stream: 'b' }];
  const keys = [...changes.map((change) => batchKey(telemetry(1, change))), batchKey(telemetry(2))];
  t.equal(new Set([...keys, batchKey(eventBatch(1, []))]).size, 7);
  t.equal(batchKey(telemetry(1, { t0: 5 })), keys[0]);
});

t.test(`times come out as they went in, to the nanosecond, over 49 days (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  const batcher = new TelemetryBatcher();
  const observations = Array.from({ length: 1500 }, (_, i) => ({
    signal: `s${i % 3}`,
    t: 1_763_640_000_000 + Math.floor(random() * 49 * 86_400_000),
    ns: i % 5 === 0 ? 999_999 - (i % 2) : Math.floor(random() * 1_000_000),
    v: i,
    q: i % 7 === 0 ? ('uncertain' as const) : ('good' as const),
  }));
  for (const observation of observations) batcher.add(observation);
  const { t0, body } = batcher.seal(() => 'mm') as { t0: number; body: string };
  const parsed = parseBatch(TOPIC, bytes({ ...telemetry(1), t0, signals: JSON.parse(body) }));
  const { batch } = parsed as unknown as { batch: TelemetryBatch };
  const read = [...observationsOf(batch)].sort((a, b) => Number(a.v) - Number(b.v));
  t.strictSame(
    read,
    observations.map(({ signal, ...rest }) => ({ signal, unit: 'mm', ...rest })),
  );
});
