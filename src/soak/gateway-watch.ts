import type { Look } from '../control/looks.ts';
import { Fault } from '../errors.ts';
import type { ApiState } from '../http/api.ts';

/** Of two readings of an uptime: rounding, and a process that was slow to answer. */
const TOLERANCE_MS = 500;
const DAY_MS = 86_400_000;

/** A figure that was looked at again and again; null: never known. */
export interface Range {
  readonly start: number | null;
  readonly end: number | null;
  readonly max: number | null;
}

/** How the gateway was while it was watched. Milliseconds, bytes, degrees Celsius. */
export interface GatewayFigures {
  readonly version: string;
  /** Of the process, at the end. */
  readonly uptime: number;
  readonly restarts: number;
  /** By its watchdog: of stages, and of the process. */
  readonly watchdogRestarts: number;
  /** It did not run, or did not answer. */
  readonly down: number;
  readonly unhealthy: number;
  /** How often its uplink was lost while it ran, and for how long it was not connected in all. */
  readonly outages: number;
  readonly disconnected: number;
  readonly memory: Range;
  readonly temperature: Range;
  readonly throttled: boolean;
  readonly underVoltage: boolean;
  /** To its disk. null: the computer does not tell. */
  readonly written: number | null;
  readonly writtenPerDay: number | null;
  readonly openAlerts: number;
}

/** Keeps count of how a gateway is, look by look: each stands for the time since the one before. Pure. */
export class GatewayWatch {
  #state: ApiState | undefined;
  /** When `#state` was answered. */
  #stateAt = 0;
  #firstAt: number | undefined;
  #lastAt = 0;
  readonly #counts = { restarts: 0, watchdogRestarts: 0, down: 0, unhealthy: 0, outages: 0, disconnected: 0 };
  /** Restarts of each stage by this process. */
  readonly #stages = new Map<string, number>();
  readonly #memory = new Extent();
  readonly #temperature = new Extent();
  #throttled = false;
  #underVoltage = false;
  #written: number | null = null;

  add(look: Look): void {
    this.#firstAt ??= look.answeredAt;
    const passed = look.answeredAt - Math.max(this.#lastAt, this.#firstAt);
    this.#lastAt = look.answeredAt;
    if (look.look instanceof Fault) this.#counts.down += passed;
    else this.#addState(look.look, look, passed);
  }

  /** How it was when it answered last; undefined: it never did. */
  get state(): ApiState | undefined {
    return this.#state;
  }

  figures(): GatewayFigures {
    const watched = this.#lastAt - (this.#firstAt ?? 0);
    const written = this.#written;
    const { down, unhealthy, disconnected } = this.#counts;
    return {
      version: this.#state?.version ?? '',
      uptime: this.#state?.uptime ?? 0,
      ...this.#counts,
      down: Math.round(down),
      unhealthy: Math.round(unhealthy),
      disconnected: Math.round(disconnected),
      memory: this.#memory.range,
      temperature: this.#temperature.range,
      throttled: this.#throttled,
      underVoltage: this.#underVoltage,
      written,
      writtenPerDay: written === null || watched === 0 ? null : Math.round((written / watched) * DAY_MS),
      openAlerts: this.#state?.alerts.length ?? 0,
    };
  }

  #addState(state: ApiState, { askedAt, answeredAt }: Look, passed: number): void {
    const before = this.#state;
    const isNew = before !== undefined && state.uptime + TOLERANCE_MS < before.uptime + (askedAt - this.#stateAt);
    if (isNew) this.#counts.restarts += 1;
    if (!state.health.healthy) this.#counts.unhealthy += passed;
    this.#addUplink(state, isNew ? undefined : before, passed);
    this.#addRestarts(state, before, isNew);
    this.#addWritten(state, before, isNew);
    this.#addHost(state);
    this.#state = state;
    this.#stateAt = answeredAt;
  }

  /** A link that is younger than the one before was lost in between, however soon it came back. */
  #addUplink({ uplink }: ApiState, before: ApiState | undefined, passed: number): void {
    if (uplink?.state !== 'connected') this.#counts.disconnected += passed;
    if (before?.uplink?.state !== 'connected') return;
    if (uplink?.state !== 'connected' || uplink.since !== before.uplink.since) this.#counts.outages += 1;
  }

  #addRestarts({ health }: ApiState, before: ApiState | undefined, isNew: boolean): void {
    if (isNew) this.#stages.clear();
    for (const { stage, machine = '', restarts } of health.stages) {
      const name = `${stage}/${machine}`;
      // What was restarted before it was watched does not count.
      const known = this.#stages.get(name) ?? (before === undefined ? restarts : 0);
      this.#counts.watchdogRestarts += Math.max(0, restarts - known);
      this.#stages.set(name, restarts);
    }
    const known = before?.health.processRestarts ?? health.processRestarts;
    this.#counts.watchdogRestarts += Math.max(0, health.processRestarts - known);
  }

  #addWritten({ buffer }: ApiState, before: ApiState | undefined, isNew: boolean): void {
    if (before === undefined || buffer.written === null) return;
    const from = isNew ? 0 : (before.buffer.written ?? buffer.written);
    this.#written = (this.#written ?? 0) + buffer.written - from;
  }

  #addHost({ host }: ApiState): void {
    if (host === null) return;
    if (host.process.rss !== null) this.#memory.add(host.process.rss);
    this.#temperature.add(host.temperature);
    this.#throttled ||= host.throttled === true;
    this.#underVoltage ||= host.underVoltage === true;
  }
}

class Extent {
  #start: number | null = null;
  #end: number | null = null;
  #max: number | null = null;

  add(value: number | null): void {
    if (value === null) return;
    this.#start ??= value;
    this.#end = value;
    this.#max = Math.max(this.#max ?? value, value);
  }

  get range(): Range {
    return { start: this.#start, end: this.#end, max: this.#max };
  }
}
