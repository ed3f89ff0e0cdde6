import t from 'tap';
import { GatewayClock } from '../src/gateway-clock.ts';

/** Both clocks of a computer in the hands of the test. */
function computer() {
  const steps: number[] = [];
  const state = { wall: 1_763_640_000_000, monotonic: 5000 };
  const clock = new GatewayClock((ms) => steps.push(ms), {
    wall: () => Math.floor(state.wall),
    monotonic: () => state.monotonic,
  });
  const pass = (ms: number) => {
    state.wall += ms;
    state.monotonic += ms;
  };
  return { clock, steps, state, pass };
}

t.test('time that passes is no step, whatever the noise of two readings', (t) => {
  const { clock, steps, state, pass } = computer();
  const origin = clock.origin();
  for (let i = 0; i < 100; i++) {
    pass(1000.3);
    state.monotonic += (i % 7) * 0.01;
    clock.now();
  }
  t.equal(clock.origin(), origin);
  t.same(steps, []);
  t.end();
});

t.test('a clock that is set is noticed by who asks first, once, with its size', (t) => {
  const { clock, steps, state, pass } = computer();
  const before = clock.origin();
  state.wall += 7_200_000;
  t.equal(clock.now(), state.wall);
  t.same(steps, [7_200_000]);
  t.equal(clock.origin() - before, 7_200_000);
  pass(10);
  clock.now();
  t.equal(steps.length, 1);
  state.wall -= 10_000_000;
  clock.steady.now();
  t.same(steps, [7_200_000, -10_000_000]);
  t.equal(clock.origin() - before, -2_800_000);
  t.end();
});

t.test('what a time is by the clock as it was set later follows from both origins', (t) => {
  const { clock, state, pass } = computer();
  const stamped = { t: clock.now(), origin: clock.origin() };
  pass(60_000);
  state.wall += 86_400_000;
  t.equal(stamped.t + clock.origin() - stamped.origin, state.wall - 60_000);
  t.end();
});

t.test('the steady clock goes with a clock that is set forward, and on from there when it is set back', (t) => {
  const { clock, state, pass } = computer();
  const begun = clock.steady.now();
  pass(1000);
  t.equal(clock.steady.now() - begun, 1000);
  state.wall += 3_600_000;
  t.equal(clock.steady.now(), state.wall);
  state.wall -= 18_000_000;
  pass(500);
  t.equal(clock.steady.now() - begun, 3_601_500);
  t.end();
});

t.test('after a start with a clock that is behind, the steady clock goes on from where it was', (t) => {
  const { clock, pass } = computer();
  const last = clock.now() + 86_400_000;
  clock.startSteadyAt(last);
  pass(250);
  t.equal(clock.steady.now(), last + 250);
  clock.startSteadyAt(0);
  t.equal(clock.steady.now(), last + 250, 'never back');
  t.end();
});
