import { createHash } from 'node:crypto';
import { MACHINES } from '../modbus/machines.ts';
import { Random } from '../mtconnect/random.ts';
import { type LeafPath, MODES, type Produced, STATES } from './leaves.ts';

const TOOLS = ['Face mill', 'Drill 8.5', 'Tap M10', 'Ball nose 6', 'Reamer 12'] as const;
const WEAR_PER_SECOND = 1e-4;
/** Of an encoder, for a millimetre. */
const INCREMENTS = 100_000;
/** The encoder has been counting for long: beyond what a double holds. */
const INCREMENTS_BEFORE = 2n ** 53n;
/** When the simulated time begins. */
const EPOCH = Date.UTC(2026, 0, 5, 6);

/** What the milling machine of `simulator/modbus` tells. */
interface Cnc {
  readonly mode: number;
  readonly alarm: number;
  readonly rpm: number;
  readonly feed_mm_min: number;
  readonly position_x: number;
  readonly parts: number;
  readonly program: string;
  readonly load: number;
  readonly temperature: number;
  readonly override: number;
  readonly spindle_on: boolean;
}

/** A milling machine that works through programs. The same seed and steps give the same values; pure. */
export class CncLife {
  readonly #live: (seconds: number) => Cnc;
  readonly #random: Random;
  #seconds = 0;
  #started = 0;
  #wear = 0;
  #wasCutting = false;

  constructor(seed: number) {
    this.#live = MACHINES.cnc.live(new Random(seed)) as unknown as (seconds: number) => Cnc;
    this.#random = new Random(seed + 1_000_003);
  }

  /** Lets time pass; the values then, by their paths. */
  step(seconds: number): Readonly<Record<LeafPath, Produced>> {
    this.#seconds += seconds;
    const cnc = this.#live(seconds);
    const isCutting = cnc.mode === 1;
    if (isCutting && !this.#wasCutting) {
      this.#started = this.#seconds;
      this.#wear = 0;
    }
    if (isCutting) this.#wear += seconds * WEAR_PER_SECOND;
    this.#wasCutting = isCutting;
    const [x, y, z] = [cnc.position_x, 150 * Math.cos(this.#seconds / 4), isCutting ? -42 : 100];
    return {
      'Spindle/Speed': cnc.rpm,
      'Spindle/Override': 100,
      'Spindle/Load': Math.fround(cnc.load),
      'Spindle/IsRotating': cnc.spindle_on,
      'Spindle/Tool': {
        number: 1 + (cnc.parts % TOOLS.length),
        name: TOOLS[cnc.parts % TOOLS.length] as string,
        wear: Math.round(this.#wear * 1e4) / 1e4,
      },
      'Feed/Actual': cnc.feed_mm_min,
      'Feed/Override': cnc.override,
      'Axes/X/Position': x,
      'Axes/Y/Position': y,
      'Axes/Z/Position': z,
      'Axes/Positions': [x, y, z],
      'Axes/Increments': String(INCREMENTS_BEFORE + BigInt(Math.round((x + 400) * INCREMENTS))),
      'Production/State': STATES.indexOf(cnc.alarm !== 0 ? 'Aborted' : isCutting ? 'Running' : 'Idle'),
      'Production/Mode': MODES.indexOf(cnc.alarm !== 0 ? 'Manual' : 'Automatic'),
      'Production/Program': cnc.program,
      'Production/Checksum': createHash('md5').update(cnc.program).digest('base64'),
      'Production/Started': new Date(EPOCH + Math.round(this.#started * 1000)).toISOString(),
      'Production/PartCount': cnc.parts,
      'Alarm/Number': cnc.alarm,
      'Sensors/Temperature': Math.fround(cnc.temperature),
      'Sensors/Vibration': Math.fround(isCutting ? 2 + 0.2 * this.#random.noise() : 0.1),
      'Sensors/Coolant': 0,
    };
  }
}
