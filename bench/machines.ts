import { setTimeout as sleep } from 'node:timers/promises';
import { startBroker } from './measure/broker.ts';
import { type Figure, figure, type Run, type Section } from './measure/figures.ts';
import { startGateway } from './measure/gateway.ts';
import { cpuSeconds, residentMb } from './measure/process.ts';
import { polledMachines, startSource } from './measure/source.ts';
import { countOf, subscribe } from './measure/subscriber.ts';

const MACHINES = [1, 10, 50, 200];
const SIGNALS = 10;
const WINDOW_MS = { guard: 2000, short: 8000, long: 60_000 };
const WARM_UP_MS = 8000;

/** (f) What machines cost: 1, 10, 50 and 200 of them at ten observations a second each. */
export async function machines({ scale, repeats, folder }: Run): Promise<Section> {
  const figures: Figure[] = [];
  for (const count of MACHINES) {
    await using broker = await startBroker(folder);
    await using source = await startSource(folder, count, 1000);
    let received = 0;
    await using _subscriber = await subscribe(broker.url, (batch) => {
      received += countOf(batch);
    });
    await using gateway = await startGateway(folder, {
      machines: polledMachines(source.urls, { signals: SIGNALS, poll: '1s' }),
      uplink: { url: broker.url },
    });
    await sleep(WARM_UP_MS);
    const shares: number[] = [];
    const perMillion: number[] = [];
    const memory: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const before = { at: performance.now(), received, cpu: cpuSeconds(gateway.pid) };
      await sleep(WINDOW_MS[scale]);
      const cpu = cpuSeconds(gateway.pid) - before.cpu;
      shares.push((cpu / (performance.now() - before.at)) * 100_000);
      perMillion.push((cpu / (received - before.received)) * 1e6);
      memory.push(residentMb(gateway.pid));
    }
    const isMost = count === Math.max(...MACHINES);
    const name = `${count} machine${count === 1 ? '' : 's'}`;
    figures.push(
      figure(`${name}: processor`, '% of a core', shares, isMost ? { text: '< 60 %', atMost: 60 } : undefined),
      figure(`${name}: processor`, 's/million observations', perMillion),
      figure(`${name}: memory`, 'MB', memory, isMost ? { text: '< 250 MB', atMost: 250 } : undefined),
    );
    await gateway.stop();
  }
  return {
    title: 'What machines cost',
    method: `Modbus machines of ${SIGNALS} signals, polled once a second, each over a connection of its own; batches of a second, a local Mosquitto. ${WINDOW_MS[scale] / 1000} s for each repeat.`,
    figures,
  };
}
