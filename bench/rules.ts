import { performance } from 'node:perf_hooks';
import { parseCondition } from '../src/expression/condition.ts';
import type { Observation } from '../src/observation.ts';
import { RuleEngine } from '../src/pipeline/rules/engine.ts';
import type { Rule } from '../src/pipeline/rules/rule.ts';

/**
 * Observations a second through 20 rules of mixed kinds over 20 signals, on one core: `node bench/rules.ts`. The signals
 * come ten times a second each, as from a fast controller; a state changes every minute.
 */

const CONDITIONS = [
  ...['s0 > 5000', 's1 > 80 and s2 < 20', 's3 in [1, 2, 3]', "state == 'stopped' and duration > 600", 'age(s4) > 30s'],
  ...['avg(s5, 5m) > 95', 'stddev(s6, 1m) > 40', 'max(s7, 5m) - min(s7, 5m) > 99.9', 'count(s8, 1m) < 10'],
  ...['percentile(s9, 95, 5m) > 99', 'zscore(s10, 5m) > 4', 'ewma(s11, 5m) > 90', 'rate(s12, 1m) > 10'],
  ...[
    'trend(s13, 5m) > 1',
    'changes(state, 1h) > 100',
    "time_in(state, 'running', 1h) < 60",
    'not s14 > 1 or s15 > 200',
  ],
  ...['(s16 + s17) / 2 > 99.9', "quality(s18) == 'bad' and duration > 10s", 'held(s19 > 99) > 5s'],
];

const rules: Rule[] = CONDITIONS.map((condition, i) => ({
  name: `rule-${i}`,
  condition: parseCondition(condition),
  for: i % 3 === 0 ? 30_000 : 0,
  severity: 'warning',
  latch: false,
  quietHours: [],
  shadow: false,
  machines: ['*'],
  labels: {},
}));

const COUNT = 3_000_000;
const SIGNALS = 20;
const EVERY_MS = 100;

let seed = 42;
const random = () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
};

const t0 = Date.UTC(2026, 0, 5);
const names = Array.from({ length: SIGNALS }, (_, i) => `s${i}`);
const chunk = 200_000;
const engine = new RuleEngine({ machine: 'vmc-3', labels: {}, rules });
let [elapsed, transitions, worst] = [0, 0, 0];
for (let from = 0; from < COUNT; from += chunk) {
  const observations: Observation[] = Array.from({ length: chunk }, (_, i) => {
    const n = from + i;
    const t = t0 + Math.floor(n / SIGNALS) * EVERY_MS;
    const isState = n % (SIGNALS * 600) === 0;
    return isState
      ? { signal: 'state', t, ns: 0, v: random() < 0.5 ? 'running' : 'stopped', q: 'good' }
      : { signal: names[n % SIGNALS] as string, t, ns: 0, v: random() * 100, q: 'good' };
  });
  const start = performance.now();
  for (const observation of observations) engine.observe(observation);
  const took = performance.now() - start;
  transitions += engine.take().length;
  elapsed += took;
  worst = Math.max(worst, took / chunk);
}
const rate = Math.round(COUNT / (elapsed / 1000));
console.log(`${rate.toLocaleString('en')} observations/s, ${transitions} transitions, snapshot ${size()} bytes`);
console.log(`slowest chunk: ${(worst * 1000).toFixed(2)} µs an observation`);

function size(): number {
  return JSON.stringify(engine.snapshot()).length;
}
