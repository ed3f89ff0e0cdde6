import { SimulatedOpcuaServer } from '../../simulator/opcua/server.ts';
import type { ShopFloor } from './machines.ts';
import type { Tally } from './tally.ts';

/** Writes a second to each variable that moves. */
const RATE = 5;
const MACHINES = ['hmc-1', 'hmc-2'] as const;
const NODES = {
  rpm: 'Spindle/Speed',
  feed_mm_min: 'Feed/Actual',
  load: 'Spindle/Load',
  x: 'Axes/X/Position',
  mode: 'Production/State',
  program: 'Production/Program',
  parts: 'Production/PartCount',
} as const;
const STATE = { from: 'mode', running: 2, idle: [0, 1], otherwise: 'stopped' };

/** The OPC UA machines behind one server: every write to a node that is subscribed is counted by its time. */
export async function openServer(tally: Tally): Promise<ShopFloor> {
  const address = (machine: string, path: string) => `/Objects/Machines/${machine}/${path}`;
  let isRunning = false;
  const server = new SimulatedOpcuaServer({
    machines: MACHINES,
    rate: RATE,
    onProduced: ({ machine, path, sourceTimestamp }) => {
      if (!isRunning || !(Object.values(NODES) as string[]).includes(path)) return;
      tally.addProduced(machine, { id: address(machine, path) }, sourceTimestamp.getTime() * 1000);
    },
  });
  const url = await server.start();
  return {
    machines: MACHINES.map((id) => ({
      id,
      driver: 'opcua',
      url,
      // The server tells each change as it comes.
      samplingInterval: '0ms',
      queueSize: 1000,
      signals: Object.fromEntries(Object.entries(NODES).map(([name, path]) => [name, address(id, path)])),
      state: STATE,
    })),
    run: () => {
      isRunning = true;
      server.run();
    },
    pause: () => server.pause(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
