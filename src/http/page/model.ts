import type { ApiAlert, ApiState } from '../api.ts';
import type { Language, LanguageId } from './language.ts';
import type { MachineWatch } from './machine-watch.ts';
import type { Rates } from './rates.ts';
import type { Day } from './states.ts';

/** What the page shows: views make nodes of it, and nothing else. */
export interface Model {
  readonly language: Language;
  /** The last that the gateway has told; undefined: nothing yet. */
  readonly state: ApiState | undefined;
  /** Since when nothing comes, by the clock of this device; undefined: it does. */
  readonly lostSince: number | undefined;
  /** By the clock of the gateway, which goes on while nothing comes. */
  readonly now: number;
  readonly rates: Rates;
  readonly isSignInWanted: boolean;
  /** Why the last sign-in failed. */
  readonly signInFault: string | undefined;
  readonly canSignOut: boolean;
  /** What just happened, in words. */
  readonly notice: string | undefined;
  readonly machineFilter: string;
  readonly signalFilter: string;
  /** Rows that are shown at most, of the list at hand. */
  readonly rows: number;
  /** States of machines in the list, as far as they have been asked for. */
  readonly timelines: ReadonlyMap<string, Day>;
  /** The machine that is looked at. */
  readonly watch: MachineWatch | undefined;
  /** Its signal whose history is shown. */
  readonly signal: string | undefined;
  /** Elements that keep themselves up to date. */
  readonly chart: HTMLElement;
  readonly timeline: HTMLElement;
}

/** What its user may do. */
export interface Actions {
  readonly setLanguage: (id: LanguageId) => void;
  readonly signIn: (token: string) => void;
  readonly signOut: () => void;
  readonly acknowledge: (alert: ApiAlert) => void;
  readonly dismiss: () => void;
  readonly filterMachines: (filter: string) => void;
  readonly filterSignals: (filter: string) => void;
  readonly showMore: () => void;
}
