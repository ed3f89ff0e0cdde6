import { setInterval as interval } from 'node:timers';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import type { SimulatedDevice } from '../../simulator/mtconnect/device.ts';
import { Random } from '../../simulator/mtconnect/random.ts';
import type { ShopFloor } from './machines.ts';
import { microsOf, type Tally } from './tally.ts';

const ID = 'rig-1';
/** Its clock runs so much faster than ours, so that a minute of the demo is an hour of its life… */
const SPEED = 60;
/** …which lies in the past, so that it counts for no latency. */
const BEHIND_MS = 6 * 3_600_000;
const TICK_MS = 100;
const CLOCK_MS = 20;
/** Seconds of its life: the bearing fails, and is replaced. */
const FAILS_AT = 720;
const REPLACED_AT = 1080;

const ITEMS = {
  rig_load: ['LOAD', 'PERCENT'],
  rig_power: ['WATTAGE', 'WATT'],
  rig_temp: ['TEMPERATURE', 'CELSIUS'],
  rig_vibration: ['ACCELERATION', 'MILLIMETER/SECOND^2'],
} as const;

const DEVICE: SimulatedDevice = {
  element: 'Device',
  id: ID,
  name: ID,
  uuid: `sim-${ID}`,
  dataItems: [{ id: `${ID}_avail`, category: 'EVENT', type: 'AVAILABILITY', name: 'avail' }],
  components: [
    {
      element: 'Rotary',
      id: `${ID}_C`,
      name: 'C',
      dataItems: Object.entries(ITEMS).map(([name, [type, units]]) => {
        return { id: `${ID}_${name}`, category: 'SAMPLE', type, name, units, nativeUnits: units };
      }),
    },
  ],
};

/** The rules of the demo: nobody has set a limit for the rig's vibration. */
export const RIG_CONFIG = {
  anomaly: { signals: ['rig_*'], warmUp: '4m' },
  alerts: [
    {
      name: 'rig-unusual',
      machines: [ID],
      condition: 'anomaly(machine) > 4',
      for: '30s',
      clear: 'anomaly(machine) < 2',
      severity: 'warning',
    },
  ],
} as const;

/**
 * A test rig whose load wanders, and whose power, temperature and vibration follow it. When its bearing fails, the vibration rises by no more
 * than it varies with the load anyway.
 */
export async function openRig(tally: Tally, tell: (line: string) => void): Promise<ShopFloor> {
  const random = new Random(7);
  const noise = () => random.next() + random.next() + random.next() + random.next() - 2;
  const origin = Date.now() - BEHIND_MS;
  let begun = performance.now();
  const life = () => ((performance.now() - begun) / 1000) * SPEED;
  const agent = new SimulatedAgent({
    devices: [DEVICE],
    version: '2.0',
    micros: () => Math.floor((origin + life() * 1000) * 1000),
    onProduced: ({ device, dataItemId, name, timestamp }) => {
      if (device === ID) tally.addProduced(device, { id: dataItemId, name }, microsOf(timestamp));
    },
  });
  // The agent says the true time: only what it observes is of another.
  const setClock = () => {
    agent.clockSkew = Date.now() - (origin + life() * 1000);
  };
  setClock();
  const clock = interval(setClock, CLOCK_MS);
  const url = String(await agent.start());
  let [second, cut, warmth] = [0, 0, 0];
  let timer: NodeJS.Timeout | undefined;
  const step = () => {
    cut += -cut / 20 + 0.55 * noise();
    warmth += (cut - warmth) / 240;
    const isFailing = second >= FAILS_AT && second < REPLACED_AT;
    if (second === FAILS_AT) tell(`${ID}: its bearing begins to fail (an hour of its life passes in a minute)`);
    if (second === REPLACED_AT) tell(`${ID}: its bearing is replaced`);
    const values = {
      rig_load: 50 + 8 * cut + 2 * noise(),
      rig_power: 4900 + 600 * cut + 120 * noise(),
      rig_temp: 40 + 30 * warmth + 0.3 * noise(),
      rig_vibration: 2 + 0.15 * cut + 0.1 * noise() + (isFailing ? 0.35 : 0),
    };
    for (const [item, value] of Object.entries(values)) {
      agent.observe(ID, item, Math.round(value * 1000) / 1000, new Date(origin + second * 1000).toISOString());
    }
    second += 1;
  };
  return {
    machines: [{ id: ID, driver: 'mtconnect', url, device: ID }],
    run: () => {
      begun = performance.now();
      timer = interval(() => {
        while (second < life()) step();
      }, TICK_MS);
    },
    pause: () => clearInterval(timer),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      clearInterval(clock);
      await agent.stop();
    },
  };
}
