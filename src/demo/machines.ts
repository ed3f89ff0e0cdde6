import { openRig } from './bearing-rig.ts';
import { openBus } from './modbus-floor.ts';
import { openAgents } from './mtconnect-floor.ts';
import { openServer } from './opcua-floor.ts';
import type { Tally } from './tally.ts';

/** A machine of the demo: its entry in the gateway's config. */
export interface DemoMachine {
  readonly id: string;
  readonly driver: string;
  readonly [key: string]: unknown;
}

/** Machines that stand still until they run; everything that they produce goes into the tally. */
export interface ShopFloor extends AsyncDisposable {
  readonly machines: readonly DemoMachine[];
  run(): void;
  pause(): void;
}

/** Starts the machines of all protocols. @param tell is told what happens to them */
export async function openShopFloor(tally: Tally, tell: (line: string) => void): Promise<ShopFloor> {
  const parts: ShopFloor[] = [];
  const close = async () => {
    await Promise.all(parts.map((part) => part[Symbol.asyncDispose]()));
  };
  try {
    for (const open of [openAgents, openBus, openServer]) parts.push(await open(tally));
    parts.push(await openRig(tally, tell));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    machines: parts.flatMap(({ machines }) => machines),
    run: () => {
      for (const part of parts) part.run();
    },
    pause: () => {
      for (const part of parts) part.pause();
    },
    [Symbol.asyncDispose]: close,
  };
}
