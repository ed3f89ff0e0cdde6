import t from 'tap';
import { Inbox } from '../../src/consumer/inbox.ts';
import { Summary } from '../../src/consumer/summary.ts';
import { missingLines, summaryLine } from '../../src/consumer/summary-text.ts';
import type { TelemetryBatch } from '../../src/wire/contract.ts';
import { bytes, EVENT_TOPIC, eventBatch, GAP, STATUS_TOPIC, TOPIC, telemetry } from './support.ts';

const T0 = 1_763_640_000_000;
const birth = { v: 1, tenant: 'acme', gateway: 'gw-01', status: 'online', reason: 'birth' };

t.test('yields each batch once, in order, with the time of its own arrival', async (t) => {
  const inbox = new Inbox({ maxWait: 100, maxHeld: 10 });
  const take = (batch: TelemetryBatch, now: number) => inbox.take(TOPIC, bytes(batch), now);
  t.match(take(telemetry(1), 1), [{ type: 'batch', topic: TOPIC, arrivedAt: 1, late: false, batch: { seq: 1 } }]);
  t.strictSame(take(telemetry(1), 2), [{ type: 'duplicate', topic: TOPIC, key: 'acme/gw-01/vmc-3/telemetry/b7k2/1' }]);
  t.strictSame(take(telemetry(3), 3), []);
  t.match(take(telemetry(2), 4), [
    { arrivedAt: 4, batch: { seq: 2 } },
    { arrivedAt: 3, batch: { seq: 3 } },
  ]);
  t.strictSame(take(telemetry(5), 5), []);
  t.strictSame(inbox.expire(104), []);
  t.match(inbox.expire(105), [{ arrivedAt: 5, batch: { seq: 5 } }]);
  t.match(take(telemetry(4), 106), [{ late: true, batch: { seq: 4 } }]);
  take(telemetry(7), 107);
  t.match(inbox.flush(), [{ batch: { seq: 7 } }]);
  t.match(inbox.ledger.report(), [{ first: 1, last: 7, received: 6, missing: [[6, 6]] }]);
});

t.test('tells status, problems, conflicts and what it ignores', async (t) => {
  const inbox = new Inbox();
  inbox.take(TOPIC, bytes(telemetry(1)), 0);
  t.match(inbox.take(STATUS_TOPIC, bytes(birth), 0), [{ type: 'status', status: birth }]);
  t.match(inbox.take(TOPIC, Buffer.from('nonsense'), 0), [{ type: 'problem', problem: /carries no JSON/ }]);
  t.match(inbox.take(TOPIC, bytes(telemetry(1, { t0: 5 })), 0), [{ type: 'conflict' }]);
  t.match(inbox.take('elsewhere', Buffer.alloc(0), 0), [{ type: 'ignored' }]);
});

t.test('sums up what was received', async (t) => {
  const inbox = new Inbox();
  const summary = new Summary();
  const take = (topic: string, message: unknown, now: number) => {
    for (const received of inbox.take(topic, bytes(message), now)) summary.add(received);
  };
  summary.subscribed(T0 - 10);
  take(TOPIC, telemetry(1, { signals: { n: { t: [0, 1], v: [1, 2] }, m: { t: [2], v: [1] } } }), T0 + 100);
  take(TOPIC, telemetry(1, { signals: { n: { t: [0, 1], v: [1, 2] }, m: { t: [2], v: [1] } } }), T0 + 100);
  take(TOPIC, telemetry(4), T0 + 100);
  take(TOPIC, telemetry(4, { t0: 1 }), T0 + 100);
  take(EVENT_TOPIC, eventBatch(1, [GAP, { type: 'later', t: 0 }]), T0 + 100);
  take(TOPIC, {}, T0 + 100);
  take('elsewhere', {}, T0 + 100);
  for (const received of inbox.flush()) summary.add(received);
  const figures = summary.figures(inbox.ledger.report());
  t.match(figures, {
    machines: 1,
    batches: 3,
    observations: 4,
    events: 2,
    duplicatesRemoved: 1,
    missing: 2,
    late: 0,
    gaps: 1,
    conflicts: 1,
    invalid: 1,
    ignored: 1,
  });
  t.ok(Math.abs((figures.latency.p99 as number) - 100) <= 1);
  t.match(
    summaryLine(figures),
    /^machines 1 {2}batches 3 {2}observations 4 {2}missing 2 {2}live P50 \d.* {2}invalid 1 {2}conflicts 1/,
  );
  t.strictSame(missingLines(figures), ['missing in acme/gw-01/vmc-3/telemetry/b7k2: seq 2–3']);
});

t.test('latency counts what was observed after the subscription and after the birth of its gateway', async (t) => {
  const inbox = new Inbox();
  const summary = new Summary();
  const take = (topic: string, message: unknown, now: number) => {
    for (const received of inbox.take(topic, bytes(message), now)) summary.add(received);
  };
  const p50 = () => summary.figures([]).latency.p50;
  summary.subscribed(T0 + 50);
  take(TOPIC, telemetry(1), T0 + 1000);
  t.equal(p50(), null, 'stamped before the subscription');
  take(STATUS_TOPIC, { ...birth, t: T0 + 5000 }, T0 + 5010);
  take(TOPIC, telemetry(2, { t0: T0 + 4000 }), T0 + 5010);
  t.equal(p50(), null, 'stamped before the gateway came back');
  take(TOPIC, telemetry(3, { t0: T0 + 6000, historical: true }), T0 + 6010);
  t.equal(p50(), null, 'sent beside live data');
  take('plc/acme/gw-02/vmc-3/telemetry', telemetry(1, { gateway: 'gw-02', t0: T0 + 4000 }), T0 + 4010);
  t.ok(Math.abs((p50() as number) - 10) < 0.2, 'of another gateway');
  const heartbeat = { ...birth, reason: 'heartbeat', t: T0 + 9000, since: T0 + 5000 };
  take(STATUS_TOPIC, heartbeat, T0 + 9010);
  take(TOPIC, telemetry(4, { t0: T0 + 8000 }), T0 + 10_000);
  t.ok((summary.figures([]).latency.p99 ?? 0) > 1000, 'a heartbeat is no birth');
});
