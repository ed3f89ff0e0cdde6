import t from 'tap';
import { duration, size } from '../../src/config/units.ts';

t.test('durations become milliseconds', async (t) => {
  const table = {
    '1ms': 1,
    '250ms': 250,
    '1.5s': 1500,
    '90 s': 90_000,
    '10m': 600_000,
    '2h': 7_200_000,
    '7d': 604_800_000,
    '1.0006s': 1001,
  };
  for (const [text, milliseconds] of Object.entries(table)) t.equal(duration().parse(text), milliseconds, text);
});

t.test('sizes become bytes, decimal and binary', async (t) => {
  const table = {
    '1B': 1,
    '2kB': 2000,
    '50MB': 50e6,
    '1GB': 1e9,
    '64KiB': 65_536,
    '1.5MiB': 1_572_864,
    '8GiB': 8 * 2 ** 30,
  };
  for (const [text, bytes] of Object.entries(table)) t.equal(size().parse(text), bytes, text);
});

t.test('what is not a quantity names the units that are right', async (t) => {
  for (const text of [
    '5',
    '5 sec',
    '1min',
    '-1s',
    '1s ',
    '  1s',
    '1e3s',
    '',
    'ms',
    '.5s',
    '1S',
    '１s',
    5,
    null,
    undefined,
    {},
  ]) {
    const { error } = duration().safeParse(text);
    t.same(
      error?.issues.map(({ message }) => message),
      ['expected a duration with its unit (ms, s, m, h, d), e.g. 250ms'],
      JSON.stringify(text),
    );
  }
  for (const text of ['5', '1gb', '1Gib', '8G', '1TB', 10_000]) {
    const { error } = size().safeParse(text);
    t.same(
      error?.issues.map(({ message }) => message),
      ['expected a size with its unit (B, kB, MB, GB, KiB, MiB, GiB), e.g. 8GiB'],
      JSON.stringify(text),
    );
  }
});

t.test('bounds are kept and told with their unit', async (t) => {
  const messages = (text: string) =>
    duration({ min: '1s', max: '1h' })
      .safeParse(text)
      .error?.issues.map((i) => i.message);
  t.same(messages('999ms'), ['expected at least 1s']);
  t.same(messages('61m'), ['expected at most 1h']);
  t.equal(messages('1s'), undefined);
  t.equal(messages('60m'), undefined);
});

t.test('a duration without bounds fits a timer and is not zero', async (t) => {
  t.notOk(duration().safeParse('25d').success);
  t.ok(duration().parse('24d') < 2 ** 31);
  t.notOk(duration().safeParse('0s').success);
  t.notOk(duration().safeParse(`${'9'.repeat(400)}s`).success, 'infinity');
});
