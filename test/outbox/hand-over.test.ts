import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import t from 'tap';
import { encodeBatch } from '../../src/forwarder/envelope.ts';
import { handedOver } from '../../src/outbox/hand-over.ts';
import type { StoredBatch } from '../../src/outbox/outbox.ts';
import { stored } from '../forwarder/support.ts';

const LONG = 'n'.repeat(64);
const SENDER = { tenant: LONG, gateway: LONG };

/** Batches whose bodies have all sizes, some damaged, some without a frame. */
function batches(): StoredBatch[] {
  const ids = Array.from({ length: 200 }, (_, i) => i + 1);
  return stored(...ids).map((batch): StoredBatch => {
    const body = Buffer.from(JSON.stringify({ signal: { t: [0], v: ['x'.repeat((batch.id * 97) % 9000)] } }));
    const frame = batch.id % 5 === 0 ? undefined : zstdCompressSync(body);
    return { ...batch, machine: LONG, stream: LONG, body: batch.id % 7 === 0 ? undefined : body, frame };
  });
}

t.test('what another thread gets is what was read, in one buffer', async (t) => {
  const { value, transfer } = handedOver(batches());
  const { received, buffer } = structuredClone({ received: value, buffer: transfer[0] }, { transfer });
  t.equal(transfer.length, 1);
  t.equal(transfer[0]?.byteLength, 0, 'moved, not copied');
  for (const [i, { room: _, ...batch }] of batches().entries()) {
    t.same({ ...received[i], room: undefined }, { ...batch, room: undefined });
    t.equal(received[i]?.body?.buffer ?? buffer, buffer);
  }
});

t.test('envelopes are put around bodies where they lie, and touch no other', async (t) => {
  for (const compression of ['none', 'zstd', 'gzip'] as const) {
    const { value } = handedOver(batches());
    const sound = value.filter(({ body }) => body !== undefined);
    const payloads = sound.map((batch) => encodeBatch(batch, SENDER, compression, true).payload);
    for (const [i, { room: _, ...batch }] of sound.entries()) {
      const apart = encodeBatch(batch, SENDER, compression, true).payload;
      t.ok(payloads[i]?.equals(apart), `${compression} ${i}`);
      if (compression === 'none') t.equal(payloads[i]?.buffer, batch.body?.buffer, 'not copied');
    }
    for (const { frame, body } of sound) {
      if (frame !== undefined) t.ok(zstdDecompressSync(frame).equals(body as Buffer));
    }
  }
});

t.test('nothing is handed over as nothing', async (t) => {
  t.same(handedOver([]), { value: [], transfer: [] });
  const [damaged] = handedOver(stored(1).map((batch) => ({ ...batch, body: undefined }))).value;
  t.equal(damaged?.body, undefined);
});
