import t from 'tap';
import { judgeMachine, rateOf, skewOf } from '../../src/doctor/judge-machine.ts';
import { MachineRecord, type Watched } from '../../src/doctor/machine-record.ts';
import { Fault } from '../../src/errors.ts';
import type { MachineEvent, Observation, Value } from '../../src/observation.ts';
import { ailing, named } from './support.ts';

const NOW = 1_763_640_000_000;

const seen = (signal: string, v: Value, more: Partial<Observation> = {}): Observation => ({
  signal,
  t: NOW,
  ns: 0,
  v,
  q: v === null ? 'bad' : 'good',
  ...more,
});

/** A machine that was watched for ten seconds: readings, one a second. */
function watched(readings: readonly (readonly Observation[])[], events: readonly MachineEvent[] = []): Watched {
  const record = new MachineRecord();
  const signals = Object.fromEntries(readings.flat().map(({ signal }) => [signal, {}]));
  record.take({ observations: [], events: [{ type: 'machine', t: NOW, model: {}, signals }, ...events] }, 0, NOW);
  for (const [i, observations] of readings.entries()) record.take({ observations }, i * 1000, NOW + 10);
  return { record, duration: 10_000, vitals: [] };
}

const WELL = [seen('rpm', 1200), seen('feed_mm_min', 800), seen('state', 'running'), seen('available', true)];

t.test('a machine that is well has nothing but good findings', async (t) => {
  const well = watched([WELL, [seen('rpm', 1201)]]);
  t.same(ailing(judgeMachine(well)), []);
  t.equal(rateOf(well), 0.1);
  t.equal(skewOf(well), 10);
});

t.test('values that cannot be are told', async (t) => {
  const cases: readonly [string, Value, RegExp | undefined][] = [
    ['rpm', -1500, /negative/],
    ['rpm', 64_036, /no machine reaches/],
    ['rpm', 'fast', /no number/],
    ['rpm', 30_000, undefined],
    ['feed_mm_min', -1, /negative/],
    ['feed_mm_min', 1e9, /no machine reaches/],
    ['feed_mm_min', 60_000, undefined],
  ];
  for (const [name, v, text] of cases) {
    const finding = named(judgeMachine(watched([[...WELL, seen(name, v)], [seen('x', 1)]])), name);
    t.match(finding, text === undefined ? { level: 'good' } : { level: 'warn', text, hint: /./ }, `${name} ${v}`);
  }
});

t.test('signals without a value are named, and nothing but such is a fault', async (t) => {
  const some = named(
    judgeMachine(watched([[...WELL, seen('load', null), seen('temp', 4, { q: 'uncertain' })]])),
    'signals',
  );
  t.match(some, { level: 'warn', text: '4 of 6 signals have a good value; no value: load; doubtful: temp', hint: /./ });
  const none = named(judgeMachine(watched([[seen('a', null), seen('b', null)]])), 'signals');
  t.match(none, { level: 'bad', text: /^0 of 2/ });
  const off = named(judgeMachine(watched([[seen('a', null), seen('available', false)]])), 'signals');
  t.match(off, { level: 'warn', hint: /switch it on/ });
  const many = named(
    judgeMachine(watched([[...WELL, ...Array.from({ length: 20 }, (_, i) => seen(`s${i}`, null))]])),
    'signals',
  );
  t.match(many?.text, /s0, s1, s2, s3, s4, s5 and 14 more$/);
});

t.test('standing still is only suspicious in a machine that runs', async (t) => {
  const rate = (state: Value) => named(judgeMachine(watched([[seen('state', state)], [seen('state', state)]])), 'rate');
  t.match(rate('running'), { level: 'warn', text: /nothing changed .* though it runs/ });
  t.match(rate('idle'), { level: 'good', text: /the machine is idle/ });
  t.match(rate(null), { level: 'warn' });
});

t.test('time stamps count from what came after the snapshot', async (t) => {
  const old = seen('rpm', 1, { t: NOW - 86_400_000 });
  t.equal(named(judgeMachine(watched([[old]])), 'time stamps'), undefined, 'a snapshot may be old');
  const behind = named(judgeMachine(watched([WELL, [seen('rpm', 1, { t: NOW - 7_200_000 })]])), 'time stamps');
  t.match(behind, { level: 'warn', text: '2.0 h behind the gateway’s clock', hint: /time server/ });
  const ahead = named(judgeMachine(watched([WELL, [seen('rpm', 1, { t: NOW + 60_010 })]])), 'time stamps');
  t.match(ahead, { level: 'warn', text: '60.0 s ahead of the gateway’s clock' });
});

t.test('notices, gaps and recovered failures are each told once', async (t) => {
  const notice: MachineEvent = { type: 'notice', t: NOW, code: 'stream-fallback', message: 'cannot\x1b[2J stream' };
  const gap: MachineEvent = { type: 'gap', t: NOW, cause: 'poll-skipped', from: 1, to: 2, count: 3, exact: true };
  const failed: MachineEvent = { type: 'driver', t: NOW, state: 'failed', message: 'no answer' };
  const polling: MachineEvent = { type: 'driver', t: NOW, state: 'polling' };
  const findings = judgeMachine(watched([WELL, [seen('rpm', 1)]], [notice, notice, gap, failed, polling]));
  t.match(ailing(findings), [
    { name: 'stream-fallback', level: 'warn', text: 'cannot [2J stream' },
    { name: 'gap', level: 'warn', text: '3 observations were lost (poll-skipped)' },
    { name: 'link', level: 'warn', text: 'no answer' },
  ]);
  t.equal(ailing(findings).length, 3);
  const still = judgeMachine(watched([WELL, [seen('rpm', 1)]], [failed]));
  t.match(
    ailing(still),
    [{ name: 'link', level: 'bad', text: 'the link broke: no answer' }],
    'a failure that lasts is a fault',
  );
});

t.test('what was never read says why, as far as it is known', async (t) => {
  const nothing = watched([]);
  t.match(judgeMachine(nothing), [{ level: 'bad', text: 'nothing was read within 10.0 s', hint: /./ }]);
  const fault = new Fault('machine', 'refused', { hint: 'start it' });
  t.match(judgeMachine({ ...nothing, fault }), [{ level: 'bad', text: 'refused', hint: 'start it' }]);
  const vitals = [{ name: 'unit', level: 'bad' as const, text: 'does not answer', hint: 'check its power' }];
  t.match(judgeMachine({ ...nothing, vitals }), [
    { name: 'reachable', text: 'does not answer', hint: 'check its power' },
  ]);
});

t.test('what a machine says cannot move the cursor of a terminal', async (t) => {
  const message = '\u001b[2Jgone\nand more';
  const failed = [{ type: 'driver', t: NOW, state: 'failed', message }] as const;
  const vitals = [{ name: 'x', level: 'good', text: message }] as const;
  const all = [
    ...judgeMachine(watched([], failed)),
    ...judgeMachine({ ...watched([WELL, WELL]), fault: new Error(message) }),
    ...judgeMachine({ ...watched([WELL, [seen('rpm', 2)]]), vitals }),
  ];
  t.ok(all.some(({ text }) => text.includes('gone')));
  for (const { text } of all) t.notOk(text.includes('\u001b') || text.includes('\n'), text);
});
