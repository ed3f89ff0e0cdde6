import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import t from 'tap';
import { frameOf } from '../../src/forwarder/zstd-frame.ts';
import { encodeBody } from '../../src/outbox/codec.ts';
import { blocksOf } from '../../src/outbox/zstd-blocks.ts';
import { seededRandom } from '../support/random.ts';

const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
const BEFORE = Buffer.from('{"v":1,"signals":');
const AFTER = Buffer.from('}');

/** The frame of a text around its envelope, with room for it and without. */
function wrapped(frame: Buffer, contentBytes: number, room = 0): Buffer {
  const blocks = blocksOf(Buffer.from(frame));
  const arena = Buffer.alloc(blocks.length + 2 * room, '#');
  arena.set(blocks, room);
  return frameOf(BEFORE, { blocks: arena.subarray(room, room + blocks.length), room, contentBytes }, AFTER);
}

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
    const whole = Buffer.concat([BEFORE, Buffer.from(text), AFTER]);
    for (const room of [0, 12, 100]) {
      const frame = wrapped(encodeBody(text), Buffer.byteLength(text), room);
      t.ok(zstdDecompressSync(frame).equals(whole), `${text.length} bytes, room for ${room}`);
    }
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
      const frame = wrapped(zstdCompressSync(text, { params }), text.length);
      t.ok(zstdDecompressSync(frame).equals(Buffer.from(`${BEFORE}${text}${AFTER}`)), `level ${level}, ${flag}`);
    }
  }
});

t.test('what is no whole frame of its own is refused', async (t) => {
  const text = 'abc'.repeat(100);
  const frame = encodeBody(text);
  const wrap = (bytes: Buffer) => () => wrapped(bytes, text.length);
  t.throws(wrap(Buffer.from('{"not":"zstd","at":"all"}')), { message: /not a zstd frame/ });
  t.throws(wrap(frame.subarray(0, 3)), { message: /not a zstd frame/ });
  for (let length = 9; length < frame.length - 4; length++) t.throws(wrap(frame.subarray(0, length)));
  const withDictionary = Buffer.from(frame);
  withDictionary[4] = (withDictionary[4] as number) | 1;
  t.throws(wrap(withDictionary), { message: /dictionary/ });
  const blocks = { blocks: blocksOf(frame), room: 0, contentBytes: text.length };
  t.throws(() => frameOf(Buffer.alloc(200_000), blocks, AFTER), { message: /too much/ });
});
