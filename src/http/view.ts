import type { Judgement } from '../health/judgement.ts';
import type { GapCause } from '../observation.ts';
import type { ApiHistory, ApiMachineDetail, ApiSignal, ApiState, ApiTimeline } from './api.ts';

/** A distribution, as Prometheus has it: `counts[i]` of values at most `bounds[i]`, not cumulated; the last is above all bounds. */
export interface Distribution {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Totals since the start of the process. */
export interface MachineCounters {
  readonly machine: string;
  readonly observations: number;
  readonly readings: number;
  /** Documents or answers of which nothing could be understood. */
  readonly parseErrors: number;
  /** How often its driver has failed and was started again. */
  readonly driverFailures: number;
  readonly gaps: readonly { readonly cause: GapCause; readonly gaps: number; readonly observations: number }[];
  /** Age of the newest observation of the last reading when it came, ms; null: none yet. */
  readonly lag: number | null;
}

export interface GatewayCounters {
  readonly machines: readonly MachineCounters[];
  /** Age of the newest observation of each reading when it came, ms. */
  readonly lag: Distribution;
  /** Steps of alerts by rule and state. */
  readonly alerts: readonly {
    readonly rule: string;
    readonly severity: string;
    readonly state: string;
    readonly count: number;
  }[];
  /** Restarts by the watchdog, by stage. */
  readonly watchdog: readonly { readonly stage: string; readonly restarts: number }[];
}

export interface HistoryRequest {
  readonly machine: string;
  readonly signals: readonly string[];
  readonly from: number;
  readonly to: number;
  readonly points: number;
}

/** What the HTTP server may ask of a running gateway, and have it do. All of it is safe to call at any time. */
export interface GatewayView {
  /** @throws Fault when the outbox cannot be read */
  state(): Promise<ApiState>;
  /** undefined: there is no such machine. */
  machine(id: string): ApiMachineDetail | undefined;
  /** Last values, by name; a signal keeps its object until it changes. undefined: there is no such machine. */
  signals(id: string): readonly ApiSignal[] | undefined;
  /** @throws Fault when the outbox cannot be read */
  history(request: HistoryRequest): Promise<ApiHistory>;
  timeline(machine: string, from: number, to: number): Promise<ApiTimeline>;
  /** Somebody (`by`) has seen the alert of a rule. Whether there was one. */
  acknowledge(machine: string, rule: string, by: string): boolean;
  counters(): GatewayCounters;
  /** Whether everything was started, so that requests can be answered in full. */
  readonly ready: boolean;
  /** What the watchdog says now; also while the outbox does not answer. */
  readonly health: Judgement;
}
