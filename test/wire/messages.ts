import type { WireSchemaName } from '../../src/wire/json-schema.ts';
import { eventBatch, GAP, rollup, telemetry } from '../consumer/support.ts';

const own = { v: 1, tenant: 'acme', gateway: 'gw-01' };
const status = { ...own, status: 'online', reason: 'birth', t: 1, later: true };
const test = { ...own, machine: 'vmc-3', kind: 'test', id: 'x', t: 1 };
const command = { id: '7', command: 'replay', machine: 'vmc-3', from: '2026-11-20T06:00:00Z', to: 1_763_640_000_000 };
const alert = { id: 'a1', rule: 'rpm_high', state: 'firing', severity: 'warning', t: 0, since: -30_000 };
const alerts = { ...telemetry(1), kind: 'alert', signals: undefined, alerts: [alert] };
const reply = { ...own, id: '7', status: 'done', t: 1, batches: 9 };
const batches = { kind: 'telemetry', stream: 'b7k2', first: 3, last: 5 };

const REGULAR = {
  window: 60_000,
  regular: true,
  t: [0],
  n: [2],
  min: [1],
  max: [2],
  mean: [1.5],
  last: [2],
  stddev: [0.5],
  first: [1],
  time: { running: [60] },
};

/** Messages of each name that its schemas, in whatever form, take and refuse. */
export const MESSAGES: Readonly<Record<WireSchemaName, { good: readonly unknown[]; bad: readonly unknown[] }>> = {
  telemetry: {
    good: [telemetry(1), telemetry(1, { historical: true }), { ...telemetry(1), later: 1 }],
    bad: [{}, telemetry(0), telemetry(1, { clock: 'x' as never }), eventBatch(1, [])],
  },
  rollup: {
    good: [rollup(1), { ...rollup(1), rollups: { rpm: REGULAR } }],
    bad: [
      telemetry(1),
      { ...rollup(1), rollups: { rpm: { ...REGULAR, regular: false } } },
      { ...rollup(1), rollups: { rpm: { window: 0 } } },
    ],
  },
  alert: {
    good: [
      { ...alerts, alerts: [{ ...alert, summary: 'x', values: { rpm: 5100 }, shadow: true }] },
      { ...alerts, alerts: [{ ...alert, state: 'of a later version', later: 1 }] },
    ],
    bad: [{ ...alerts, alerts: [{ ...alert, since: null }] }, { ...alerts, alerts: undefined }, telemetry(1)],
  },
  event: {
    good: [
      eventBatch(1, [GAP, { ...GAP, cause: 'budget', batches }]),
      eventBatch(1, [{ type: 'later', t: 1 }]),
      eventBatch(1, [{ ...GAP, cause: 'of a later version' }]),
    ],
    bad: [
      eventBatch(1, [{ ...GAP, cause: 7 }]),
      eventBatch(1, [{ ...GAP, batches: { ...batches, first: 0 } }]),
      eventBatch(1, [{ t: 1 }]),
      telemetry(1),
    ],
  },
  status: { good: [status], bad: [{ ...status, status: 'asleep' }] },
  test: { good: [test], bad: [{ ...test, kind: 'telemetry' }] },
  command: {
    good: [command, { id: '7', command: 'replay', from: 0 }],
    bad: [
      { ...command, command: 'reboot' },
      { ...command, from: undefined },
      { ...command, from: 'yesterday' },
    ],
  },
  reply: {
    good: [reply, { ...reply, id: null, status: 'refused', reason: 'no JSON' }],
    bad: [{ ...reply, status: 1 }],
  },
};
