import type { Random } from '../mtconnect/random.ts';
import type { Point, PointValue } from './encode.ts';
import type { Identity } from './identification.ts';
import type { Range, Table } from './tables.ts';

/** A kind of machine: where it keeps what, and how that moves. */
export interface MachineModel {
  readonly identity: Identity;
  /** Addresses that exist beside those of the points. */
  readonly ranges: Partial<Readonly<Record<Table, readonly Range[]>>>;
  /** By the signal's name. */
  readonly points: Readonly<Record<string, Point>>;
  /** How `state` follows from the signals, as a gateway's config has it. */
  readonly state: string | Readonly<Record<string, string | number | readonly number[]>>;
  /** Begins a life: each call lets so many seconds pass and tells the values of all points. */
  live(random: Random): (seconds: number) => Record<string, PointValue>;
}

/** Milling: a program of some seconds with tool changes between, alarms now and then. */
const cnc: MachineModel = {
  identity: {
    objects: { 0: 'Simulated Machines', 1: 'CNC-3', 2: '2.4.1', 4: 'Vertical mill', 5: 'VMC 850' },
    serverId: 'VMC850',
  },
  ranges: {
    holding: [
      [0, 19],
      [100, 119],
      [200, 219],
    ],
    input: [[0, 9]],
    coil: [[0, 15]],
    discrete: [[0, 15]],
  },
  points: {
    mode: { table: 'holding', address: 0, type: 'uint16' },
    alarm: { table: 'holding', address: 1, type: 'uint16' },
    override: { table: 'holding', address: 2, type: 'uint16', unit: '%' },
    rpm: { table: 'holding', address: 100, type: 'float32', unit: 'rev/min' },
    feed_mm_min: { table: 'holding', address: 102, type: 'uint32', scale: 0.1, unit: 'mm/min' },
    position_x: { table: 'holding', address: 104, type: 'int32', scale: 0.001, unit: 'mm' },
    parts: { table: 'holding', address: 106, type: 'uint32' },
    program: { table: 'holding', address: 200, type: 'string', length: 16 },
    load: { table: 'input', address: 0, type: 'uint16', scale: 0.1, unit: '%' },
    temperature: { table: 'input', address: 1, type: 'int16', scale: 0.1, unit: '°C' },
    spindle_on: { table: 'coil', address: 0, type: 'bool' },
    door_closed: { table: 'discrete', address: 0, type: 'bool' },
  },
  state: "alarm != 0 ? 'stopped' : mode == 1 ? 'running' : 'idle'",
  live: (random) => {
    let [left, parts, rpm, temperature] = [0, 0, 0, 21];
    let mode: 'idle' | 'cut' | 'alarm' = 'idle';
    let [target, feed] = [0, 0];
    let [time, x] = [0, 0];
    return (seconds) => {
      time += seconds;
      left -= seconds;
      if (left <= 0) {
        if (mode === 'cut') parts += 1;
        mode = mode === 'cut' ? (random.next() < 0.1 ? 'alarm' : 'idle') : 'cut';
        left = mode === 'cut' ? random.between(6, 14) : random.between(1, 4);
        target = mode === 'cut' ? random.whole(20, 120) * 50 : 0;
        feed = mode === 'cut' ? random.whole(4, 40) * 50 : 0;
      }
      rpm += (target - rpm) * (1 - Math.exp(-seconds / 0.4));
      temperature += (21 + rpm / 300 - temperature) * (1 - Math.exp(-seconds / 240));
      const isCutting = mode === 'cut';
      if (isCutting) x = 200 * Math.sin(time / 3);
      return {
        mode: isCutting ? 1 : 0,
        alarm: mode === 'alarm' ? 1042 : 0,
        override: 100,
        rpm: rpm < 5 ? 0 : Math.max(0, rpm + 1.5 * random.noise()),
        feed_mm_min: isCutting ? feed + random.whole(-20, 20) / 10 : 0,
        position_x: x,
        parts,
        program: isCutting ? 'O1001 HOUSING' : 'O0000',
        load: isCutting ? 40 + 4 * random.noise() : rpm / 1000,
        temperature,
        spindle_on: rpm >= 5,
        door_closed: isCutting,
      };
    };
  },
};

/** Presses at a constant rate while it runs; words turned, as many PLCs of its kind do. */
const press: MachineModel = {
  identity: { objects: { 0: 'Simulated Machines', 1: 'PRESS-80', 2: '1.0' } },
  ranges: { input: [[0, 31]], holding: [[10, 29]] },
  points: {
    mode: { table: 'holding', address: 10, type: 'uint16' },
    stroke_rate: { table: 'holding', address: 11, type: 'uint16', unit: '1/min' },
    strokes: { table: 'input', address: 0, type: 'uint32', order: 'CDAB' },
    force: { table: 'input', address: 2, type: 'float32', order: 'CDAB', unit: 'kN' },
    oil: { table: 'input', address: 4, type: 'int16', scale: 0.1, unit: '°C' },
  },
  state: { from: 'mode', running: 2, idle: 1, stopped: [0, 3], otherwise: 'stopped' },
  live: (random) => {
    let [left, strokes, oil] = [0, 120_000, 38];
    let mode = 1;
    return (seconds) => {
      left -= seconds;
      if (left <= 0) {
        mode = mode === 2 ? random.pick([0, 1, 3]) : 2;
        left = mode === 2 ? random.between(8, 20) : random.between(1, 4);
      }
      const isRunning = mode === 2;
      if (isRunning) strokes += seconds;
      oil += ((isRunning ? 52 : 35) - oil) * (1 - Math.exp(-seconds / 300));
      return {
        mode,
        stroke_rate: isRunning ? 60 : 0,
        strokes: Math.floor(strokes),
        force: isRunning ? 780 + 12 * random.noise() : 0,
        oil,
      };
    };
  },
};

/** A three-phase meter. */
const meter: MachineModel = {
  identity: { objects: { 0: 'Simulated Machines', 1: 'METER-3P', 2: '3.1' } },
  ranges: { input: [[0, 79]] },
  points: {
    voltage_l1: { table: 'input', address: 0, type: 'float32', unit: 'V' },
    voltage_l2: { table: 'input', address: 2, type: 'float32', unit: 'V' },
    voltage_l3: { table: 'input', address: 4, type: 'float32', unit: 'V' },
    power: { table: 'input', address: 12, type: 'float32', unit: 'W' },
    frequency: { table: 'input', address: 70, type: 'uint16', scale: 0.01, unit: 'Hz' },
    energy: { table: 'input', address: 72, type: 'uint64', unit: 'Wh' },
  },
  state: "power > 500 ? 'running' : 'idle'",
  live: (random) => {
    let [energy, power] = [48_211_000, 300];
    let [left, target] = [0, 300];
    return (seconds) => {
      left -= seconds;
      if (left <= 0) {
        target = random.pick([300, 2400, 5200]);
        left = random.between(3, 10);
      }
      power += (target - power) * (1 - Math.exp(-seconds / 0.5));
      energy += (power * seconds) / 3600;
      return {
        voltage_l1: 230 + random.noise(),
        voltage_l2: 230 + random.noise(),
        voltage_l3: 230 + random.noise(),
        power: Math.max(0, power + 5 * random.noise()),
        frequency: 50 + 0.01 * random.noise(),
        energy: Math.floor(energy),
      };
    };
  },
};

export const MACHINES = { cnc, press, meter } as const satisfies Record<string, MachineModel>;
export type MachineKind = keyof typeof MACHINES;
