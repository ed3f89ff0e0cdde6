import t from 'tap';
import { before, parseTimestamp } from '../../../src/drivers/mtconnect/timestamp.ts';

t.test('reads any number of fraction digits, with and without Z or an offset', async (t) => {
  const base = Date.UTC(2026, 10, 20, 21, 38, 3);
  const cases: [string, number, number][] = [
    ['2026-11-20T21:38:03Z', base, 0],
    ['2026-11-20T21:38:03', base, 0],
    ['2026-11-20T21:38:03.4Z', base + 400, 0],
    ['2026-11-20T21:38:03.42539Z', base + 425, 390_000],
    ['2026-11-20T21:38:03.425292', base + 425, 292_000],
    ['2022-09-13T14:07:36.2828516Z', Date.UTC(2022, 8, 13, 14, 7, 36, 282), 851_600],
    ['2026-11-20T21:38:03.123456789Z', base + 123, 456_789],
    ['2026-11-20T21:38:03.1234567899999Z', base + 123, 456_789],
    ['2026-11-20T22:38:03+01:00', base, 0],
    ['2026-11-20T16:08:03.5-0530', base + 500, 0],
    ['2016-12-31T23:59:60Z', Date.UTC(2017, 0, 1), 0],
    ['2024-02-29T00:00:00Z', Date.UTC(2024, 1, 29), 0],
  ];
  for (const [text, ms, ns] of cases) t.same(parseTimestamp(text), { t: ms, ns }, text);
});

t.test('refuses what is no timestamp', async (t) => {
  const cases = [
    '',
    '=',
    'UNAVAILABLE',
    '2026-11-20',
    '2026-13-01T00:00:00Z',
    '2026-00-01T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-01T00:00:61Z',
    '2025-02-29T00:00:00Z',
    '2026-01-00T00:00:00Z',
  ];
  cases.push(
    '2022-09-13T14:07:36.444Z=',
    '2026-01-01T24:00:01Z',
    '2026-01-01T00:60:00Z',
    '1700000000',
    '2026-01-01T00:00:00.Z',
  );
  for (const text of cases) t.equal(parseTimestamp(text), undefined, text);
});

t.test('goes back by nanoseconds over the millisecond', async (t) => {
  t.same(before({ t: 1000, ns: 250_000 }, 500_000), { t: 999, ns: 750_000 });
  t.same(before({ t: 1000, ns: 0 }, 3_000_000_001), { t: -2001, ns: 999_999 });
  t.same(before({ t: 1000, ns: 5 }, 0), { t: 1000, ns: 5 });
});
