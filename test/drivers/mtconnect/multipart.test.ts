import t from 'tap';
import { boundaryOf, MultipartSplitter } from '../../../src/drivers/mtconnect/multipart.ts';

const CAP = 1_000_000;
const bodies = ['<a>first</a>', `<b>${'ä'.repeat(40_000)}</b>`, '', '<c>--not a boundary\r\n--x</c>', '<d/>'];

function framed(parts: readonly string[], header: (bytes: number) => string): Buffer {
  const text = parts.map(
    (body) => `--bound-1\r\nContent-type: text/xml\r\n${header(Buffer.byteLength(body))}\r\n${body}\r\n`,
  );
  return Buffer.from(text.join(''));
}

function split(bytes: Buffer, sizes: () => number, cap = CAP): string[] {
  const splitter = new MultipartSplitter('bound-1', cap, 'the agent');
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = Math.max(1, sizes());
    splitter.push(bytes.subarray(at, at + size));
    at += size;
    for (let part = splitter.next(); part !== undefined; part = splitter.next()) parts.push(part.toString());
  }
  return parts;
}

t.test('gives the same parts however the bytes are cut', async (t) => {
  const bytes = framed(bodies, (length) => `Content-length: ${length}\r\n`);
  t.same(
    split(bytes, () => 1),
    bodies,
    'byte by byte',
  );
  t.same(
    split(bytes, () => bytes.length),
    bodies,
    'at once',
  );
  const seed = Date.now() % 1_000_000;
  t.comment(`seed ${seed}`);
  let state = seed;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
  for (let round = 0; round < 50; round += 1) {
    t.same(
      split(bytes, () => Math.floor(random() * 9000)),
      bodies,
      `round ${round}, seed ${seed}`,
    );
  }
});

t.test('a part with a length is complete with its last byte, before the next boundary comes', async (t) => {
  const splitter = new MultipartSplitter('b', CAP, 'the agent');
  splitter.push(Buffer.from('preamble\r\n--b\r\ncOnTeNt-LeNgTh :5\r\n\r\nhell'));
  t.equal(splitter.next(), undefined);
  splitter.push(Buffer.from('o'));
  t.equal(splitter.next()?.toString(), 'hello');
  t.equal(splitter.next(), undefined);
});

t.test('without a length the boundary ends a part', async (t) => {
  const bytes = Buffer.concat([framed(['<a/>', '<b>x</b>'], () => ''), Buffer.from('--bound-1--\r\n')]);
  t.same(
    split(bytes, () => 1),
    ['<a/>', '<b>x</b>'],
  );
  t.same(
    split(bytes, () => 7),
    ['<a/>', '<b>x</b>'],
  );
});

t.test('takes bare line feeds, and ends with the closing boundary', async (t) => {
  const splitter = new MultipartSplitter('b', CAP, 'the agent');
  splitter.push(Buffer.from('--b\nContent-Length: 2\n\nhi\n--b--'));
  t.equal(splitter.next()?.toString(), 'hi');
  t.equal(splitter.next(), undefined);
  t.ok(splitter.ended);
});

t.test('refuses parts above the cap, with and without a length, and headers without an end', async (t) => {
  const refused = (text: string) => () => split(Buffer.from(text), () => 1000, 100);
  t.throws(refused(`--bound-1\r\nContent-length: 101\r\n\r\n`), {
    name: 'Fault',
    of: 'machine',
    message: /above the cap of 100/,
  });
  t.throws(refused(`--bound-1\r\n\r\n${'x'.repeat(1000)}`), { name: 'Fault', message: /above the cap/ });
  t.throws(refused(`--bound-1\r\n${'x: y\r\n'.repeat(10_000)}`), { name: 'Fault', message: /no end/ });
  t.throws(refused(`--bound-1${'x'.repeat(100_000)}`), { name: 'Fault', message: /without an end/ });
});

t.test('noise where a boundary is due is a fault: it may stand for a part', async (t) => {
  const text = '--bound-1\r\nContent-length: 4\r\n\r\n<a/>\r\nnoise noise noise\r\n--bound-1\r\n';
  for (const size of [1, 1000]) {
    t.throws(() => split(Buffer.from(text), () => size), { name: 'Fault', message: /where a boundary is due/ });
  }
});

t.test('skips endless noise in front of the first boundary in constant room', async (t) => {
  const splitter = new MultipartSplitter('b', 100, 'the agent');
  const noise = Buffer.alloc(50_000, 'noise ');
  for (let i = 0; i < 200; i += 1) {
    splitter.push(noise);
    t.equal(splitter.next(), undefined);
  }
  splitter.push(Buffer.from('\r\n--b\r\nContent-length: 2\r\n\r\nok'));
  t.equal(splitter.next()?.toString(), 'ok');
});

t.test('finds the boundary in a Content-Type', async (t) => {
  t.equal(boundaryOf('multipart/x-mixed-replace;boundary=abc'), 'abc');
  t.equal(boundaryOf('Multipart/Mixed; charset=utf-8; Boundary="a b;c"'), 'a b;c');
  t.equal(boundaryOf('text/xml'), undefined);
  t.equal(boundaryOf(undefined), undefined);
});
