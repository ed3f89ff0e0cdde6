import type { Value } from '../../observation.ts';

/** What one signal was during a sample: the mean of what came, else what came last. */
export class SignalSample {
  readonly name: string;
  /** Among those that make up the score of the machine; -1: not one of them. */
  readonly place: number;
  #t = Number.NEGATIVE_INFINITY;
  #sum = 0;
  #count = 0;
  /** NaN: none that can be used. */
  #last = Number.NaN;

  constructor(name: string, place: number) {
    this.name = name;
    this.place = place;
  }

  /** @param value NaN: none that can be used @param t of an older one than the last is left out */
  add(t: number, value: number): void {
    if (t < this.#t) return;
    this.#t = t;
    this.#last = value;
    if (Number.isNaN(value)) {
      this.drop();
      return;
    }
    this.#sum += value;
    this.#count++;
  }

  get isMissing(): boolean {
    return Number.isNaN(this.#last);
  }

  /** Ends the sample. NaN: missing. */
  take(): number {
    const [last, mean] = [this.#last, this.#sum / this.#count];
    const value = this.#count === 0 || Number.isNaN(last) ? last : Number.isFinite(mean) ? mean : last;
    this.drop();
    return value;
  }

  /** Ends the sample without it. */
  drop(): void {
    this.#sum = this.#count = 0;
  }

  snapshot(): Value {
    const [t, last] = [this.#t, this.#last].map((number) => (Number.isFinite(number) ? number : null));
    return [this.name, this.place, t ?? null, last ?? null, this.#sum, this.#count];
  }

  static restored(snapshot: Value): SignalSample {
    const [name, place, t, last, sum, count] = snapshot as Kept;
    const sample = new SignalSample(name, place);
    sample.#t = t ?? Number.NEGATIVE_INFINITY;
    sample.#last = last ?? Number.NaN;
    sample.#sum = sum;
    sample.#count = count;
    return sample;
  }
}

type Kept = readonly [string, number, number | null, number | null, number, number];
