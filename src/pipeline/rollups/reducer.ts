import { matcher } from '../../expression/selector.ts';
import type { Observation, Value } from '../../observation.ts';
import { ChangeFilter, type ChangeSettings } from './change-filter.ts';

/** How the observations of some signals are sent: all of them, none but their rollups, the changes, nothing at all. */
export interface SendSettings extends ChangeSettings {
  /** Patterns. */
  readonly signals: readonly string[];
  readonly send: 'raw' | 'rollup' | 'change' | 'none';
}

type Choice = ChangeFilter | 'raw' | 'held back';

/** Holds back observations of one machine as the config wants it; the first entry that fits a signal counts. Pure. */
export class Reducer {
  readonly #entries: readonly { readonly fits: (signal: string) => boolean; readonly settings: SendSettings }[];
  readonly #choices = new Map<string, Choice>();

  constructor(entries: readonly SendSettings[]) {
    this.#entries = entries.map((settings) => ({ fits: matcher(settings.signals), settings }));
  }

  /** Adds to `out` what is to be sent by now, of this observation and of what waited for it. */
  observe(observation: Observation, out: Observation[]): void {
    const choice = this.#choiceOf(observation.signal);
    if (choice === 'raw') out.push(observation);
    else if (choice !== 'held back') choice.observe(observation, out);
  }

  /** Whether all observations of a signal are sent. */
  isRaw(signal: string): boolean {
    return this.#choiceOf(signal) === 'raw';
  }

  /** Whether rollups of a signal are sent. */
  sendsRollups(signal: string): boolean {
    return this.#entries.find(({ fits }) => fits(signal))?.settings.send !== 'none';
  }

  /** Hands on what waits, before an orderly end. */
  flush(out: Observation[]): void {
    for (const choice of this.#choices.values()) if (choice instanceof ChangeFilter) choice.flush(out);
  }

  /** What waits and what was kept last: without it a crash would lose what waits. */
  snapshot(): Value {
    const filters = [...this.#choices].filter(([, choice]) => choice instanceof ChangeFilter);
    return Object.fromEntries(filters.map(([signal, choice]) => [signal, (choice as ChangeFilter).snapshot()]));
  }

  restore(state: Value): void {
    for (const [signal, kept] of Object.entries((state ?? {}) as Record<string, Value>)) {
      const choice = this.#choiceOf(signal);
      if (choice instanceof ChangeFilter) choice.restore(kept);
    }
  }

  #choiceOf(signal: string): Choice {
    const known = this.#choices.get(signal);
    if (known !== undefined) return known;
    const settings = this.#entries.find(({ fits }) => fits(signal))?.settings;
    const choice =
      settings === undefined || settings.send === 'raw'
        ? 'raw'
        : settings.send === 'change'
          ? new ChangeFilter(settings)
          : 'held back';
    this.#choices.set(signal, choice);
    return choice;
  }
}
