import { CncDynamics } from '../../../simulator/mtconnect/cnc-dynamics.ts';
import { Random } from '../../../simulator/mtconnect/random.ts';
import { AnomalyEngine } from '../../../src/pipeline/anomaly/engine.ts';
import { DEFAULTS, observation, SECOND, T0 } from './plant.ts';

const SPEEDS = [4000, 4000, 8000, 8000, 6000] as const;
const READ = ['Srpm', 'Sload', 'Fact', 'Xload', 'power', 'Stemp', 'cool_temp'] as const;

/**
 * The simulator’s machine second by second, 20 min at work and 5 min idle: cuts of 20 to 60 s, rapid moves and tool changes,
 * which are anything but normally distributed.
 */
export class ProgramShift {
  static readonly SIGNALS = [...READ, 'vibration'] as const;
  readonly engine = new AnomalyEngine(DEFAULTS);
  second = 0;
  readonly #random: Random;
  readonly #dynamics: CncDynamics;
  #block = 0;
  #until = 0;

  constructor(seed: number) {
    this.#random = new Random(seed);
    this.#dynamics = new CncDynamics(new Random(seed + 1000));
  }

  get isRunning(): boolean {
    return this.second % 1500 < 1200;
  }

  /** Lets a second pass. @param roughness by which the vibration is greater than it should be */
  step(roughness = 1): void {
    const t = T0 + this.second * SECOND;
    const within = this.second % 1500;
    if (within === 0 || within === 1200) {
      this.engine.observe(observation('state', t, this.isRunning ? 'running' : 'idle'));
      this.#until = 0;
    }
    this.#program(within === 1200);
    this.#dynamics.advance((this.second + 1) * 1e6);
    for (const item of READ) this.engine.observe(observation(item, t, this.#dynamics.read(item) as number));
    this.engine.observe(observation('vibration', t, roughness * this.#vibration()));
    this.second++;
    this.engine.advance(T0 + this.second * SECOND);
  }

  #program(isEnd: boolean): void {
    const dynamics = this.#dynamics;
    if (isEnd) {
      dynamics.halt();
      dynamics.spindleTarget = 0;
    }
    if (!this.isRunning || this.second < this.#until) return;
    this.#block = (this.#block + 1) % 6;
    const speed = SPEEDS[this.#block];
    if (speed === undefined) {
      dynamics.halt();
      dynamics.spindleTarget = 0;
      this.#until = this.second + 6;
    } else if (this.#block % 2 === 0) {
      dynamics.spindleTarget = speed;
      dynamics.cutting = this.#random.between(0.3, 0.8);
      dynamics.feed = this.#random.pick([600, 900, 1200]);
      this.#until = this.second + this.#random.whole(20, 60);
    } else {
      dynamics.cutting = 0;
      dynamics.feed = 12_000;
      this.#until = this.second + 3;
    }
  }

  /** Root mean square of a time series. */
  #vibration(): number {
    const { series } = this.#dynamics.read('Svib') as { series: readonly number[] };
    return Math.hypot(...series) / Math.sqrt(series.length);
  }
}
