import { type AgentOptions, SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { microsOf, type Tally } from './tally.ts';

/** Observations a second of each machine. */
export const RATE = 40;

/** Two agents, as on a shop floor: a current one that serves two machines and an old one in front of a lathe. */
const AGENTS: readonly { readonly machines: readonly string[]; readonly options: AgentOptions }[] = [
  { machines: ['vmc-1', 'vmc-2'], options: { version: '2.0', seed: 1 } },
  { machines: ['lathe-1'], options: { version: '1.3', seed: 2 } },
];

/** A machine of the demo and where its agent listens. */
export interface DemoMachine {
  readonly id: string;
  readonly agent: SimulatedAgent;
}

/** The machines of the demo and the agents in front of them. */
export interface ShopFloor extends AsyncDisposable {
  readonly machines: readonly DemoMachine[];
  readonly agents: readonly SimulatedAgent[];
}

/** Starts the agents with their machines at a standstill; everything that they produce goes into the tally. */
export async function openShopFloor(tally: Tally): Promise<ShopFloor> {
  const machines: DemoMachine[] = [];
  const agents: SimulatedAgent[] = [];
  for (const { machines: ids, options } of AGENTS) {
    const agent = new SimulatedAgent({
      ...options,
      devices: ids.map((name) => ({ name })),
      rate: RATE,
      onProduced: ({ device, dataItemId, name, timestamp }) => {
        // The Agent device of newer agents is no machine.
        if (ids.includes(device)) tally.addProduced(device, { id: dataItemId, name }, microsOf(timestamp));
      },
    });
    agent.pause();
    await agent.start();
    agents.push(agent);
    machines.push(...ids.map((id) => ({ id, agent })));
  }
  return {
    machines,
    agents,
    async [Symbol.asyncDispose]() {
      await Promise.all(agents.map((agent) => agent.stop()));
    },
  };
}
