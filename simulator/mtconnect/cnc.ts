import { CncDynamics, SAMPLES, type SampleName, SERIES_MICROS } from './cnc-dynamics.ts';
import { Random } from './random.ts';
import type { ConditionValue, EntriesValue, SimulatedValue } from './value.ts';

/** What a CNC says of one of its items. */
export interface Said {
  /** Name of the data item, or its type where it has no name. */
  readonly item: string;
  readonly value: SimulatedValue;
}

type Trouble = { item: string } & Omit<ConditionValue, 'level'>;

const ALARM_CHANCE = 0.015;
const WARNING_CHANCE = 0.04;
const HOLD_CHANCE = 0.03;
const TOOL_CHANGE_CHANCE = 0.2;
const PROGRAMS = ['O1001', 'O1002', 'O2200', 'O7000-BRACKET', 'O7001 <ROUGH & FINISH>'] as const;
const ALARMS: readonly [Trouble, ...Trouble[]] = [
  { item: 'system', nativeCode: '4110', text: 'SERVO ALARM: X AXIS EXCESS ERROR', qualifier: 'HIGH' },
  { item: 'system', nativeCode: '1042', text: 'AIR PRESSURE <LOW>', qualifier: 'LOW' },
  { item: 'motion', nativeCode: '10', text: 'IMPROPER G-CODE & NO M30' },
];
const WARNINGS: readonly [Trouble, ...Trouble[]] = [
  { item: 'cool_level', nativeCode: 'COOL-LO', text: 'COOLANT LEVEL', qualifier: 'LOW' },
  { item: 'Sload_cond', nativeCode: 'SLOAD', text: 'SPINDLE LOAD', qualifier: 'HIGH' },
  { item: 'system', nativeCode: '2031', text: 'LUBRICATION DUE' },
];

/**
 * A milling machine that makes parts: programs of blocks, tool changes, feed holds, alarms now and then. Pure: the same
 * seed asked at the same times says the same. It has something to say however often it is asked: what happened (events
 * and conditions) and its samples, by turns.
 */
export class Cnc {
  readonly #random: Random;
  readonly #dynamics: CncDynamics;
  readonly #has: (item: string) => boolean;
  readonly #samples: readonly SampleName[];
  readonly #life = this.#live();
  /** What happened and is not said yet; asked too seldom, it tells of each item (of a condition: each code) the newest. */
  readonly #pending = new Map<string, Said>();
  #turn = 0;
  #seriesFrom = 0;
  #saidEvent = false;
  #wakeAt: number | undefined;
  #tool = 1;
  #parts = 0;
  #feedOverride = 100;

  /** @param has whether the machine has an item of that name; it speaks of no other */
  constructor(seed: number, has: (item: string) => boolean) {
    this.#random = new Random(seed);
    this.#dynamics = new CncDynamics(this.#random);
    this.#has = has;
    this.#samples = SAMPLES.filter(has);
    if (!this.#samples.some((item) => item !== 'Svib'))
      throw new Error('a CNC needs at least one sample beside its time series');
  }

  /** The next thing that it says, at a time in whole microseconds that never goes back. */
  say(micros: number): Said {
    this.#wakeAt ??= micros;
    while (this.#wakeAt <= micros) {
      this.#dynamics.advance(this.#wakeAt);
      this.#wakeAt += Math.round(this.#life.next().value * 1e6);
    }
    this.#dynamics.advance(micros);
    const event = this.#saidEvent ? undefined : this.#takePending();
    this.#saidEvent = event !== undefined;
    return event ?? this.#sample(micros);
  }

  #takePending(): Said | undefined {
    for (const [key, said] of this.#pending) {
      this.#pending.delete(key);
      return said;
    }
    return undefined;
  }

  #sample(micros: number): Said {
    const item = this.#samples[this.#turn % this.#samples.length] as SampleName;
    this.#turn += 1;
    if (item === 'Svib') {
      // Every value of a series has a time of its own: two series must not overlap.
      if (micros < this.#seriesFrom) return this.#sample(micros);
      this.#seriesFrom = micros + SERIES_MICROS;
    }
    return { item, value: this.#dynamics.read(item) };
  }

  #tell(item: string, value: SimulatedValue, key = item): void {
    if (this.#has(item)) this.#pending.set(key, { item, value });
  }

  /** The machine's life; yields the seconds until it goes on. */
  *#live(): Generator<number, never> {
    this.#powerUp();
    for (;;) {
      yield* this.#idle();
      yield* this.#runProgram();
    }
  }

  #powerUp(): void {
    this.#tell('avail', 'AVAILABLE');
    this.#tell('estop', 'ARMED');
    this.#tell('mode', 'AUTOMATIC');
    this.#tell('execution', 'READY');
    this.#tell('program', PROGRAMS[0]);
    this.#tell('block', 'N0');
    this.#tell('line', 0);
    this.#tell('tool', this.#tool);
    this.#tell('part_count', this.#parts);
    this.#tell('Fovr', this.#feedOverride);
    this.#tell('Sovr', 100);
    for (const item of ['system', 'motion', 'Sload_cond', 'cool_level']) this.#tell(item, { level: 'NORMAL' });
    this.#tell('vars', { entries: { '100': 0, '101': 12.5, '102': 'IN <PROCESS>' } });
    this.#tell('offsets', { entries: { G54: { X: 120.5, Y: -30.25, Z: 5 }, G55: { X: 0, Y: 0, Z: 0 } } });
  }

  *#idle(): Generator<number, void> {
    this.#tell('execution', 'READY');
    if (this.#random.next() < 0.2) {
      this.#tell('mode', 'MANUAL_DATA_INPUT');
      yield this.#random.between(1, 3);
      this.#tell('mode', 'AUTOMATIC');
    }
    yield this.#random.between(1, 4);
  }

  *#runProgram(): Generator<number, void> {
    const program = this.#random.pick(PROGRAMS);
    this.#tell('program', program);
    this.#tell('offsets', { entries: { G54: { X: this.#random.whole(-200, 200), Y: -30.25, Z: 5 } } });
    this.#tell('execution', 'ACTIVE');
    const blocks = this.#random.whole(8, 16);
    for (let block = 1; block <= blocks; block += 1) {
      if (block === 1 || this.#random.next() < TOOL_CHANGE_CHANCE) yield* this.#changeTool();
      yield* this.#runBlock(block);
    }
    this.#dynamics.halt();
    this.#dynamics.spindleTarget = 0;
    this.#tell('execution', 'PROGRAM_COMPLETED');
    this.#finishPart(program);
    yield this.#random.between(1, 2);
  }

  *#changeTool(): Generator<number, void> {
    this.#dynamics.halt();
    this.#dynamics.spindleTarget = 0;
    this.#dynamics.moveTo({ ...this.#dynamics.target, Z: 250 }, 0.8);
    yield 1.2;
    this.#tool = 1 + (this.#tool % 24);
    this.#tell('tool', this.#tool);
    // Its life has changed.
    this.#tell('ASSET_CHANGED', { assetType: 'CuttingTool', assetId: `T${this.#tool}` });
    this.#dynamics.spindleTarget = this.#random.whole(8, 48) * 250;
    yield 0.8;
  }

  *#runBlock(block: number): Generator<number, void> {
    const dynamics = this.#dynamics;
    const target = {
      X: this.#random.between(-250, 250),
      Y: this.#random.between(-200, 200),
      Z: this.#random.between(-40, 60),
    };
    const rapid = this.#random.next() < 0.25;
    const seconds = rapid ? this.#random.between(0.3, 0.8) : this.#random.between(0.8, 2.5);
    const programmed = rapid ? 24_000 : this.#random.whole(4, 60) * 50;
    const at = `X${target.X.toFixed(3)} Y${target.Y.toFixed(3)} Z${target.Z.toFixed(3)}`;
    this.#tell('line', block * 10);
    this.#tell('block', rapid ? `N${block * 10} G0 ${at}` : `N${block * 10} G1 ${at} F${programmed}`);
    dynamics.feed = (programmed * this.#feedOverride) / 100;
    dynamics.cutting = rapid ? 0 : this.#random.between(0.2, 0.9);
    dynamics.moveTo(target, seconds);
    yield seconds;
    if (this.#random.next() < HOLD_CHANCE) yield* this.#hold();
    if (this.#random.next() < WARNING_CHANCE) yield* this.#warn();
    if (this.#random.next() < ALARM_CHANCE) yield* this.#alarm();
  }

  *#hold(): Generator<number, void> {
    this.#dynamics.halt();
    this.#tell('execution', 'FEED_HOLD');
    this.#feedOverride = this.#random.whole(5, 12) * 10;
    this.#tell('Fovr', this.#feedOverride);
    yield this.#random.between(1, 4);
    this.#tell('execution', 'ACTIVE');
  }

  *#warn(): Generator<number, void> {
    const { item, ...trouble } = this.#random.pick(WARNINGS);
    this.#condition(item, { level: 'WARNING', ...trouble });
    yield this.#random.between(1, 2);
    // A second one at the same time, cleared alone.
    this.#condition(item, { level: 'WARNING', nativeCode: `${trouble.nativeCode}-2`, text: 'REPEATED' });
    yield this.#random.between(0.5, 1);
    this.#condition(item, { level: 'NORMAL', nativeCode: `${trouble.nativeCode}-2` });
    yield 0.5;
    this.#condition(item, { level: 'NORMAL' });
  }

  *#alarm(): Generator<number, void> {
    const { item, ...trouble } = this.#random.pick(ALARMS);
    const spindle = this.#dynamics.spindleTarget;
    this.#dynamics.halt();
    this.#dynamics.spindleTarget = 0;
    this.#condition(item, { level: 'FAULT', ...trouble });
    this.#tell('execution', 'INTERRUPTED');
    this.#tell('message', { message: `OPERATOR TO MACHINE: ${trouble.text}`, nativeCode: `M-${trouble.nativeCode}` });
    yield this.#random.between(2, 5);
    this.#condition(item, { level: 'NORMAL', nativeCode: trouble.nativeCode ?? '' });
    this.#dynamics.spindleTarget = spindle;
    this.#tell('execution', 'ACTIVE');
    yield 0.5;
  }

  #finishPart(program: string): void {
    this.#parts += 1;
    const dayIsOver = this.#parts % 20 === 0;
    if (dayIsOver) this.#parts = 0;
    this.#tell('part_count', dayIsOver ? { value: 0, resetTriggered: 'DAY' } : this.#parts);
    const entries: EntriesValue['entries'] =
      this.#parts % 2 === 0 ? { '100': this.#parts, '102': `DONE ${program}` } : { '100': this.#parts, '102': null };
    this.#tell('vars', { entries });
  }

  #condition(item: string, value: ConditionValue): void {
    this.#tell(item, value, `${item} ${value.nativeCode ?? ''}`);
  }
}
