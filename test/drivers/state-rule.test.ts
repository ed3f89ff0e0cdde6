import t from 'tap';
import { StateFromRule, stateInputs, stateRule } from '../../src/drivers/state-rule.ts';
import type { Observation, Value } from '../../src/observation.ts';

const at = (t: number, signal: string, v: Value, q: Observation['q'] = 'good'): Observation => ({
  signal,
  t,
  ns: 0,
  v,
  q,
});

t.test('a table over one signal tells each change once, stamped like what changed it', async (test) => {
  const rule = stateRule().parse({ from: 'mode', running: [2, 3], idle: 0, otherwise: 'stopped' });
  test.same(stateInputs(rule), ['mode']);
  const states = new StateFromRule(rule);
  test.same(states.derive([at(1, 'mode', 0), at(2, 'rpm', 5), at(3, 'mode', 2), at(4, 'mode', 3), at(5, 'mode', 9)]), [
    at(1, 'state', 'idle'),
    at(3, 'state', 'running'),
    at(5, 'state', 'stopped'),
  ]);
  test.same(states.derive([at(6, 'mode', 7)]), [], 'the same state is no news');
  test.same(states.derive([at(7, 'mode', null, 'bad')]), [at(7, 'state', null, 'bad')], 'unknown is told');
  test.same(states.derive([at(8, 'mode', null, 'bad')]), [], 'once');
});

t.test('an expression sees what came at one moment as one', async (test) => {
  const rule = stateRule().parse("alarm != 0 ? 'stopped' : spindle_on ? 'running' : 'idle'");
  test.same(stateInputs(rule), ['alarm', 'spindle_on']);
  const states = new StateFromRule(rule);
  test.same(states.derive([at(1, 'alarm', 0)]), [at(1, 'state', null, 'bad')], 'half of it is not enough');
  test.same(states.derive([at(2, 'alarm', 0), at(2, 'rpm', 3), at(2, 'spindle_on', true)]), [
    at(2, 'state', 'running'),
  ]);
  test.same(states.derive([at(3, 'alarm', 7), at(3, 'spindle_on', false)]), [at(3, 'state', 'stopped')]);
});

t.test('a coil in a table is 1 or 0', async (test) => {
  const states = new StateFromRule(stateRule().parse({ from: 'run', running: 1, idle: 0 }));
  test.same(
    states.derive([at(1, 'run', true), at(2, 'run', false)]).map(({ v }) => v),
    ['running', 'idle'],
  );
});

t.test('a wrong rule is told with its place', async (test) => {
  const { error } = stateRule().safeParse("alarm != ? 'stopped' : 'idle'");
  test.match(JSON.stringify(error?.issues), /at character 10/);
  test.equal(stateRule().safeParse({ from: 'mode', runing: 1 }).success, false);
});
