import type { Value } from '../../observation.ts';
import { MachineModel } from './machine-model.ts';
import type { SignalSample } from './sample.ts';
import { SignalModel } from './signal-model.ts';
import { type Tuning, UNUSUAL } from './tuning.ts';

/** All that is usual in one operating state of a machine. */
export class StateModel {
  readonly machine: MachineModel;
  readonly #tuning: Tuning;
  readonly #signals: SignalModel[] = [];

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
    this.machine = new MachineModel(tuning);
  }

  /** Takes what the signals are at the end of a sample. @param together how many of them make up the machine’s score */
  step(samples: readonly SignalSample[], together: number): void {
    const { deviations } = this.machine;
    // A fault that only all signals together show must not be learnt by each of them.
    const isUnusual = this.machine.score >= UNUSUAL;
    for (let i = 0; i < samples.length; i++) {
      const sample = samples[i] as SignalSample;
      const model = this.#modelOf(i);
      const value = sample.take();
      const deviation = Number.isNaN(value) ? Number.NaN : model.step(value, isUnusual && sample.place >= 0);
      if (Number.isNaN(value)) model.score = Number.NaN;
      if (sample.place >= 0) deviations[sample.place] = deviation;
    }
    this.machine.step(together);
  }

  /** NaN where it is not known. */
  scoreOf(signal: number): number {
    return this.#signals[signal]?.score ?? Number.NaN;
  }

  enter(): void {
    for (const model of this.#signals) model.enter();
    this.machine.enter();
  }

  snapshot(together: number): Value {
    return { signals: this.#signals.map((model) => model.snapshot()), machine: this.machine.snapshot(together) };
  }

  restore(snapshot: Value): void {
    const { signals, machine } = snapshot as { signals: readonly Value[]; machine: Value };
    signals.forEach((kept, i) => {
      this.#modelOf(i).restore(kept);
    });
    this.machine.restore(machine);
  }

  #modelOf(signal: number): SignalModel {
    const known = this.#signals[signal];
    if (known !== undefined) return known;
    const model = new SignalModel(this.#tuning);
    this.#signals[signal] = model;
    return model;
  }
}
