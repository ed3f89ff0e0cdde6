import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiState } from '../src/http/api.ts';
import { startBroker } from './measure/broker.ts';
import { compared, type Figure, figure, type Pair, type Run, type Section } from './measure/figures.ts';
import { startGateway } from './measure/gateway.ts';
import { cpuSeconds, residentMb } from './measure/process.ts';
import { polledMachines, startSource } from './measure/source.ts';
import { countOf, subscribe } from './measure/subscriber.ts';

const REGISTERS = 9900;
const POLL_MS = 100;
const OFFERED = (REGISTERS * 1000) / POLL_MS;
const WINDOW_MS = { guard: 2000, short: 8000, long: 60_000 };
const WARM_UP_MS = 5000;
/** Requests under way at once: the default, and as many as a device with a queue takes. */
const IN_FLIGHT = [1, 8];
/** The last second may still be on its way. */
const NEARLY_ALL = 0.99;
const BARE_MS = { guard: 500, short: 2000, long: 10_000 };
/** Registers that a request asks for at most (Modbus Application Protocol 1.1b3, 6.3). */
const A_REQUEST = 125;
/** Transaction, protocol, length, unit; function and count of bytes. */
const ANSWER_BYTES = 7 + 2 + 2 * A_REQUEST;

/** (j) Modbus TCP, 9,900 registers polled ten times a second, committed and acknowledged. */
export async function registers({ scale, repeats, folder }: Run): Promise<Section> {
  const figures: Figure[] = [];
  await using source = await startSource(folder, 1, POLL_MS);
  await using broker = await startBroker(folder);
  // Alone, since the source serves one after the other.
  const bare: number[] = [];
  for (let i = 0; i < repeats; i++) bare.push(await bareShare(source.urls[0] as string, BARE_MS[scale]));
  for (const requestsInFlight of IN_FLIGHT) {
    let received = 0;
    await using _subscriber = await subscribe(broker.url, (batch) => {
      received += countOf(batch);
    });
    await using gateway = await startGateway(folder, {
      machines: polledMachines(source.urls, { signals: REGISTERS, poll: `${POLL_MS}ms`, more: { requestsInFlight } }),
      uplink: { url: broker.url },
    });
    await sleep(WARM_UP_MS);
    const lostBefore = lostOf(await gateway.status());
    const rates: Pair[] = [];
    const shares: Pair[] = [];
    const memory: number[] = [];
    for (let i = 0; i < repeats; i++) {
      const before = { at: performance.now(), received, cpu: cpuSeconds(gateway.pid) };
      await sleep(WINDOW_MS[scale]);
      const seconds = (performance.now() - before.at) / 1000;
      rates.push({ value: (received - before.received) / seconds, limit: OFFERED });
      shares.push({ value: ((cpuSeconds(gateway.pid) - before.cpu) / seconds) * 100, limit: bare[i] as number });
      memory.push(residentMb(gateway.pid));
    }
    const after = await gateway.status();
    const waiting = after.lanes.reduce((sum, { observations }) => sum + observations, 0);
    const name = requestsInFlight === 1 ? 'one request at a time' : `${requestsInFlight} requests at a time`;
    const rate = { text: `${OFFERED.toLocaleString('en')}/s`, atLeast: OFFERED * NEARLY_ALL };
    figures.push(
      compared(`${name}: acknowledged`, 'observations/s', 'offered', rates, rate),
      compared(`${name}: processor`, '% of a core', 'bare socket', shares, { text: '< 100 %', atMost: 100 }),
      figure(`${name}: memory`, 'MB', memory, { text: '< 200 MB', atMost: 200 }),
      figure(`${name}: waiting at the end`, 'observations', [waiting]),
      figure(`${name}: lost in gaps`, 'observations', [lostOf(after) - lostBefore], { text: '0', atMost: 0 }),
    );
    await gateway.stop();
  }
  return {
    title: 'Modbus TCP: 9,900 registers, ten times a second',
    method: `One machine, ${REGISTERS.toLocaleString('en')} signals of one register each, polled every ${POLL_MS} ms from a source written in C; read, committed, published, acknowledged by Mosquitto and counted by a subscriber (QoS 0). ${WINDOW_MS[scale] / 1000} s for each repeat, batches of a second (2,000 observations at most). The limit of the processor’s share is what a bare socket in this process takes for the same requests at the same pace, without looking at the answers.`,
    figures,
    notes: [
      'For comparison, as the issue has it: Neuron 2.9.5 (C, nothing durable) does it at 42 % of a core and 63 MB; Node-RED 4 stops at 36,000/s.',
    ],
  };
}

/** Observations that gaps have told of. */
function lostOf({ machines }: ApiState): number {
  return machines.reduce((sum, { lost }) => sum + lost, 0);
}

/** Share of a core, in percent, that this process takes to read all registers at the same pace from a bare socket. */
async function bareShare(url: string, ms: number): Promise<number> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname).setNoDelay();
  await once(socket, 'connect');
  const request = Buffer.from([0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, A_REQUEST]);
  let bytes = 0;
  let left = 0;
  const ask = () => {
    if (left-- > 0) socket.write(request);
  };
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes < ANSWER_BYTES) return;
    bytes -= ANSWER_BYTES;
    ask();
  });
  const poll = setInterval(() => {
    left = Math.ceil(REGISTERS / A_REQUEST);
    ask();
  }, POLL_MS);
  const [from, before] = [performance.now(), process.cpuUsage()];
  await sleep(ms);
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - from) / 1000;
  clearInterval(poll);
  socket.destroy();
  return (user + system) / 1e4 / seconds;
}
