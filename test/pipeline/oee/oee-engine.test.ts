import t from 'tap';
import type { Observation, Quality, Value } from '../../../src/observation.ts';
import { Calendar, type Shift } from '../../../src/pipeline/oee/calendar.ts';
import { OeeEngine, type OeeSettings } from '../../../src/pipeline/oee/oee-engine.ts';
import { type OeePeriod, oeeObservations } from '../../../src/pipeline/oee/period.ts';
import { seededRandom } from '../../support/random.ts';

const SEED = 22_400;
const HOUR = 3_600_000;
const MINUTE = 60_000;
t.comment(`seed ${SEED}`);

const WEEK = [1, 2, 3, 4, 5];
const early: Shift = { name: 'early', days: WEEK, from: 360, to: 840, breaks: [{ from: 600, to: 630 }] };
const night: Shift = { name: 'night', days: [6], from: 1320, to: 360, breaks: [] };
const settings: OeeSettings = {
  ...{ timeZone: 'Europe/Berlin', shifts: [early], state: 'state', running: ['running'] },
  ...{
    parts: 'parts',
    scrap: 'scrap',
    idealCycle: 60_000,
    maxStep: 100,
    alarms: ['system', '*.active'],
    minDowntime: MINUTE,
  },
};
/** A Tuesday, winter time. */
const at = (hour: number, minute = 0) => Date.UTC(2026, 0, 6, hour - 1, minute);
const one = (signal: string, t: number, v: Value, q: Quality = 'good'): Observation => ({ signal, t, ns: 0, v, q });

t.test('a shift of a milling machine: the factors, and what is planned downtime', async (t) => {
  const engine = new OeeEngine(settings);
  const day: Observation[] = [
    ...[one('state', at(6), 'running'), one('parts', at(6), 1000), one('scrap', at(6), 7)],
    ...[one('system', at(8, 50), 'FAULT'), one('state', at(9), 'stopped')],
    ...[one('spindle.active', at(9, 5), [{ id: 'a', level: 'FAULT', code: '421', text: 'Overtemp' }])],
    ...[one('system', at(9, 40), 'NORMAL'), one('state', at(9, 45), 'running')],
    ...[one('state', at(10), 'idle'), one('state', at(10, 30), 'running'), one('scrap', at(13), 17)],
    ...[80, 80, 80, 80].map((_, i) => one('parts', at(13, i), 1000 + 81 * (i + 1))),
    ...[one('state', at(14), 'idle'), one('parts', at(15), 1330)],
  ];
  for (const observation of day) engine.observe(observation);
  engine.advance(at(24, 30));
  const { periods, downtimes } = engine.take();
  const shift = periods.find(({ kind }) => kind === 'shift');
  t.match(shift, { name: 'early', from: at(6), to: at(14), planned: 7.5 * 3600, running: 6.75 * 3600, down: 2700 });
  t.match(shift, { parts: 324, scrap: 10, good: null, extraParts: 0, jumps: 0, availability: 0.9, performance: 0.8 });
  t.ok(Math.abs((shift?.quality ?? 0) - 314 / 324) < 1e-12);
  t.ok(Math.abs((shift?.oee ?? 0) - 0.9 * 0.8 * (314 / 324)) < 1e-12);
  t.match(
    periods.find(({ kind }) => kind === 'day'),
    { planned: 7.5 * 3600, parts: 324, extraParts: 6 },
  );
  const hours = periods.filter(({ kind }) => kind === 'hour');
  t.same(
    hours.map(({ planned }) => planned / 60),
    [60, 60, 60, 60, 30, 60, 60, 60, 0],
  );
  t.same(downtimes, [
    {
      ...{ from: at(9), to: at(9, 45), duration: 2700, shift: 'early', states: ['stopped'] },
      alarms: ['system: FAULT', 'spindle.active: FAULT 421 Overtemp'],
    },
  ]);
  t.same(
    oeeObservations(shift as OeePeriod).map(({ signal, v, t }) => [signal, t === at(14) && typeof v]),
    ['availability', 'performance', 'quality', 'index'].map((what) => [`oee.${what}_shift`, 'number']),
  );
});

t.test('a counter that begins anew goes on, one that jumps is told and not counted', async (t) => {
  const engine = new OeeEngine(settings);
  engine.observe(one('state', at(6), 'running'));
  for (const [i, v] of [5, 7, 0, 2, 5000, 5001, null].entries())
    engine.observe(one('parts', at(7, i), v, v === null ? 'bad' : 'good'));
  t.match(
    engine.current().find(({ kind }) => kind === 'shift'),
    { parts: 2 + 0 + 2 + 1, jumps: 1 },
  );
});

t.test('time in which the state is unknown is neither running nor down', async (t) => {
  const engine = new OeeEngine(settings);
  engine.observe(one('state', at(6), 'running'));
  engine.observe(one('state', at(7), null, 'bad'));
  engine.observe(one('state', at(8), 'running'));
  engine.advance(at(14));
  const shift = engine.take().periods.find(({ kind }) => kind === 'shift');
  t.match(shift, { planned: 7.5 * 3600, unknown: 3600, running: 6.5 * 3600, down: 0, availability: 1 });
});

t.test('a shift over a change of the clocks is as long as it was', async (t) => {
  // In Berlin the clocks went on at 2:00 of 29 March 2026, and back at 3:00 of 25 October.
  const calendar = new Calendar('Europe/Berlin', [night]);
  const spring = calendar.at(Date.UTC(2026, 2, 28, 23)).shift;
  t.same(spring, { name: 'night', from: Date.UTC(2026, 2, 28, 21), to: Date.UTC(2026, 2, 29, 4) });
  const autumn = calendar.at(Date.UTC(2026, 9, 24, 23)).shift;
  t.same(autumn, { name: 'night', from: Date.UTC(2026, 9, 24, 20), to: Date.UTC(2026, 9, 25, 5) });
  const { day } = calendar.at(Date.UTC(2026, 9, 25, 12));
  t.equal((day.to - day.from) / HOUR, 25);
  t.equal(calendar.at(Date.UTC(2026, 2, 29, 12)).shift, undefined);
});

t.test('the plan never stands still, and hours and days follow without holes', async (t) => {
  for (const timeZone of ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC']) {
    const calendar = new Calendar(timeZone, [early, night]);
    let now = Date.UTC(2026, 2, 1, 5, 17);
    let day = calendar.at(now).day;
    while (now < Date.UTC(2026, 10, 15)) {
      const plan = calendar.at(now);
      if (!(plan.until > now && plan.hour.from <= now && plan.hour.to > now)) t.fail(`${timeZone} ${now}`);
      if (plan.day.from !== day.from && plan.day.from !== day.to) t.fail(`${timeZone}: hole before ${now}`);
      day = plan.day;
      now = plan.until;
    }
    t.ok(now >= Date.UTC(2026, 10, 15), timeZone);
  }
});

t.test('a restart with the snapshot equals no restart', async (t) => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 30; round++) {
    let [now, parts] = [at(4), 0];
    const series = Array.from({ length: 400 }, () => {
      now += Math.floor(random() * (random() > 0.98 ? 40 * HOUR : 10 * MINUTE));
      const kind = random();
      if (kind > 0.6) {
        parts += Math.floor(random() * 5);
        return one('parts', now, parts);
      }
      if (kind > 0.5) return one('system', now, random() > 0.5 ? 'FAULT' : 'NORMAL');
      return random() > 0.1
        ? one('state', now, ['running', 'idle', 'stopped'][Math.floor(random() * 3)] as string)
        : one('state', now, null, 'bad');
    });
    const whole = new OeeEngine(settings);
    for (const observation of series) whole.observe(observation);
    const cut = 1 + Math.floor(random() * 398);
    const before = new OeeEngine(settings);
    for (const observation of series.slice(0, cut)) before.observe(observation);
    const told = before.take();
    const after = new OeeEngine(settings);
    after.restore(JSON.parse(JSON.stringify(before.snapshot())));
    for (const observation of series.slice(cut)) after.observe(observation);
    const rest = after.take();
    const all = whole.take();
    t.same([...told.periods, ...rest.periods], all.periods, `round ${round}: cut at ${cut}`);
    t.same([...told.downtimes, ...rest.downtimes], all.downtimes);
    t.same(after.current(), whole.current());
    const sum = (kind: string) =>
      all.periods.filter((period) => period.kind === kind).reduce((total, { planned }) => total + planned, 0);
    const open = (kind: string) => whole.current().find((period) => period.kind === kind)?.planned ?? 0;
    t.ok(Math.abs(sum('hour') + open('hour') - sum('day') - open('day')) < 1e-6, 'hours add up to days');
    t.ok(Math.abs(sum('shift') + open('shift') - sum('day') - open('day')) < 1e-6, 'shifts add up to days');
  }
});

t.test('without shifts every time is planned, and years in which nobody looked cost nothing', async (t) => {
  const engine = new OeeEngine({ ...settings, shifts: [], parts: undefined, scrap: undefined });
  engine.observe(one('state', at(6), 'running'));
  engine.observe(one('state', at(6) + 5 * 365 * 24 * HOUR, 'running'));
  engine.advance(at(8) + 5 * 365 * 24 * HOUR);
  const { periods } = engine.take();
  t.ok(periods.length < 10);
  t.match(periods.at(-1), { availability: 1, performance: null, quality: null, oee: 1 });
});
