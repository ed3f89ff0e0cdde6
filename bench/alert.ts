import { setTimeout as sleep } from 'node:timers/promises';
import { startBroker } from './measure/broker.ts';
import { figure, quantile, type Run, type Section } from './measure/figures.ts';
import { startGateway } from './measure/gateway.ts';
import { polledMachines, startSource, WAVE } from './measure/source.ts';
import { subscribe } from './measure/subscriber.ts';

const MACHINES = 10;
const SIGNALS = 10;
const POLL_MS = 50;
/** The wave turns every ten ticks. */
const TICK_MS = 50;
const WINDOW_MS = { guard: 2000, short: 6000, long: 60_000 };
const WARM_UP_MS = 3000;

/** (e) From the poll that breaks a rule to the alert at a subscriber. */
export async function alert({ scale, repeats, folder }: Run): Promise<Section> {
  await using broker = await startBroker(folder);
  await using source = await startSource(folder, MACHINES, TICK_MS);
  let window: number[] = [];
  await using _subscriber = await subscribe(broker.url, ({ kind, at, body }) => {
    if (kind !== 'alert') return;
    for (const { state, t } of body.alerts ?? []) if (state === 'firing') window.push(at - body.t0 - t);
  });
  const also = { wave: { address: WAVE } };
  await using gateway = await startGateway(folder, {
    machines: polledMachines(source.urls, { signals: SIGNALS, poll: `${POLL_MS}ms`, also }),
    uplink: { url: broker.url },
    alerts: [{ name: 'high', condition: 'wave > 50' }],
  });
  await sleep(WARM_UP_MS);
  const windows: number[][] = [];
  for (let i = 0; i < repeats; i++) {
    window = [];
    await sleep(WINDOW_MS[scale]);
    windows.push(window);
  }
  await gateway.stop();
  const at = (share: number) => windows.map((one) => quantile(one, share));
  const count = windows.reduce((sum, { length }) => sum + length, 0);
  return {
    title: 'Alerts: the poll that breaks a rule → subscriber',
    method: `${MACHINES} Modbus machines of ${SIGNALS + 1} signals polled every ${POLL_MS} ms; a rule fires on each once a second: ${count} alerts. Flush interval 1 s, which alerts do not wait for: each is committed at once, then sent.`,
    figures: [
      figure('P50', 'ms', at(0.5)),
      figure('P99', 'ms', at(0.99), { text: '≤ 50 ms', atMost: 50 }),
      figure('worst', 'ms', at(1)),
    ],
  };
}
