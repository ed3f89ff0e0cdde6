import { setTimeout as sleep } from 'node:timers/promises';
import { startBroker } from './measure/broker.ts';
import { compared, type Figure, quantile, type Run, type Section } from './measure/figures.ts';
import { startGateway } from './measure/gateway.ts';
import { polledMachines, startSource } from './measure/source.ts';
import { ages, subscribe } from './measure/subscriber.ts';

const WINDOW_MS = { guard: 1000, short: 4000, long: 30_000 };
const WARM_UP_MS = 3000;
const POLL_MS = 100;
const RATES = [
  { perSecond: 100, machines: 1, signals: 10 },
  { perSecond: 1000, machines: 10, signals: 10 },
  { perSecond: 10_000, machines: 10, signals: 100 },
];
const FLUSHES = [
  { text: '1s', ms: 1000 },
  { text: '50ms', ms: 50 },
];
const QUANTILES = [
  { name: 'P50', share: 0.5 },
  { name: 'P99', share: 0.99 },
  { name: 'P99.9', share: 0.999 },
];
/** What the issue allows P99 at the highest rate beside the flush interval. */
const ALLOWED_MS = 60;

/** (d) From the poll of a machine to the subscriber. */
export async function latency({ scale, repeats, folder }: Run): Promise<Section> {
  await using broker = await startBroker(folder);
  const figures: Figure[] = [];
  for (const { perSecond, machines, signals } of RATES) {
    await using source = await startSource(folder, machines, POLL_MS);
    for (const { text, ms } of FLUSHES) {
      let window: number[] = [];
      await using _subscriber = await subscribe(broker.url, (batch) => {
        if (batch.kind === 'telemetry') for (const age of ages(batch)) window.push(age);
      });
      await using gateway = await startGateway(folder, {
        machines: polledMachines(source.urls, { signals, poll: `${POLL_MS}ms` }),
        uplink: { url: broker.url },
        buffer: { flushInterval: text },
      });
      await sleep(WARM_UP_MS);
      const windows: number[][] = [];
      for (let i = 0; i < repeats; i++) {
        window = [];
        await sleep(WINDOW_MS[scale]);
        windows.push(window);
      }
      for (const { name, share } of QUANTILES) {
        const pairs = windows.map((one) => ({ value: quantile(one, share), limit: ms }));
        const what = `${perSecond.toLocaleString('en')}/s, flush ${text}: ${name}`;
        const isAsked = perSecond === 10_000 && name === 'P99';
        const target = isAsked ? { text: `≤ ${ms + ALLOWED_MS} ms`, atMost: ms + ALLOWED_MS } : undefined;
        figures.push(compared(what, 'ms', 'flush interval', pairs, target));
      }
      await gateway.stop();
    }
  }
  return {
    title: 'Latency: poll → subscriber',
    method: `Modbus machines in a process of their own, polled every ${POLL_MS} ms; the gateway stamps an observation when the answer comes, and its age is taken when a subscriber of the same Mosquitto has it. ${WINDOW_MS[scale] / 1000} s for each repeat.`,
    figures,
  };
}
