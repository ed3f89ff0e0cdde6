import type { ClockQuality } from '../clock.ts';
import type { LaneStatus } from '../forwarder/forwarder.ts';
import type { UplinkStatus } from '../forwarder/uplink.ts';
import type { HostFigures } from '../health/host.ts';
import type { Judgement } from '../health/judgement.ts';
import type { QuotaUse } from '../health/quota.ts';
import type { BufferForecast } from '../health/vital-signs.ts';
import type { Quality, Value } from '../observation.ts';
import type { OutboxStats } from '../outbox/outbox.ts';

/**
 * What the status page asks. Types only: the page is compiled against them too. Times are milliseconds, since the epoch
 * where they are points in time. Every path but `/healthz`, `/readyz` and those of the page itself wants the token where
 * one is configured: `Authorization: Bearer …`, or the cookie that `POST /api/session {"token"}` sets (204, or 401).
 * Faults are `{"error": "what is wrong, and what to do"}` with status 400, 401, 403, 404, 413, 429 or 503.
 *
 * | path | answer |
 * |---|---|
 * | `GET /api/state` | `ApiState` |
 * | `GET /api/live?machine=ID` | server-sent events: `state` (`ApiState`) once a second; `signals` (`ApiSignal[]`) of the machine: all of them first, then those that changed, once a second |
 * | `GET /api/machines/ID` | `ApiMachineDetail` |
 * | `GET /api/machines/ID/history?signal=NAME&from=MS&to=MS&points=N` | `ApiHistory`; `signal` up to 20 times |
 * | `GET /api/machines/ID/timeline?from=MS&to=MS` | `ApiTimeline` |
 * | `POST /api/acknowledge {"machine","rule","by"}` | 204, or 404 where there is no open alert |
 * | `POST /api/session {"token"}`, `DELETE /api/session` | 204 |
 */

/** How the gateway is; the control command `status` answers the same. */
export interface ApiState {
  /** When this was so. */
  readonly t: number;
  readonly version: string;
  readonly node: string;
  readonly tenant: string;
  readonly gateway: string;
  readonly site?: string | undefined;
  /** Since the process was started. */
  readonly uptime: number;
  /** Whether the gateway knows the time. */
  readonly clock: ClockQuality;
  readonly health: Judgement;
  /** null: it is being replaced. */
  readonly uplink:
    | (UplinkStatus & { readonly url: string; readonly inFlight: number; readonly acknowledged: number })
    | null;
  readonly lanes: readonly LaneStatus[];
  readonly buffer: OutboxStats & BufferForecast;
  /** null: not known yet. */
  readonly host: HostFigures | null;
  /** Those that are configured. */
  readonly quota: readonly QuotaUse[];
  readonly machines: readonly ApiMachine[];
  /** Those that are open, the newest first. */
  readonly alerts: readonly ApiAlert[];
}

export interface ApiMachine {
  readonly id: string;
  readonly driver: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How it is read. */
  readonly link: 'starting' | 'streaming' | 'polling' | 'failed' | 'stopped';
  /** Since when, by the gateway's clock. */
  readonly since: number;
  /** Why it is not read, and what to do. */
  readonly message?: string | undefined;
  /** When it last gave any sign of life; null: not since the start. */
  readonly heardAt: number | null;
  /** The canonical signal `state`; null: unknown. */
  readonly state: string | null;
  readonly available: boolean | null;
  /** Number of signals that it has given since the start. */
  readonly signals: number;
  /** Observations since the start. */
  readonly observations: number;
  /** Observations in gaps since the start, as far as they are counted. */
  readonly lost: number;
  readonly oee: readonly ApiOee[];
}

/** A period under way, as it stands; figures are shares of 1, null where unknown. */
export interface ApiOee {
  readonly kind: 'hour' | 'shift' | 'day';
  readonly name?: string | undefined;
  readonly from: number;
  readonly to: number;
  readonly oee: number | null;
  readonly availability: number | null;
  readonly performance: number | null;
  readonly quality: number | null;
  readonly parts: number | null;
}

export interface ApiAlert {
  readonly id: string;
  readonly machine: string;
  readonly rule: string;
  readonly severity: string;
  readonly state: 'firing' | 'latched';
  readonly acknowledged: boolean;
  readonly since: number;
  readonly summary?: string | undefined;
  readonly shadow: boolean;
}

/** The last value of a signal. */
export interface ApiSignal {
  readonly name: string;
  readonly unit?: string | undefined;
  readonly t: number;
  readonly v: Value;
  readonly q: Quality;
}

export interface ApiMachineDetail extends ApiMachine {
  /** What the machine says it is. */
  readonly model: Readonly<Record<string, Value>>;
  readonly vitals: readonly {
    readonly name: string;
    readonly level: 'good' | 'warn' | 'bad';
    readonly text: string;
    readonly hint?: string | undefined;
  }[];
  readonly values: readonly ApiSignal[];
}

/** Series of a machine, thinned to about as many points as asked for. */
export interface ApiHistory {
  readonly from: number;
  readonly to: number;
  /** `sampled`: of some batches only, evenly spread; `raw`: everything there is. */
  readonly source: 'raw' | 'sampled';
  readonly signals: Readonly<Record<string, ApiSeries>>;
}

/** Columns that belong together; null where there is no number. Text and booleans have `last` only. */
export interface ApiSeries {
  readonly unit?: string | undefined;
  readonly t: readonly number[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  readonly mean: readonly (number | null)[];
  readonly last: readonly Value[];
}

export interface ApiTimeline {
  readonly from: number;
  readonly to: number;
  /** In order of time; what lies between two is unknown. `state` is null where the machine said that it does not know. */
  readonly segments: readonly { readonly from: number; readonly to: number; readonly state: string | null }[];
}
