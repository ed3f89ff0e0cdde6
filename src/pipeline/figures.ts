import type { DriverState, GapCause, MachineEvent, Reading, Value } from '../observation.ts';
import { Lags } from './lags.ts';
import type { Transition } from './rules/rule.ts';

/** How a machine is read. */
export type LinkState = 'starting' | DriverState['state'];

/** What is counted of all machines together: it goes on where one of them is started anew. */
export class Totals {
  readonly lags = new Lags();
  /** Steps of alerts, by rule and state. */
  readonly alerts = new Map<string, { rule: string; severity: string; state: string; count: number }>();

  transition({ rule, severity, state }: Transition): void {
    const key = `${state} ${rule}`;
    this.alerts.set(key, { rule, severity, state, count: (this.alerts.get(key)?.count ?? 0) + 1 });
  }
}

/** What was counted of one machine since its pipeline was made, and what it told last. */
export class MachineFigures {
  observations = 0;
  readings = 0;
  link: LinkState = 'starting';
  /** When it came into this state, milliseconds since the epoch. */
  since: number;
  message: string | undefined;
  model: Readonly<Record<string, Value>> = {};
  /** When the last reading came, milliseconds since the epoch. */
  heardAt: number | undefined;
  /** Age of the newest observation of the last reading that had any, ms. */
  lag: number | undefined;
  readonly gaps = new Map<GapCause, { gaps: number; observations: number }>();
  readonly #totals: Totals;
  #lastGood: LinkState = 'polling';

  constructor(now: number, totals: Totals) {
    this.since = now;
    this.#totals = totals;
  }

  /** @param now wall clock */
  reading({ observations, cursor, events }: Reading, now: number): void {
    this.readings += 1;
    this.observations += observations.length;
    this.heardAt = now;
    const newest = observations.at(-1);
    if (newest !== undefined) {
      this.lag = now - newest.t;
      this.#totals.lags.add(this.lag);
    }
    const isData = cursor !== undefined || observations.length > 0;
    const tellsLink = events?.some(({ type }) => type === 'driver') ?? false;
    // A driver says in which way it reads when that changes, and goes on as before after a fault.
    if (isData && !tellsLink && (this.link === 'failed' || this.link === 'starting')) this.#enter(this.#lastGood, now);
  }

  event(event: MachineEvent): void {
    if (event.type === 'driver') this.#enter(event.state, event.t, event.message);
    if (event.type === 'machine') this.model = event.model;
    if (event.type !== 'gap') return;
    const sum = this.gaps.get(event.cause) ?? { gaps: 0, observations: 0 };
    this.gaps.set(event.cause, { gaps: sum.gaps + 1, observations: sum.observations + (event.count ?? 0) });
  }

  /** Observations in gaps, as far as they are counted. */
  get lost(): number {
    return [...this.gaps].reduce((sum, [cause, { observations }]) => (cause === 'split' ? sum : sum + observations), 0);
  }

  #enter(link: LinkState, now: number, message?: string): void {
    if (link === 'streaming' || link === 'polling') this.#lastGood = link;
    if (link !== this.link) this.since = now;
    this.link = link;
    this.message = message;
  }
}
