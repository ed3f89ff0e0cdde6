import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { startBroker } from './measure/broker.ts';
import { bareDatabase, insertAll } from './measure/database.ts';
import { compared, quantile, type Run, type Section, type Target } from './measure/figures.ts';
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
  const bare: number[][] = [];
  for (let i = 0; i < repeats; i++) {
    window = [];
    await sleep(WINDOW_MS[scale]);
    windows.push(window);
    bare.push(await bareAlerts(folder, broker.url, window.length));
  }
  await gateway.stop();
  const row = (what: string, share: number, target?: Target) => {
    const pairs = windows.map((one, i) => ({ value: quantile(one, share), limit: quantile(bare[i] ?? [], share) }));
    return compared(what, 'ms', 'bare insert + mqtt.js', pairs, target);
  };
  const count = windows.reduce((sum, { length }) => sum + length, 0);
  return {
    title: 'Alerts: the poll that breaks a rule → subscriber',
    method: `${MACHINES} Modbus machines of ${SIGNALS + 1} signals polled every ${POLL_MS} ms; a rule fires on each once a second: ${count} alerts. Flush interval 1 s, which alerts do not wait for: each is committed at once, then sent. The limit inserts a row (WAL, synchronous=FULL), publishes it and waits for the subscriber, one after another.`,
    figures: [row('P50', 0.5), row('P99', 0.99, { text: '≤ 50 ms', atMost: 50 }), row('worst', 1)],
  };
}

/** Milliseconds of each of so many rows, from the insert to the subscriber. */
async function bareAlerts(folder: string, url: string, count: number): Promise<number[]> {
  const db = bareDatabase(join(folder, 'bare.db'));
  const [sender, receiver] = await Promise.all([connectAsync(url), connectAsync(url)]);
  await receiver.subscribeAsync('bare');
  const body = Buffer.alloc(300, 'a');
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    const came = new Promise((resolve) => receiver.once('message', resolve));
    insertAll(db, [body], 1, (one) => one);
    sender.publish('bare', body, { qos: 1 });
    await came;
    times.push(performance.now() - from);
  }
  await Promise.all([sender.endAsync(), receiver.endAsync()]);
  db.close();
  return times;
}
