import { setTimeout as sleep } from 'node:timers/promises';
import { startProxy } from '../../simulator/proxy.ts';
import { startBroker } from './broker.ts';
import { type ConsumerFigures, DemoConsumer } from './demo-consumer.ts';
import { startGateway } from './gateway-process.ts';
import { openShopFloor } from './machines.ts';
import { type MachineTally, Tally } from './tally.ts';

/** Shares of the duration: the uplink is cut after the first and restored after the second. */
const CUT_AT = 0.3;
const RESTORE_AT = 0.65;
/** How long the last observations may take once the machines stand still. */
const SETTLE_MS = 15_000;
const FIRST_CONTACT_MS = 15_000;
const TICK_MS = 1000;

export interface DemoOptions {
  /** Milliseconds that the machines run. */
  readonly duration: number;
  /** Told what happens, line by line. */
  readonly tell: (line: string) => void;
}

/** What the two ends have counted. Latencies in milliseconds, of what was produced while the uplink was up. */
export interface DemoSummary extends ConsumerFigures {
  readonly machines: readonly MachineTally[];
  readonly produced: number;
  readonly received: number;
  readonly missing: number;
  /** Received more than once under different keys. */
  readonly repeated: number;
  readonly outageSeconds: number;
  readonly backlogPeak: number;
  readonly drainSeconds: number;
  readonly latency: { readonly p50: number; readonly p99: number };
  readonly gatewayExit: number | null;
  /** As they came in at the consumer. */
  readonly alerts: readonly { readonly machine: string; readonly rule: string; readonly state: string }[];
}

/**
 * Simulated machines → gateway (a process of its own) → broker → reference consumer, with the uplink cut in the
 * middle. Counts at the machines and at the consumer, never inside the gateway.
 */
export async function runDemo({ duration, tell }: DemoOptions): Promise<DemoSummary> {
  const tally = new Tally();
  const alerts: DemoSummary['alerts'][number][] = [];
  await using shopFloor = await openShopFloor(tally, tell);
  const { machines } = shopFloor;
  await using broker = await startBroker();
  await using uplink = await startProxy(broker.port);
  await using consumer = await DemoConsumer.connect(
    {
      url: `mqtt://127.0.0.1:${broker.port}`,
      onAlert: (machine, { rule, state, values }) => {
        alerts.push({ machine, rule, state });
        tell(`consumer: ${machine}: alert ${rule} is ${state} ${JSON.stringify(values)}`);
      },
    },
    tally,
  );
  await using gateway = await startGateway({ machines, uplinkPort: uplink.port, tell });
  tell(`${machines.length} machines, gateway and broker are up; waiting for the first data of each machine`);
  await consumer.firstContact(
    machines.map(({ id }) => id),
    AbortSignal.timeout(FIRST_CONTACT_MS),
  );

  const startedAt = Date.now();
  shopFloor.run();
  const run = async (until: number, what: string) => {
    while (Date.now() < until) {
      await sleep(Math.min(TICK_MS, until - Date.now()));
      const { produced, received, missing } = tally;
      tell(`${seconds(startedAt)}  ${what}  produced ${produced}  received ${received}  waiting ${missing}`);
    }
  };

  tally.isLive = (time) => time >= startedAt;
  await run(startedAt + CUT_AT * duration, 'online ');
  tell('the uplink is cut: the gateway goes on reading, and keeps');
  const cutAt = Date.now();
  uplink.mode = 'refuse';
  uplink.cut();
  await run(startedAt + RESTORE_AT * duration, 'offline');
  const backlogPeak = tally.missing;
  tell(`the uplink is back: ${backlogPeak} observations wait`);
  const restoredAt = Date.now();
  tally.isLive = (time) => time >= restoredAt;
  const drained = tally.drained();
  uplink.mode = 'flow';
  await run(startedAt + duration, 'online ');

  shopFloor.pause();
  tell('the machines stand still: waiting for the last observations');
  const deadline = Date.now() + SETTLE_MS;
  while (tally.missing > 0 && Date.now() < deadline) await sleep(100);
  const drainedAt = await Promise.race([drained, sleep(0, Number.NaN)]);
  const gatewayExit = await gateway.stop();
  return {
    machines: tally.machines(),
    produced: tally.produced,
    received: tally.received,
    missing: tally.missing,
    repeated: tally.repeated,
    ...(await consumer.summary()),
    outageSeconds: round((restoredAt - cutAt) / 1000),
    backlogPeak,
    drainSeconds: round((drainedAt - restoredAt) / 1000),
    latency: { p50: Math.round(tally.latency(0.5)), p99: Math.round(tally.latency(0.99)) },
    gatewayExit,
    alerts,
  };
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(0).padStart(4)} s`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
