import type { GatewayConfig } from '../config/schema.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Shares of a quota at which somebody is told. */
const TOLD_AT = [80, 100] as const;

/** What each quota counts, and how long until it counts anew; the machines of a config are there or not. */
const QUOTAS = {
  pointsPerHour: { what: 'observations', period: HOUR_MS, per: ' in this hour' },
  machines: { what: 'machines', period: Number.POSITIVE_INFINITY, per: '' },
  alertsPerDay: { what: 'alerts', period: DAY_MS, per: ' on this day (UTC)' },
} as const;
export type QuotaName = keyof typeof QUOTAS;
export const QUOTA_NAMES = Object.keys(QUOTAS) as QuotaName[];

/** How much of a quota is used. */
export interface QuotaUse {
  readonly quota: QuotaName;
  readonly used: number;
  readonly limit: number;
}

/** So much of a quota was reached, for the first time in its hour or day. */
export interface QuotaCrossing extends QuotaUse {
  /** Code of the notice that tells it. */
  readonly code: 'quota-80' | 'quota-100';
  /** For people. */
  readonly message: string;
}

/**
 * Whether people are told of an alert: `tell`; `last`, with the words that no more will be told on this day but what is critical; or
 * `silent`. The alert is stored and sent in any case.
 */
export type AlertTelling = 'tell' | 'last' | 'silent';

interface Count {
  /** Number of the hour or day since the epoch. */
  readonly period: number;
  readonly used: number;
  /** The share that was told. */
  readonly told: number;
  /** People were told that the rest of the day is silent. */
  readonly silent?: boolean | undefined;
}

/** What has to survive a restart. */
export type QuotaSnapshot = Readonly<Partial<Record<QuotaName, Count>>>;

export interface QuotaOptions {
  readonly limits: GatewayConfig['quota'];
  /** Called when 80 % or 100 % of a quota are reached, once an hour or day each. */
  readonly crossed: (crossing: QuotaCrossing) => void;
  /** As a process before has left it. */
  readonly snapshot?: QuotaSnapshot | undefined;
}

/**
 * Counts what a gateway uses, and says when that nears its limits. It only counts and tells: nothing is dropped for a
 * quota. Hours and days are those of the clock (UTC). Pure: times are handed in, milliseconds since the epoch; where the
 * clock is set back into an hour that is over, that hour counts anew.
 */
export class Quota {
  readonly #crossed: QuotaOptions['crossed'];
  readonly #counts = new Map<QuotaName, Count>();
  #limits: QuotaOptions['limits'];

  constructor({ limits, crossed, snapshot = {} }: QuotaOptions) {
    this.#limits = limits;
    this.#crossed = crossed;
    for (const name of QUOTA_NAMES) {
      const count = snapshot[name];
      if (count !== undefined) this.#counts.set(name, count);
    }
  }

  /** Other limits, of a config that was reloaded: counts go on, and a share that is reached by them is told. */
  setLimits(limits: QuotaOptions['limits'], now: number): void {
    this.#limits = limits;
    for (const name of QUOTA_NAMES) this.#set(name, this.#used(name, now), now);
  }

  /** So many observations were stored. */
  points(count: number, now: number): void {
    this.#set('pointsPerHour', this.#used('pointsPerHour', now) + count, now);
  }

  /** The config has so many machines. */
  machines(count: number, now: number): void {
    this.#set('machines', count, now);
  }

  /** There is an alert of which people would be told. */
  alert(severity: string, now: number): AlertTelling {
    const limit = this.#limits.alertsPerDay ?? Number.POSITIVE_INFINITY;
    const used = this.#used('alertsPerDay', now) + 1;
    this.#set('alertsPerDay', used, now);
    if (used <= limit || severity === 'critical') return 'tell';
    const count = this.#counts.get('alertsPerDay') as Count;
    this.#counts.set('alertsPerDay', { ...count, silent: true });
    return count.silent === true ? 'silent' : 'last';
  }

  /** Of those that are configured. */
  use(now: number): QuotaUse[] {
    return QUOTA_NAMES.flatMap((quota) => {
      const limit = this.#limits[quota];
      return limit === undefined ? [] : [{ quota, used: this.#used(quota, now), limit }];
    });
  }

  snapshot(): QuotaSnapshot {
    return Object.fromEntries(this.#counts);
  }

  #used(name: QuotaName, now: number): number {
    const count = this.#counts.get(name);
    return count?.period === periodOf(name, now) ? count.used : 0;
  }

  #set(name: QuotaName, used: number, now: number): void {
    const period = periodOf(name, now);
    const count = this.#counts.get(name);
    const before = count?.period === period ? count : undefined;
    const limit = this.#limits[name];
    const share = limit === undefined ? undefined : TOLD_AT.findLast((percent) => used * 100 >= limit * percent);
    this.#counts.set(name, { period, used, told: share ?? 0, silent: before?.silent });
    if (limit === undefined || share === undefined || share <= (before?.told ?? 0)) return;
    this.#crossed({ quota: name, used, limit, code: `quota-${share}`, message: messageOf(name, share, used, limit) });
  }
}

function periodOf(name: QuotaName, now: number): number {
  return Math.floor(now / QUOTAS[name].period);
}

function messageOf(name: QuotaName, share: number, used: number, limit: number): string {
  const { what, per } = QUOTAS[name];
  return `${share} % of the quota gateway.quota.${name} are used: ${used} of ${limit} ${what}${per}`;
}
