import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import t from 'tap';
import { encodeBatch } from '../../src/forwarder/envelope.ts';
import { Arenas, handedOver } from '../../src/outbox/hand-over.ts';
import type { StoredBatch } from '../../src/outbox/outbox.ts';
import { blocksOf } from '../../src/outbox/zstd-blocks.ts';
import { stored } from '../forwarder/support.ts';
import { seededRandom } from '../support/random.ts';

const LONG = 'n'.repeat(64);
const SENDER = { tenant: LONG, gateway: LONG };
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** Batches whose bodies have all sizes, some damaged, some without blocks. */
function batches(count = 200): (StoredBatch & { readonly body: Buffer | undefined })[] {
  const ids = Array.from({ length: count }, (_, i) => i + 1);
  return stored(...ids).map((batch) => {
    const body = Buffer.from(JSON.stringify({ signal: { t: [0], v: ['x'.repeat((batch.id * 97) % 9000)] } }));
    const blocks = batch.id % 5 === 0 ? undefined : blocksOf(zstdCompressSync(body));
    return { ...batch, machine: LONG, stream: LONG, body: batch.id % 7 === 0 ? undefined : body, blocks };
  });
}

t.test('what another thread gets is what was read, in one buffer', async (t) => {
  const { value, transfer = [] } = handedOver(batches());
  const { received, buffer } = structuredClone({ received: value, buffer: transfer[0] }, { transfer: [...transfer] });
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
      const isRoomy = compression === 'none' && (batch.body?.length ?? 0) >= 4096;
      if (isRoomy) t.equal(payloads[i]?.buffer, batch.body?.buffer, 'not copied');
      const isFramed = compression === 'zstd' && batch.blocks !== undefined && (batch.body?.length ?? 0) >= 4096;
      if (isFramed) t.equal(payloads[i]?.buffer, batch.blocks?.buffer, 'not copied');
      const plain = encodeBatch(batch, SENDER, 'none', true).payload;
      if (compression === 'zstd') t.ok(zstdDecompressSync(payloads[i] as Buffer).equals(plain));
    }
    const again = sound.map((batch) => encodeBatch(batch, SENDER, compression, true).payload);
    t.ok(
      again.every((payload, i) => payloads[i]?.equals(payload)),
      'twice the same',
    );
  }
});

t.test('nothing is handed over as nothing', async (t) => {
  t.same(handedOver([]), { value: [] });
  t.same(new Arenas().handOver([]), { value: [] });
  const [damaged] = handedOver(stored(1).map((batch) => ({ ...batch, body: undefined }))).value;
  t.equal(damaged?.body, undefined);
});

t.test(`what is lent stays as it is until it is given back, whatever else is handed over (seed ${seed})`, async (t) => {
  const random = seededRandom(seed);
  const all = batches();
  const arenas = new Arenas();
  const lent = new Map<number, readonly StoredBatch[]>();
  const memory = new Set<unknown>();
  let most = 0;
  let leases = 0;
  let changed = 0;
  for (let step = 0; step < 300; step++) {
    const { value, transfer } = arenas.handOver(all.slice(0, 1 + random() * all.length));
    const lease = value[0]?.lease;
    if (lease !== undefined) {
      leases += 1;
      t.equal(transfer, undefined);
      t.notOk(lent.has(lease));
      lent.set(lease, value);
      for (const { body } of value) if (body !== undefined) memory.add(body.buffer);
    }
    most = Math.max(most, lent.size);
    for (const value of lent.values()) {
      changed += value.filter(({ body }, i) => body !== undefined && !all[i]?.body?.equals(body)).length;
    }
    for (const [id] of lent) {
      if (random() > (step % 100 < 50 ? 0.05 : 0.4)) continue;
      lent.delete(id);
      t.equal(arenas.giveBack(id), undefined);
    }
  }
  t.equal(changed, 0);
  t.equal(most, 8, 'no more than so many at once: the others are moved');
  t.ok(memory.size < leases / 2, `${leases} leases in ${memory.size} arenas`);
  t.equal(arenas.giveBack(10_000), undefined, 'what was not lent is no matter');
});

t.test('few batches, and what is huge, are moved', async (t) => {
  const arenas = new Arenas();
  t.equal(arenas.handOver(batches(5)).transfer?.length, 1);
  const huge = stored(1).map((batch) => ({ ...batch, body: Buffer.alloc(2 ** 21, 'x') }));
  t.equal(arenas.handOver(huge).transfer?.length, 1);
});
