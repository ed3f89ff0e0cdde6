import t from 'tap';
import type { Value } from '../../../src/observation.ts';
import { ChangesWindow } from '../../../src/pipeline/rules/windows/changes.ts';
import { CountWindow } from '../../../src/pipeline/rules/windows/count.ts';
import { EwmaWindow } from '../../../src/pipeline/rules/windows/ewma.ts';
import { LineWindow } from '../../../src/pipeline/rules/windows/line.ts';
import { MomentsWindow } from '../../../src/pipeline/rules/windows/moments.ts';
import { PercentileWindow } from '../../../src/pipeline/rules/windows/percentile.ts';
import { TimeInWindow } from '../../../src/pipeline/rules/windows/time-in.ts';
import { PANES, type Window } from '../../../src/pipeline/rules/windows/window.ts';
import { seededRandom } from '../../support/random.ts';

const WINDOW = 300_000;
const PANE = WINDOW / PANES;
const T0 = 1_763_640_000_000;
const SEEDS = process.env['LONG'] === '1' ? 200 : 12;

interface Sample {
  readonly t: number;
  readonly v: Value;
  readonly isLate: boolean;
}

/** Bursts, gaps, unavailable and late values, and jumps of level. */
function series(seed: number, draw: (random: () => number) => Value): Sample[] {
  const random = seededRandom(seed);
  let [t, newest] = [T0, T0];
  return Array.from({ length: 1500 }, () => {
    const dice = random();
    t += dice < 0.02 ? Math.floor(random() * 700_000) : dice < 0.6 ? Math.floor(random() * 2000) : 0;
    const at = random() < 0.05 ? t - Math.floor(random() * 400_000) : t;
    const isLate = at < newest;
    newest = Math.max(newest, at);
    return { t: at, v: random() < 0.05 ? null : draw(random), isLate };
  });
}

const level = (random: () => number) => (random() < 0.1 ? -1 : 1) * 10 ** (random() * 8 - 2);

/** What a window of whole panes covers at a time. */
function covered(samples: readonly Sample[], now: number): Sample[] {
  const from = (Math.floor(now / PANE) - PANES) * PANE;
  return samples.filter((sample) => sample.t >= from);
}

/** Numbers that a window covers, as it met them: what was too late when it came is not in it. */
class Naive {
  readonly #taken: Sample[] = [];
  #newest = Number.NEGATIVE_INFINITY;

  take(sample: Sample): void {
    this.#newest = Math.max(this.#newest, sample.t);
    if (sample.v !== null && covered([sample], this.#newest).length > 0) this.#taken.push(sample);
  }

  at(now: number): { t: number; v: number }[] {
    return covered(this.#taken, now).map((sample) => ({ t: sample.t, v: sample.v as number }));
  }
}

function isNear(actual: number | null, expected: number | null, scale = 1): boolean {
  if (actual === null || expected === null) return actual === expected;
  return Math.abs(actual - expected) <= 1e-9 * Math.max(Math.abs(expected), scale);
}

const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

for (let seed = 1; seed <= SEEDS; seed++) {
  t.test(`windows equal a naive computation over the raw series (seed ${seed})`, async (test) => {
    const samples = series(seed, level);
    const [moments, line, count] = [new MomentsWindow(WINDOW), new LineWindow(WINDOW), new CountWindow(WINDOW)];
    const percentile = new PercentileWindow(WINDOW, 90);
    const windows: readonly Window[] = [moments, line, count, percentile];
    const naive = new Naive();
    const random = seededRandom(seed + 1000);
    const wrong: string[] = [];
    const expect = (what: string, isRight: boolean) => {
      if (!isRight) wrong.push(what);
    };
    for (const [i, sample] of samples.entries()) {
      for (const window of windows) window.observe(sample.t, sample.v, sample.isLate);
      naive.take(sample);
      if (random() > 0.2) continue;
      const next = samples[i + 1]?.t ?? Number.POSITIVE_INFINITY;
      const newest = Math.max(...samples.slice(0, i + 1).map((one) => one.t));
      const now = Math.min(Math.max(next, newest), newest + Math.floor(random() * 3 * PANE));
      naive.take({ t: now, v: null, isLate: false });
      const values = naive.at(now);
      const all = moments.moments(now);
      const numbers = values.map(({ v }) => v);
      const n = numbers.length;
      const mean = n === 0 ? null : sum(numbers) / n;
      const scale = Math.max(1, ...numbers.map(Math.abs));
      const m2 = mean === null ? 0 : sum(numbers.map((v) => (v - mean) ** 2));
      expect(`count ${i}`, count.count(now) === n);
      expect(`mean ${i}`, isNear(all.n === 0 ? null : all.mean, mean, scale));
      expect(`stddev ${i}`, isNear(all.stddev, n < 2 ? null : Math.sqrt(m2 / (n - 1)), scale));
      expect(`min ${i}`, all.min === Math.min(...numbers));
      expect(`max ${i}`, all.max === Math.max(...numbers));
      expect(`rate ${i}`, isNear(line.rate(now), naiveRate(values)));
      expect(`trend ${i}`, isNear(line.trend(now), naiveTrend(values), scale));
      const rank = numbers.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(0.9 * n) - 1)] ?? null;
      const told = percentile.percentile(now);
      expect(`percentile ${i}`, rank === null ? told === null : Math.abs((told ?? 0) - rank) <= Math.abs(rank) * 0.01);
    }
    test.same(wrong, []);
  });

  t.test(`states: changes and time in them equal a naive computation (seed ${seed})`, async (test) => {
    const states = ['running', 'idle', 'stopped'];
    const samples = series(seed, (random) => states[Math.floor(random() * 3)] as string);
    const [changes, timeIn] = [new ChangesWindow(WINDOW), new TimeInWindow(WINDOW, 'running')];
    const inOrder: Sample[] = [];
    const wrong: string[] = [];
    for (const [i, sample] of samples.entries()) {
      changes.observe(sample.t, sample.v, sample.isLate);
      timeIn.observe(sample.t, sample.v, sample.isLate);
      if (!sample.isLate) inOrder.push(sample);
      const now = inOrder.at(-1)?.t ?? 0;
      if (changes.changes(now) !== naiveChanges(inOrder, now)) wrong.push(`changes ${i}`);
      if (timeIn.seconds(now) !== naiveTimeIn(inOrder, now)) wrong.push(`time_in ${i}`);
    }
    test.same(wrong, []);
  });
}

function naiveRate(values: readonly { t: number; v: number }[]): number | null {
  const sorted = values.toSorted((a, b) => a.t - b.t);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (first === undefined || last === undefined || last.t === first.t) return null;
  return ((last.v - first.v) / (last.t - first.t)) * 1000;
}

function naiveTrend(values: readonly { t: number; v: number }[]): number | null {
  const [meanT, meanV] = [
    sum(values.map(({ t }) => t - T0)) / values.length,
    sum(values.map(({ v }) => v)) / values.length,
  ];
  const tt = sum(values.map((one) => (one.t - T0 - meanT) ** 2));
  return tt > 0 ? (sum(values.map((one) => (one.t - T0 - meanT) * (one.v - meanV))) / tt) * 1000 : null;
}

function naiveChanges(samples: readonly Sample[], now: number): number | null {
  const known = samples.filter(({ v }) => v !== null);
  const changed = known.filter(({ v }, i) => i > 0 && v !== known[i - 1]?.v);
  return known.length === 0 ? null : covered(changed, now).length;
}

function naiveTimeIn(samples: readonly Sample[], now: number): number | null {
  const from = (Math.floor(now / PANE) - PANES) * PANE;
  const held = samples.map(({ t, v }, i) =>
    v === 'running' ? Math.max(0, (samples[i + 1]?.t ?? now) - Math.max(t, from)) : 0,
  );
  return samples.every(({ v }) => v === null) ? null : Math.min(WINDOW, sum(held)) / 1000;
}

t.test('an exponential mean halves what is a half-life old, however often it is told', async (test) => {
  const ewma = new EwmaWindow(60_000);
  ewma.observe(T0, 100, false);
  ewma.observe(T0 + 60_000, 0, false);
  test.equal(ewma.mean(), 50);
  for (let i = 1; i <= 60; i++) ewma.observe(T0 + 60_000 + i * 1000, 0, false);
  test.ok(Math.abs((ewma.mean() ?? 0) - 25) < 1e-9);
  ewma.observe(T0, 1e9, true);
  test.ok((ewma.mean() ?? 0) < 26, 'a late value is left out');
});

t.test('a window wakes when what it covers changes, and not once it is empty', async (test) => {
  const moments = new MomentsWindow(WINDOW);
  moments.observe(T0, 5);
  const wake = moments.wake(T0);
  test.ok(wake > T0 + WINDOW && wake <= T0 + WINDOW + PANE);
  test.equal(moments.moments(wake - 1).mean, 5);
  test.equal(moments.moments(wake).n, 0);
  test.equal(moments.wake(wake), Number.POSITIVE_INFINITY);
});

t.test('a percentile holds for numbers of any size', async (test) => {
  for (const value of [0, 1e-9, 1.5e-6, -1.5e-6, 0.1, 7, -7, 123_456.789, -2e11]) {
    const percentile = new PercentileWindow(WINDOW, 50);
    percentile.observe(T0, value);
    test.ok(Math.abs((percentile.percentile(T0) ?? 1) - value) <= Math.max(Math.abs(value) * 0.01, 1e-6), `${value}`);
  }
});
