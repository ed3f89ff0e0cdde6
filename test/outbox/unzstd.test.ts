import { constants, zstdCompressSync } from 'node:zlib';
import t from 'tap';
import { encodeBody } from '../../src/outbox/codec.ts';
import { loadUnzstd, unzstd } from '../../src/outbox/unzstd.ts';
import { seededRandom } from '../support/random.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** A text that compresses as bodies do. */
function textOf(size: number, random: () => number): string {
  return JSON.stringify(Array.from({ length: size / 4 }, (_, i) => Math.round(random() * 900) + i)).slice(0, size);
}

t.test(`gives the same before and after WebAssembly is there (seed ${seed})`, async (t) => {
  const random = seededRandom(seed);
  const texts = [1, 2, 100, 255, 256, 300, 65_791, 65_792, 200_000, 2 ** 20, 2 ** 20 + 1].map((size) =>
    textOf(size, random),
  );
  const params = { [constants.ZSTD_c_contentSizeFlag]: 0 };
  const frames = texts.flatMap((text) => [
    encodeBody(text),
    zstdCompressSync(text),
    zstdCompressSync(text, { params }),
  ]);
  const read = () => frames.map((frame) => Buffer.from(unzstd(frame)).toString());
  const before = read();
  t.same(
    before,
    texts.flatMap((text) => [text, text, text]),
  );
  await loadUnzstd();
  await loadUnzstd();
  t.same(read(), before);
});

t.test(`what is damaged is refused, or read as it was (seed ${seed})`, async (t) => {
  await loadUnzstd();
  const random = seededRandom(seed);
  const text = textOf(9000, random);
  const frame = encodeBody(text);
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    const damaged = Buffer.from(frame);
    const at = Math.floor(random() * frame.length);
    damaged[at] = (damaged[at] as number) ^ (1 << Math.floor(random() * 8));
    const cut = damaged.subarray(0, random() < 0.3 ? Math.floor(random() * frame.length) : frame.length);
    try {
      // Some bits of the header say nothing of the content.
      if (Buffer.from(unzstd(cut)).toString() !== text) t.fail(`byte ${at} of ${cut.length}`);
    } catch {
      refused += 1;
    }
  }
  t.ok(refused > 2900, `${refused} refused`);
});

t.test('what claims to be huge takes no memory', async (t) => {
  await loadUnzstd();
  const frame = Buffer.from(zstdCompressSync(Buffer.alloc(300_000), { pledgedSrcSize: 300_000 }));
  const before = process.memoryUsage().rss;
  for (const size of [2 ** 31, 2 ** 32 - 1, 65 * 2 ** 20, 2 ** 20]) {
    const isSingleSegment = (frame.readUInt8(4) & 0b10_0000) !== 0;
    frame.writeUInt32LE(size, isSingleSegment ? 5 : 6);
    t.throws(() => unzstd(frame), `${size}`);
  }
  t.ok(process.memoryUsage().rss - before < 64 * 2 ** 20);
});
