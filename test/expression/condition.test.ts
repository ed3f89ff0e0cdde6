import t from 'tap';
import { type Condition, leavesOf, parseCondition, signalsOf } from '../../src/expression/condition.ts';
import { ANY, checkTypes, type Type } from '../../src/expression/types.ts';

/** Conditions that say what they can be meant to. */
const RIGHT = [
  'rpm > 5000',
  "state == 'stopped' AND duration > 600",
  "state == 'stopped' AND duration > 10m OR alarm",
  'age(rpm) > 30s and age(rpm) < 90',
  "time_in(state, 'running', 1h) < 20m",
  'time_in(alarm_no, 7, 1h) > 60',
  'percentile(rpm, 99.9, 5m) > 2 * avg(rpm, 1h)',
  "signal('press-2', 'state') in ['stopped', 'idle']",
  "avg(signal('odd name'), 5m) < -1.5",
  'anomaly(machine) > 0.9 or anomaly(rpm) > 0.9',
  "quality(rpm) != 'good'",
  'held(rpm > 100 and not door) >= 5s',
  'bit(status, 3) and !door',
  'door == 1',
  'door',
  "rpm > (state == 'running' ? 5000 : 100)",
  'age(rpm) - age(load) > 1m',
];
for (const text of RIGHT) t.same(parseCondition(text).text, text, `takes: ${text}`);

/** What is wrong whatever the machines have: the text, the column, a word of the message. */
const WRONG: readonly (readonly [string, number, RegExp])[] = [
  ['rpm +', 6, /Expected expression/],
  ['avgg(rpm, 5m) > 1', 1, /no function avgg/],
  ['rpm > 1 and avg(rpm) > 1', 13, /a signal and a duration: avg\(rpm, 5m\)/],
  ['avg(rpm, 5) > 1', 10, /a duration such as 5m/],
  ['avg(rpm, 30d) > 1', 10, /from 60ms to 7d/],
  ['avg(5, 5m) > 1', 5, /expected a signal/],
  ['avg(rpm, 1m, 5m) > 1', 1, /a signal and a duration/],
  ['percentile(rpm, 100, 5m) > 1', 17, /between 0 and 100/],
  ["percentile(rpm, 'x', 5m) > 1", 17, /between 0 and 100/],
  ['percentile(rpm, 5m) > 1', 1, /between 0 and 100/],
  ['time_in(state, 5m) > 1', 1, /a signal, a value, and a duration/],
  ['duration > 600', 1, /needs something that lasts/],
  ["state == 'x' or duration > 600", 17, /needs something that lasts/],
  ['avg(rpm, 5m)', 1, /is a number, which is neither true nor false/],
  ["age(rpm) > 'x'", 1, /a duration is compared with a text/],
  ["1 + 'a' > 2", 5, /is a text, which cannot be calculated with/],
  ["rpm > 1 and 'yes'", 13, /is a text, which is neither/],
  ["quality(rpm) == 'bat'", 1, /never 'bat'/],
  ['anomaly() > 1', 1, /the word machine/],
  ['held(state) > 1 and held() > 1', 21, /expected a condition/],
  ["signal('a', 'b', 'c') > 1", 1, /expected a signal/],
];
for (const [text, column, message] of WRONG) {
  t.throws(() => parseCondition(text), { column, message }, `refuses: ${text}`);
}

const TYPES: Readonly<Record<string, Type>> = {
  rpm: { is: 'number' },
  door: { is: 'boolean' },
  tool: { is: 'text' },
  state: { is: 'text', values: ['running', 'idle', 'stopped'] },
};

/** `column: message` of everything that does not go together with the signals above. */
function check(text: string): string[] {
  const errors = checkTypes(parseCondition(text).tree, ({ signal }) => TYPES[signal] ?? ANY);
  return errors.map(({ column, message }) => `${column}: ${message}`);
}

t.test('values that do not go together are told, all at once', async (test) => {
  test.same(check("state == 'stoped' and rpm > 'fast' and avg(tool, 5m) > 1"), [
    "1: is never 'stoped': expected running, idle, stopped",
    '23: a number is compared with a text: expected the same on both sides',
    '40: avg needs numbers, and tool is a text',
  ]);
  test.same(check('rpm > 5m or door > 1 or -tool > 1'), [
    '1: a number is compared with a duration: remove the unit, or use age(…) or duration',
    '13: true and false have no order: expected == or !=',
    '26: is a text, which cannot be calculated with',
  ]);
  test.same(check("time_in(state, 'runing', 5m) > 60 or state in ['idle', 'off']"), [
    "1: is never 'runing': expected running, idle, stopped",
    "56: is never 'off': expected running, idle, stopped",
  ]);
  test.same(check('rpm'), ['1: is a number, which is neither true nor false: compare it, e.g. with > or ==']);
  test.same(check("state == 'stoped' and duration > 5"), ["1: is never 'stoped': expected running, idle, stopped"]);
  test.same(check("door == 1 and rpm > 5 and unknown > 'a' and tool > 'T5' and changes(state, 1h) > 3"), []);
});

t.test('a condition tells what it reads', async (test) => {
  const condition: Condition = parseCondition(
    "avg(rpm, 5m) > 1 and signal('p', 'state') == 'x' and duration > 5s or rpm > 2",
  );
  test.same(signalsOf(condition), [{ signal: 'rpm' }, { machine: 'p', signal: 'state' }, { signal: 'rpm' }]);
  test.same(
    leavesOf(condition).map(({ text }) => text),
    ['avg(rpm, 5m)', "signal('p', 'state')", 'duration', 'rpm'],
  );
});
