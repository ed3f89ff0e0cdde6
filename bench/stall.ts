import { setTimeout as sleep } from 'node:timers/promises';
import { slowDisk } from '../test/support/slow-disk.ts';
import { startBroker } from './measure/broker.ts';
import { compared, figure, quantile, type Run, type Section } from './measure/figures.ts';
import { startGateway } from './measure/gateway.ts';
import { polledMachines, startSource } from './measure/source.ts';
import { ages, subscribe } from './measure/subscriber.ts';

const STALL_MS = 500;
const MACHINES = 10;
const SIGNALS = 10;
const POLL_MS = 100;
const WINDOW_MS = { guard: 2000, short: 6000, long: 60_000 };
const WARM_UP_MS = 5000;
const P99 = 'edge_gateway_event_loop_delay_p99_seconds';

/** (i) Whether polling notices a disk that takes half a second for each commit. */
export async function stall({ scale, repeats, folder }: Run): Promise<Section> {
  await using broker = await startBroker(folder);
  await using source = await startSource(folder, MACHINES, POLL_MS);
  const measure = async (env: Record<string, string>) => {
    let late: number[] = [];
    await using _subscriber = await subscribe(broker.url, (batch) => {
      if (batch.kind === 'telemetry') for (const age of ages(batch)) late.push(age);
    });
    await using gateway = await startGateway(
      folder,
      {
        machines: polledMachines(source.urls, { signals: SIGNALS, poll: `${POLL_MS}ms` }),
        uplink: { url: broker.url },
      },
      { env },
    );
    await sleep(WARM_UP_MS);
    const before = await gateway.status();
    // Each look begins the next window.
    await gateway.metric(P99);
    const delays: number[] = [];
    late = [];
    for (let i = 0; i < repeats; i++) {
      await sleep(WINDOW_MS[scale]);
      delays.push((await gateway.metric(P99)) * 1000);
    }
    const after = await gateway.status();
    const lost = after.machines.map((machine, i) => machine.lost - (before.machines[i]?.lost ?? 0));
    await gateway.stop();
    const missed = lost.reduce((sum, one) => sum + one, 0) / SIGNALS;
    return { delays, missed, late: quantile(late, 0.5) };
  };
  const sound = await measure({});
  const stalled = await measure(slowDisk(folder, STALL_MS));
  const pairs = stalled.delays.map((value, i) => ({ value, limit: sound.delays[i] as number }));
  return {
    title: 'A disk that stalls',
    method: `${MACHINES} Modbus machines polled every ${POLL_MS} ms while every flush to the disk takes ${STALL_MS} ms longer (a library under the gateway process). The limit is the same gateway on the sound disk. ${WINDOW_MS[scale] / 1000} s for each repeat.`,
    figures: [
      compared('event-loop delay P99', 'ms', 'sound disk', pairs, { text: '< 20 ms', atMost: 20 }),
      figure('polls missed', `of ${polls(repeats, scale)}`, [stalled.missed], { text: '0', atMost: 0 }),
      figure('polls missed on the sound disk', `of ${polls(repeats, scale)}`, [sound.missed]),
      compared('poll → subscriber, P50', 'ms', 'sound disk', [{ value: stalled.late, limit: sound.late }]),
    ],
  };
}

function polls(repeats: number, scale: Run['scale']): number {
  return (repeats * WINDOW_MS[scale] * MACHINES) / POLL_MS;
}
