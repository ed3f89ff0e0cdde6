import type { Clock } from '../clock.ts';
import type { GatewayConfig } from '../config/schema.ts';
import { Quota, type QuotaCrossing, type QuotaUse } from '../health/quota.ts';
import { QuotaFile } from '../health/quota-file.ts';
import type { Log } from '../log.ts';
import type { Transition } from '../pipeline/rules/rule.ts';

/** How often the counts are written: what a kill costs. */
const SAVE_MS = 5 * 60_000;
/** Alerts that nobody was told of, and whose end nobody is told of either. */
const MAX_SILENCED = 10_000;
const LAST_WORDS = 'The quota of alerts for this day (UTC) is used up: until tomorrow only critical ones are told';

export interface QuotasOptions {
  readonly dataDir: string;
  readonly limits: GatewayConfig['quota'];
  readonly clock: Clock;
  readonly log: Log;
  readonly crossed: (crossing: QuotaCrossing) => void;
}

/** The quotas of a running gateway: counted, kept, and asked before people are told of an alert. */
export class Quotas {
  readonly #quota: Quota;
  readonly #file: QuotaFile;
  readonly #clock: Clock;
  readonly #silenced = new Set<string>();
  readonly #timer: NodeJS.Timeout;

  private constructor(quota: Quota, file: QuotaFile, clock: Clock) {
    this.#quota = quota;
    this.#file = file;
    this.#clock = clock;
    this.#timer = setInterval(() => void this.#save(), SAVE_MS).unref();
  }

  static async open({ dataDir, limits, clock, log, crossed }: QuotasOptions): Promise<Quotas> {
    const file = new QuotaFile(dataDir, log);
    const told = (crossing: QuotaCrossing) => {
      log.warn({ quota: crossing.quota }, crossing.message);
      crossed(crossing);
    };
    return new Quotas(new Quota({ limits, crossed: told, snapshot: await file.read() }), file, clock);
  }

  setLimits(limits: GatewayConfig['quota'], machines: number): void {
    this.#quota.setLimits(limits, this.#clock.now());
    this.#quota.machines(machines, this.#clock.now());
  }

  /** So many observations were handed over to be stored. */
  readonly points = (count: number): void => this.#quota.points(count, this.#clock.now());

  /** What people are told of a step of an alert, if anything: perhaps with a remark. */
  readonly toTell = (transition: Transition): Transition | undefined => {
    const { id, state, severity, repeat, summary } = transition;
    if (state !== 'firing') return this.#silenced.delete(id) && state === 'resolved' ? undefined : transition;
    if (repeat !== undefined) return this.#silenced.has(id) ? undefined : transition;
    const telling = this.#quota.alert(severity, this.#clock.now());
    if (telling === 'tell') return transition;
    if (telling === 'last') return { ...transition, summary: `${summary ?? transition.rule}. ${LAST_WORDS}` };
    if (this.#silenced.size < MAX_SILENCED) this.#silenced.add(id);
    return undefined;
  };

  use(): readonly QuotaUse[] {
    return this.#quota.use(this.#clock.now());
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#save();
  }

  #save(): Promise<void> {
    return this.#file.write(this.#quota.snapshot());
  }
}
