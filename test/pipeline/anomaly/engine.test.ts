import t from 'tap';
import { Random } from '../../../simulator/mtconnect/random.ts';
import type { Value } from '../../../src/observation.ts';
import { AnomalyEngine } from '../../../src/pipeline/anomaly/engine.ts';
import { DEFAULTS, HOUR, MINUTE, Noise, observation, SECOND, Shift, SIGNALS, T0 } from './plant.ts';

/** In the middle of a run. */
const learnt = (seed = 1) => new Shift(seed).pass(200 * MINUTE + 5 * MINUTE);

t.test(
  'nothing is scored before it is learnt: signals after half of the warm-up, the machine after all of it',
  async (t) => {
    const engine = new AnomalyEngine(DEFAULTS);
    const plant = learnt(2).plant;
    const first = new Map<string | undefined, number>();
    for (let second = 0; second < (2 * HOUR) / SECOND; second++) {
      const values = plant.next(true);
      for (const signal of SIGNALS) engine.observe(observation(signal, T0 + second * SECOND, values[signal]));
      for (const which of [undefined, ...SIGNALS]) {
        if (engine.score(which) !== undefined && !first.has(which)) first.set(which, second / 60);
      }
    }
    for (const signal of SIGNALS)
      t.ok(Math.abs((first.get(signal) ?? 0) - 30) < 0.5, `${signal}: ${first.get(signal)} min`);
    t.ok(Math.abs((first.get(undefined) ?? 0) - 60) < 0.5, `machine: ${first.get(undefined)} min`);
  },
);

t.test('a state settles before it is scored, and is known again when it comes back', async (t) => {
  const shift = learnt();
  t.type(shift.engine.score(), 'number');
  // 15 min to the end of the run, where idle begins with other values.
  shift.pass(15 * MINUTE + SECOND);
  t.equal(shift.isRunning, false);
  t.equal(shift.engine.score(), undefined);
  shift.pass(14 * SECOND);
  t.equal(shift.engine.score('load'), undefined);
  shift.pass(20 * SECOND);
  t.ok((shift.engine.score('load') ?? 9) < 3, 'idle is usual when idle');
});

t.test('the values of one state are unusual in another', async (t) => {
  const shift = new Shift(1).pass(10 * HOUR + 21 * MINUTE);
  t.equal(shift.isRunning, false);
  shift.pass(15 * SECOND, (values) => {
    values.rpm += 6000;
  });
  t.ok((shift.engine.score('rpm') ?? 0) > 3);
  t.equal(shift.engine.contributors()[0]?.signal, 'rpm');
});

t.test('while the state is not known there is no score', async (t) => {
  const { engine, second } = learnt();
  engine.observe(observation('state', T0 + second * SECOND, null, 'bad'));
  engine.advance(T0 + (second + 20) * SECOND);
  t.equal(engine.score(), undefined);
  t.equal(engine.score('load'), undefined);
});

t.test('of nine states, the one that was left longest ago is learnt anew', async (t) => {
  const engine = new AnomalyEngine({ ...DEFAULTS, warmUp: 4 * MINUTE });
  const [noise, all] = [new Noise(1), ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']];
  let now = T0;
  const stay = (state: string, seconds: number) => {
    engine.observe(observation('state', now, state));
    for (let i = 0; i < seconds; i++, now += SECOND) engine.observe(observation('x', now, noise.next()));
    return engine.score('x');
  };
  for (const state of all) stay(state, 600);
  t.type(stay('a', 60), 'number');
  stay('i', 60);
  t.type(stay('a', 60), 'number');
  t.equal(stay('b', 60), undefined);
});

t.test(
  'a value that is missing has no score, and neither has the machine until the others are learnt without it',
  async (t) => {
    const shift = learnt();
    const lose = (values: Record<string, Value>) => {
      values['feed'] = null;
    };
    shift.pass(MINUTE, lose as never);
    t.equal(shift.engine.score('feed'), undefined);
    t.equal(shift.engine.score(), undefined);
    t.type(shift.engine.score('load'), 'number');
    shift.pass(HOUR + 25 * MINUTE, lose as never);
    t.type(shift.engine.score(), 'number');
    t.notOk(shift.engine.contributors().some(({ signal }) => signal === 'feed'));
  },
);

t.test('last values hold for `stale`, and silence is neither scored nor learnt', async (t) => {
  const { engine, second } = learnt();
  const last = T0 + (second - 1) * SECOND;
  engine.advance(last + 30 * SECOND);
  t.type(engine.score(), 'number');
  engine.advance(last + 31 * SECOND);
  t.equal(engine.score(), undefined);
  const before = JSON.stringify((engine.snapshot() as { states: Value }).states);
  engine.advance(last + 48 * HOUR);
  t.equal(JSON.stringify((engine.snapshot() as { states: Value }).states), before);
  engine.observe(observation('load', last + 48 * HOUR, 50));
  t.equal(engine.score('load'), undefined, 'what comes back settles first');
});

t.test('only numeric signals that the patterns name are scored, those of the machine together', async (t) => {
  const engine = new AnomalyEngine({
    ...DEFAULTS,
    warmUp: 4 * MINUTE,
    signals: ['spindle_*', 'x'],
    machine: ['spindle_?'],
  });
  const noise = new Noise(3);
  for (let t = T0; t < T0 + HOUR; t += SECOND) {
    for (const signal of ['spindle_1', 'spindle_2', 'spindle_load', 'x', 'y']) {
      engine.observe(observation(signal, t, noise.next()));
    }
    engine.observe(observation('spindle_program', t, 'O1234'));
  }
  t.type(engine.score('x'), 'number');
  t.type(engine.score('spindle_load'), 'number');
  t.equal(engine.score('y'), undefined);
  t.equal(engine.score('spindle_program'), undefined);
  t.same(
    engine
      .contributors()
      .map(({ signal }) => signal)
      .sort(),
    ['spindle_1', 'spindle_2'],
  );
});

t.test('a constant is usual, and its first change is not', async (t) => {
  const engine = new AnomalyEngine({ ...DEFAULTS, warmUp: 8 * MINUTE });
  const noise = new Noise(4);
  let now = T0;
  const pass = (seconds: number, override: number) => {
    for (let i = 0; i < seconds; i++, now += SECOND) {
      engine.observe(observation('override', now, override));
      engine.observe(observation('load', now, 50 + noise.next()));
    }
  };
  pass(1800, 100);
  t.equal(engine.score('override'), 0);
  t.ok((engine.score() ?? 9) < 3);
  pass(30, 80);
  t.ok((engine.score('override') ?? 0) > 3);
  t.equal(engine.contributors()[0]?.signal, 'override');
});

t.test('whatever comes, a score is undefined or a number from 0 to 100, and a snapshot is JSON', async (t) => {
  const wild = [
    0,
    -0,
    1,
    -1,
    1e308,
    -1e308,
    5e-324,
    1e100,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    'ACTIVE',
    true,
    [1],
    {},
  ];
  for (let seed = 1; seed <= 10; seed++) {
    const random = new Random(seed);
    const engine = new AnomalyEngine({ ...DEFAULTS, warmUp: MINUTE, settle: 0, drift: 5 * MINUTE });
    let [now, wrong, scored] = [T0, 0, 0];
    // A quiet beginning, so that something is known.
    for (let i = 0; i < 60_000; i++) {
      now += random.next() < 0.001 ? random.whole(0, 1e8) : random.next() < 0.2 ? 1000 : 0;
      const isWild = i % 20_000 > 10_000 && random.next() < 0.2;
      const v = isWild ? (wild[random.whole(0, wild.length - 1)] as Value) : random.noise();
      const q = isWild && random.next() < 0.2 ? 'bad' : 'good';
      engine.observe(
        observation(random.next() < 0.0005 ? 'state' : `s${random.whole(0, 3)}`, now - random.whole(0, 500), v, q),
      );
      for (const which of [undefined, 's0', 's3']) {
        const score = engine.score(which);
        if (score === undefined) continue;
        scored++;
        if (!(score >= 0 && score <= 100)) wrong++;
      }
      if (engine.contributors().some(({ share }) => !(share >= 0 && share <= 1))) wrong++;
    }
    t.equal(wrong, 0, `seed ${seed}`);
    t.ok(scored > 1000, `seed ${seed}: ${scored} scores`);
    t.same(JSON.parse(JSON.stringify(engine.snapshot())), engine.snapshot(), `seed ${seed}`);
  }
});
