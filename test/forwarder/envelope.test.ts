import { gunzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { generate } from 'mqtt-packet';
import t from 'tap';
import { type Compression, encodeBatch, packetSize } from '../../src/forwarder/envelope.ts';
import type { StoredBatch } from '../../src/outbox/outbox.ts';
import { blocksOf } from '../../src/outbox/zstd-blocks.ts';
import { telemetrySchema } from '../../src/wire/contract.ts';

const SENDER = { tenant: 'acme', gateway: 'gw-01', stream: 'b7k2' };
const BODY = '{"rpm":{"unit":"rev/min","t":[0,100.000001],"v":[1200,null],"q":["good","bad"]}}';

function stored(body = BODY): StoredBatch {
  return {
    id: 9,
    machine: 'vmc-3',
    kind: 'telemetry',
    stream: 'b7k2',
    seq: 4711,
    lane: 'live',
    t0: 1_763_640_000_000,
    count: 2,
    clock: 'synced',
    body: Buffer.from(body),
    blocks: blocksOf(zstdCompressSync(body)),
    bytes: 9,
    storedAt: 0,
    refusals: 0,
  };
}

t.test('puts the envelope around the stored body, byte for byte in the order of the contract', async (t) => {
  const { topic, payload, properties } = encodeBatch(stored(), SENDER, 'none');
  t.equal(topic, 'plc/acme/gw-01/vmc-3/telemetry');
  t.equal(
    payload.toString(),
    '{"v":1,"tenant":"acme","gateway":"gw-01","machine":"vmc-3","kind":"telemetry","stream":"b7k2","seq":4711,' +
      `"t0":1763640000000,"clock":"synced","signals":${BODY}}`,
  );
  t.ok(telemetrySchema.parse(JSON.parse(payload.toString())), 'fits the schema of the contract');
  t.same(properties, { contentType: 'application/json', userProperties: { v: '1' } });
});

t.test('names the payload key after the kind', async (t) => {
  const { payload, topic } = encodeBatch({ ...stored('[]'), kind: 'event' }, SENDER, 'none');
  t.match(payload.toString(), /"clock":"synced","events":\[\]\}$/);
  t.equal(topic, 'plc/acme/gw-01/vmc-3/event');
});

t.test('says how the payload is compressed', async (t) => {
  const undo = { gzip: gunzipSync, zstd: zstdDecompressSync };
  for (const body of [BODY, JSON.stringify({ rpm: { t: Array.from({ length: 5000 }, (_, i) => i), v: [] } })]) {
    const plain = encodeBatch(stored(body), SENDER, 'none').payload;
    for (const compression of ['gzip', 'zstd'] as const) {
      for (const batch of [stored(body), { ...stored(body), blocks: undefined }]) {
        const { payload, properties } = encodeBatch(batch, SENDER, compression);
        t.ok(undo[compression](payload).equals(plain));
        t.same(properties.userProperties, { v: '1', encoding: compression });
      }
    }
  }
});

t.test('refuses a damaged body', async (t) => {
  t.throws(() => encodeBatch({ ...stored(), body: undefined }, SENDER, 'none'), { message: /damaged/ });
});

t.test('counts the bytes of a packet as mqtt-packet writes them', async (t) => {
  for (const length of [1, 30, 200, 16_100, 16_200, 70_000, 2_097_000, 2_097_200]) {
    for (const compression of ['none', 'zstd'] satisfies Compression[]) {
      const message = encodeBatch(stored(JSON.stringify('x'.repeat(length))), SENDER, compression);
      const { topic, payload, properties } = message;
      const packet = generate(
        {
          cmd: 'publish',
          qos: 1,
          messageId: 5,
          dup: false,
          retain: false,
          topic,
          payload,
          properties: { ...properties, userProperties: { ...properties.userProperties } },
        },
        { protocolVersion: 5 },
      );
      t.equal(packetSize(message), packet.length, `${length} bytes, ${compression}`);
    }
  }
});
