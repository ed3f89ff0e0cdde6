import { setTimeout as sleep } from 'node:timers/promises';
import { parseBrokerUrl } from '../consumer/broker-url.ts';
import { receive } from '../consumer/consumer.ts';
import { type LinkOptions, openLink } from '../consumer/link.ts';
import { looks } from '../control/looks.ts';
import { explain, Fault } from '../errors.ts';
import type { ApiState } from '../http/api.ts';
import { GatewayWatch } from './gateway-watch.ts';
import type { SoakReport } from './report.ts';
import { type MachineFigures, type StreamFigures, StreamWatch } from './stream-watch.ts';
import { judge, megabytes, type SoakLimits, seconds } from './verdict.ts';

/** How long the last batches that the gateway has stored may take to arrive, once the time is over. */
const SETTLE_MS = 30_000;
const SETTLE_LOOK_MS = 200;
/** How long the broker keeps what comes while the connection of this soak is lost, in seconds. */
const SESSION_S = 3600;
/** For the broker to forget the session at the end. */
const FORGET_MS = 2000;

export interface SoakOptions {
  /** How to reach the broker; with a client id, so that it keeps what comes while the connection is lost. */
  readonly link: LinkOptions & { readonly clientId: string };
  readonly tenant: string;
  /** Of the gateway. */
  readonly id: string;
  readonly machines: readonly string[];
  /** Asks the running gateway. @throws Fault when it cannot be asked */
  readonly ask: () => Promise<ApiState>;
  /** Milliseconds. */
  readonly duration: number;
  readonly limits: SoakLimits;
  /** Told about once a second. */
  readonly progress: (line: string) => void;
  /** Something that a person should see at once. */
  readonly say: (line: string) => void;
  readonly settleMs?: number;
}

/**
 * Receives what a running gateway sends, beside whoever else does, and asks the gateway how it is, for the duration or until
 * `signal` aborts; then holds what it has found against the limits.
 * @throws Fault when the gateway does not run at the beginning, or the broker cannot be reached
 */
export async function soak(options: SoakOptions, signal: AbortSignal): Promise<SoakReport> {
  const { link, tenant, id, ask, duration, limits, say } = options;
  const gateway = new GatewayWatch();
  const stream = new StreamWatch();
  const askedAt = performance.now();
  gateway.add({ look: await ask(), askedAt, answeredAt: performance.now() });
  const done = new AbortController();
  const isUp = Promise.withResolvers<void>();
  const subscription = receive({
    ...link,
    sessionExpiry: SESSION_S,
    topics: [`plc/${tenant}/${id}/#`],
    signal: done.signal,
    onLink: (connected, why) => {
      if (connected) isUp.resolve();
      else stream.lost();
      if (why !== undefined) say(`${explain(why)}. Trying again.`);
    },
  });
  const expected = options.machines.map((machine) => `${tenant}/${id}/${machine}`);
  const figures = () => stream.figures(subscription.report(), gateway.state?.buffer.machines ?? [], expected);
  const received = (async () => {
    for await (const one of subscription) stream.add(one);
  })();
  try {
    await Promise.race([isUp.promise, received]);
    const [from, begunAt] = [Date.now(), performance.now()];
    stream.subscribed(from);
    const time = AbortSignal.any([signal, AbortSignal.timeout(duration)]);
    await Promise.race([watch(options, gateway, figures, time), received]);
    const lasted = Math.round(performance.now() - begunAt);
    await Promise.race([settle(options, figures, signal), received]);
    done.abort();
    await received;
    await forget(link);
    const all = { planned: duration, lasted, stream: figures(), gateway: gateway.figures() };
    const findings = judge(all, limits);
    const passed = findings.every(({ level }) => level !== 'bad');
    const broker = parseBrokerUrl(link.url)?.href ?? '';
    return { passed, tenant, id, broker, from, to: Date.now(), limits, findings, ...all };
  } finally {
    done.abort();
  }
}

/** Asks the gateway until the time is over, and tells how far it is. */
async function watch(
  { ask, duration, progress }: SoakOptions,
  gateway: GatewayWatch,
  figures: () => StreamFigures,
  time: AbortSignal,
): Promise<void> {
  const begunAt = performance.now();
  for await (const look of looks(ask, time)) {
    gateway.add(look);
    const { machines } = figures();
    const sum = (count: (machine: MachineFigures) => number) => machines.reduce((all, one) => all + count(one), 0);
    const { restarts, memory } = gateway.figures();
    const texts = [
      `${seconds(performance.now() - begunAt)} of ${seconds(duration)}`,
      `batches ${sum((one) => one.batches)}`,
      `missing ${sum((one) => one.missing)}`,
      `duplicates ${sum((one) => one.duplicates)}`,
      `P99 ${Math.max(0, ...machines.map(({ latency }) => latency.p99 ?? 0))} ms`,
      look.look instanceof Fault ? look.look.message : `uplink ${look.look.uplink?.state ?? 'is being replaced'}`,
      ...(restarts === 0 ? [] : [`restarts ${restarts}`]),
      ...(memory.end === null ? [] : [`memory ${megabytes(memory.end)}`]),
    ];
    progress(texts.join('  '));
  }
}

/** Waits for what the gateway had stored when it was asked last, and for holes that may be filled. */
async function settle(
  { settleMs = SETTLE_MS, progress }: SoakOptions,
  figures: () => StreamFigures,
  signal: AbortSignal,
): Promise<void> {
  const deadline = performance.now() + settleMs;
  while (!signal.aborted && performance.now() < deadline) {
    const outstanding = figures().machines.reduce((sum, { missing, behind }) => sum + missing + behind, 0);
    if (outstanding === 0) return;
    progress(`waiting for the last ${outstanding} batches`);
    await sleep(SETTLE_LOOK_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Lets a broker of MQTT 5 forget the session at once: it would keep what comes for nobody. */
async function forget(link: SoakOptions['link']): Promise<void> {
  const limit = AbortSignal.timeout(FORGET_MS);
  try {
    const last = await openLink({ ...link, sessionExpiry: 0 }, () => Promise.resolve(), limit);
    await last.end();
  } catch {
    // Not reachable at this moment: it forgets the session by itself.
  }
}
