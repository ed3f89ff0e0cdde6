import { type AgentOptions, SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import type { ShopFloor } from './machines.ts';
import { microsOf, type Tally } from './tally.ts';

/** Observations a second of each machine. */
const RATE = 40;

/** Two agents, as on a shop floor: a current one that serves two machines and an old one in front of a lathe. */
const AGENTS: readonly { readonly ids: readonly string[]; readonly options: AgentOptions }[] = [
  { ids: ['vmc-1', 'vmc-2'], options: { version: '2.0', seed: 1 } },
  { ids: ['lathe-1'], options: { version: '1.3', seed: 2 } },
];

/** The MTConnect machines: every observation is counted by its data item and time. */
export async function openAgents(tally: Tally): Promise<ShopFloor> {
  const floors = await Promise.all(
    AGENTS.map(async ({ ids, options }) => {
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
      const url = String(await agent.start());
      return { agent, machines: ids.map((id) => ({ id, driver: 'mtconnect', url, device: id })) };
    }),
  );
  return {
    machines: floors.flatMap(({ machines }) => machines),
    run: () => {
      for (const { agent } of floors) agent.run();
    },
    pause: () => {
      for (const { agent } of floors) agent.pause();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(floors.map(({ agent }) => agent.stop()));
    },
  };
}
