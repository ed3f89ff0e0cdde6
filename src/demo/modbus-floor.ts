import type { Point } from '../../simulator/modbus/encode.ts';
import { SimulatedModbusMachine } from '../../simulator/modbus/machine.ts';
import { MACHINES, type MachineKind } from '../../simulator/modbus/machines.ts';
import { SimulatedModbusTcp } from '../../simulator/modbus/tcp.ts';
import type { ShopFloor } from './machines.ts';
import type { Tally } from './tally.ts';

/** Each value stands for half a second, and is polled at least twice meanwhile. */
const STEPS_PER_SECOND = 2;
const POLL = { poll: '200ms', timeout: '100ms' };

/** Two units behind one Modbus/TCP gateway. */
const UNITS: readonly { readonly id: string; readonly kind: MachineKind; readonly state: unknown }[] = [
  { id: 'press-1', kind: 'press', state: { from: 'mode', running: 2, idle: 1, otherwise: 'stopped' } },
  { id: 'meter-1', kind: 'meter', state: "power > 500 ? 'running' : 'idle'" },
];

const NOTATION = { holding: 'holding register', input: 'input register', coil: 'coil', discrete: 'discrete input' };

const pointsOf = (kind: MachineKind): Readonly<Record<string, Point>> => MACHINES[kind].points;

/** The Modbus machines: polled, so that every distinct value of an unscaled register is counted. */
export async function openBus(tally: Tally): Promise<ShopFloor> {
  let isRunning = false;
  const machines = UNITS.map(
    ({ id, kind }, index) =>
      new SimulatedModbusMachine({
        kind,
        name: id,
        seed: index + 1,
        rate: STEPS_PER_SECOND,
        onProduced: ({ signal, value, t }) => {
          const point = pointsOf(kind)[signal];
          if (!isRunning || point === undefined || point.scale !== undefined) return;
          tally.addCounted(id, { id: `${NOTATION[point.table]} ${point.address}` }, value, t);
        },
      }),
  );
  const gateway = new SimulatedModbusTcp({ units: new Map(machines.map(({ unit }, index) => [index + 1, unit])) });
  const url = await gateway.start();
  return {
    machines: UNITS.map(({ id, kind, state }, index) => ({
      id,
      driver: 'modbus',
      url: `${url}/${index + 1}`,
      ...POLL,
      signals: pointsOf(kind),
      state,
    })),
    run: () => {
      isRunning = true;
      for (const machine of machines) machine.run();
    },
    pause: () => {
      for (const machine of machines) machine.pause();
    },
    [Symbol.asyncDispose]: () => gateway.stop(),
  };
}
