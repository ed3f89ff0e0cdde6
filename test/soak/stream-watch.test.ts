import t from 'tap';
import { Inbox } from '../../src/consumer/inbox.ts';
import { StreamWatch } from '../../src/soak/stream-watch.ts';
import { bytes, EVENT_TOPIC, eventBatch, GAP, STATUS_TOPIC, TOPIC, telemetry } from '../consumer/support.ts';

const T0 = 1_763_640_000_000;

function watching() {
  const inbox = new Inbox();
  const watch = new StreamWatch();
  const take = (topic: string, message: unknown, now: number) => {
    for (const received of inbox.take(topic, bytes(message), now)) watch.add(received);
  };
  const flush = () => {
    for (const received of inbox.flush()) watch.add(received);
  };
  return { watch, take, flush, channels: () => inbox.ledger.report() };
}

t.test('each machine has its own books: what is missing, doubled, lost as told, and not arrived', async (t) => {
  const { watch, take, flush, channels } = watching();
  for (const seq of [5, 6, 6, 9]) take(TOPIC, telemetry(seq), T0);
  take(EVENT_TOPIC, eventBatch(1, [{ ...GAP, t: 0 }]), T0);
  const saw = { machine: 'saw' };
  take('plc/acme/gw-01/saw/telemetry', telemetry(1, saw), T0);
  take(TOPIC, { nonsense: true }, T0);
  flush();
  const stored = [
    { machine: 'vmc-3', kind: 'telemetry', stream: 'b7k2', lastSeq: 12, backlog: 0 },
    { machine: 'vmc-3', kind: 'telemetry', stream: 'old', lastSeq: 99, backlog: 0 },
    { machine: 'saw', kind: 'telemetry', stream: 'b7k2', lastSeq: 1, backlog: 0 },
  ] as const;
  const { machines, ...all } = watch.figures(channels(), stored, ['acme/gw-01/meter', 'acme/gw-01/saw']);
  t.match(all, { conflicts: 0, invalid: 1, ownOutages: 0 });
  t.match(machines, [
    { machine: 'meter', batches: 0, observations: 0, missing: 0, behind: 0 },
    { machine: 'saw', batches: 1, observations: 1, missing: 0, behind: 0, duplicates: 0 },
    {
      ...{ machine: 'vmc-3', batches: 4, observations: 3, missing: 2, behind: 3, duplicates: 1 },
      missingSeqs: { 'telemetry/b7k2': [[7, 8]] },
      gaps: { 'agent-overrun': { gaps: 1, observations: 3, uncounted: 0 } },
    },
  ]);
});

t.test('latency is of live data since the subscription and the last connect, with its exact maximum', async (t) => {
  const { watch, take, channels } = watching();
  const latency = () => watch.figures(channels(), [], []).machines[0]?.latency;
  watch.subscribed(T0);
  take(TOPIC, telemetry(1, { t0: T0 - 1 }), T0 + 9000);
  t.same(latency(), { p50: null, p99: null, max: null });
  take(TOPIC, telemetry(2, { t0: T0 + 10 }), T0 + 133);
  take(TOPIC, telemetry(3, { t0: T0 + 10, historical: true }), T0 + 9000);
  take(TOPIC, telemetry(4, { t0: T0 + 999 }), T0 + 500);
  t.equal(latency()?.max, 123);
  const status = {
    v: 1,
    tenant: 'acme',
    gateway: 'gw-01',
    status: 'online',
    reason: 'heartbeat',
    t: T0 + 8000,
    since: T0 + 5000,
  };
  take(STATUS_TOPIC, status, T0 + 8000);
  take(TOPIC, telemetry(5, { t0: T0 + 4000 }), T0 + 8000);
  t.equal(latency()?.max, 123, 'stamped before the gateway came back');
  take(TOPIC, telemetry(6, { t0: T0 + 7000 }), T0 + 8000);
  t.equal(latency()?.max, 1000);
});

t.test('alerts that begin are counted by rule, and reminders are none', async (t) => {
  const { watch, take, channels } = watching();
  const alert = (state: string, more = {}) => ({
    id: 'a',
    rule: 'hot',
    state,
    severity: 'info',
    t: 0,
    since: 0,
    ...more,
  });
  const { signals: _, ...envelope } = telemetry(1);
  const alerts = [alert('firing'), alert('firing', { repeat: 1 }), alert('resolved'), alert('firing')];
  take('plc/acme/gw-01/vmc-3/alert', { ...envelope, kind: 'alert', alerts }, T0);
  const { alerts: byRule, machines } = watch.figures(channels(), [], []);
  t.same(byRule, { hot: 2 });
  t.equal(machines[0]?.alerts, 4);
});
