import t from 'tap';
import { encode, type Point } from '../../../simulator/modbus/encode.ts';
import { type Produced, SimulatedModbusMachine } from '../../../simulator/modbus/machine.ts';
import { MACHINES, type MachineKind } from '../../../simulator/modbus/machines.ts';

const KINDS = Object.keys(MACHINES) as MachineKind[];
const STEPS = 3000;

/** All that is told, as text: comparing thousands of objects takes minutes. */
function life(kind: MachineKind, seed: number): string {
  const produced: Omit<Produced, 't'>[] = [];
  const machine = new SimulatedModbusMachine({
    kind,
    name: kind,
    seed,
    onProduced: ({ t: _, ...one }) => produced.push(one),
  });
  for (let step = 0; step < STEPS; step++) machine.step(0.1);
  return JSON.stringify(produced);
}

for (const kind of KINDS) {
  t.test(`the same seed gives the same ${kind}, another another`, async (t) => {
    t.equal(life(kind, 5), life(kind, 5));
    t.not(life(kind, 5), life(kind, 6));
  });

  t.test(`a ${kind} tells each value once, all points move, and the registers hold what it told`, async (t) => {
    const produced: Produced[] = [];
    const machine = new SimulatedModbusMachine({ kind, name: kind, seed: 1, onProduced: (one) => produced.push(one) });
    for (let step = 0; step < STEPS; step++) machine.step(0.1);
    const last = new Map<string, unknown>();
    let repeated = 0;
    for (const { signal, value } of produced) {
      if (last.get(signal) === value) repeated += 1;
      last.set(signal, value);
    }
    t.equal(repeated, 0);
    t.same(last, machine.values);
    for (const [signal, point] of Object.entries(machine.signals)) {
      const value = machine.values.get(signal);
      const { raw } = encode(point, value as never);
      t.same(machine.unit.get(point.table, point.address, raw.length), raw, `${signal} is ${value}`);
    }
    const moving = new Set(produced.slice(Object.keys(machine.signals).length).map(({ signal }) => signal));
    const still = Object.keys(machine.signals).filter((signal) => !moving.has(signal));
    t.same(still, kind === 'cnc' ? ['override'] : []);
  });

  t.test(`no two points of a ${kind} share an address`, async (t) => {
    const taken = new Map<string, string>();
    for (const [signal, point] of Object.entries<Point>(MACHINES[kind].points)) {
      const { raw } = encode(point, point.type === 'string' ? '' : 0);
      for (const index of raw.keys()) {
        const place = `${point.table} ${point.address + index}`;
        t.equal(taken.get(place), undefined, `${place} of ${signal}`);
        taken.set(place, signal);
      }
    }
  });
}
