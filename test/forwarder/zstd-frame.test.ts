import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import t from 'tap';
import { wrapFrame } from '../../src/forwarder/zstd-frame.ts';
import { encodeBody } from '../../src/outbox/codec.ts';
import { seededRandom } from '../support/random.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
const BEFORE = Buffer.from('{"v":1,"signals":');
const AFTER = Buffer.from('}');

/** Texts as bodies are, and what compresses badly, not at all, or to nothing; some need several blocks. */
function* texts(): Generator<string> {
  const random = seededRandom(seed);
  const bytes = (size: number) => Array.from({ length: size }, () => String.fromCharCode(33 + random() * 90)).join('');
  for (const size of [1, 10, 300, 5000, 131_071, 131_072, 131_073, 400_000]) {
    yield bytes(size);
    yield 'x'.repeat(size);
    yield JSON.stringify(Array.from({ length: size / 4 }, (_, i) => Math.round(random() * 1000) + i));
    yield bytes(size) + bytes(100).repeat(50) + 'x'.repeat(size);
  }
}

t.test(`a wrapped frame decodes to what is in it, whatever it is (seed ${seed})`, async (t) => {
  for (const text of texts()) {
    const wrapped = wrapFrame(encodeBody(text), Buffer.byteLength(text), BEFORE, AFTER);
    t.ok(zstdDecompressSync(wrapped).equals(Buffer.concat([BEFORE, Buffer.from(text), AFTER])), `${text.length} bytes`);
  }
});

t.test('frames of other writers are wrapped as well: other levels, without their size, with a window', async (t) => {
  const text = [...texts()].at(-1) as string;
  for (const level of [-5, 1, 3, 12, 19]) {
    for (const [flag, windowLog] of [
      [0, 0],
      [1, 10],
      [1, 0],
    ] as const) {
      const params = {
        [constants.ZSTD_c_compressionLevel]: level,
        [constants.ZSTD_c_contentSizeFlag]: flag,
        ...(windowLog === 0 ? {} : { [constants.ZSTD_c_windowLog]: windowLog }),
      };
      const wrapped = wrapFrame(zstdCompressSync(text, { params }), text.length, BEFORE, AFTER);
      t.ok(zstdDecompressSync(wrapped).equals(Buffer.from(`${BEFORE}${text}${AFTER}`)), `level ${level}, ${flag}`);
    }
  }
});

t.test('what is no whole frame of its own is refused', async (t) => {
  const text = 'abc'.repeat(100);
  const frame = encodeBody(text);
  const wrap = (bytes: Uint8Array) => () => wrapFrame(bytes, text.length, BEFORE, AFTER);
  t.throws(wrap(Buffer.from('{"not":"zstd","at":"all"}')), { message: /not a zstd frame/ });
  t.throws(wrap(frame.subarray(0, 3)), { message: /not a zstd frame/ });
  for (let length = 9; length < frame.length - 4; length++) t.throws(wrap(frame.subarray(0, length)));
  const withDictionary = Buffer.from(frame);
  withDictionary[4] = (withDictionary[4] as number) | 1;
  t.throws(wrap(withDictionary), { message: /dictionary/ });
  t.throws(() => wrapFrame(frame, text.length, Buffer.alloc(200_000), AFTER), { message: /too much/ });
});
