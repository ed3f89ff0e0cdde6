import type { ClockQuality } from '../clock.ts';
import type { Config } from '../config/schema.ts';
import type { Forwarder } from '../forwarder/forwarder.ts';
import type { HostFigures } from '../health/host.ts';
import type { Judgement } from '../health/judgement.ts';
import type { QuotaUse } from '../health/quota.ts';
import type { VitalSigns } from '../health/vital-signs.ts';
import { readHistory } from '../history/history.ts';
import type { Memories } from '../history/memories.ts';
import type { ApiHistory, ApiMachineDetail, ApiSignal, ApiState, ApiTimeline } from '../http/api.ts';
import type { GatewayCounters, GatewayView, HistoryRequest } from '../http/view.ts';
import type { LocalHistory } from '../outbox/local.ts';
import { LAG_BOUNDS } from '../pipeline/lags.ts';
import { alertView, machineCounters, machineDetail, machineView } from './machine-view.ts';
import type { Machines } from './machines.ts';

export interface ViewParts {
  readonly version: string;
  readonly config: () => Config;
  readonly clock: () => ClockQuality;
  readonly outbox: LocalHistory;
  readonly vitalSigns: VitalSigns;
  /** undefined: it is being replaced. */
  readonly forwarder: () => Forwarder | undefined;
  readonly machines: Machines;
  readonly memories: Memories;
  readonly health: () => Judgement;
  readonly restarts: () => GatewayCounters['watchdog'];
  readonly host: () => HostFigures | null;
  readonly quota: () => readonly QuotaUse[];
  readonly ready: () => boolean;
  /** `by` whom, over which way. */
  readonly acknowledge: (machine: string, rule: string, by: string) => boolean;
}

/** What those outside may see of the running gateway: the status page, `status`, metrics. */
export class View implements GatewayView {
  readonly #parts: ViewParts;

  constructor(parts: ViewParts) {
    this.#parts = parts;
  }

  get ready(): boolean {
    return this.#parts.ready();
  }

  get health(): Judgement {
    return this.#parts.health();
  }

  async state(): Promise<ApiState> {
    const { version, config, clock, vitalSigns, forwarder, machines, health, host, quota } = this.#parts;
    const { gateway, uplink: uplinkConfig } = config();
    const uplink = forwarder();
    const { stats, ...forecast } = await vitalSigns.forecast();
    const lanes = (await uplink?.lanes(stats)) ?? [];
    const running = machines.running();
    return {
      t: Date.now(),
      version,
      node: process.versions.node,
      tenant: gateway.tenant,
      gateway: gateway.id,
      site: gateway.site,
      uptime: Math.round(process.uptime() * 1000),
      clock: clock(),
      health: health(),
      uplink: uplink === undefined ? null : { url: uplinkConfig.url, ...uplink.status() },
      lanes,
      buffer: { ...stats, ...forecast },
      host: host(),
      quota: quota(),
      machines: running.map(machineView),
      alerts: running.flatMap(({ engines }) => engines.openAlerts().map(alertView)).sort((a, b) => b.since - a.since),
    };
  }

  machine(id: string): ApiMachineDetail | undefined {
    const machine = this.#parts.machines.find(id);
    return machine && machineDetail(machine);
  }

  signals(id: string): readonly ApiSignal[] | undefined {
    return this.#parts.machines.find(id)?.pipeline.latest().all();
  }

  history(request: HistoryRequest): Promise<ApiHistory> {
    return readHistory(this.#parts.outbox, request);
  }

  async timeline(machine: string, from: number, to: number): Promise<ApiTimeline> {
    return { from, to, segments: this.#parts.memories.timeline(machine, from, to) };
  }

  acknowledge(machine: string, rule: string, by: string): boolean {
    return this.#parts.acknowledge(machine, rule, by);
  }

  counters(): GatewayCounters {
    const { machines, restarts } = this.#parts;
    const { lags, alerts } = machines.totals;
    return {
      machines: machines.running().map(machineCounters),
      lag: { bounds: LAG_BOUNDS, counts: [...lags.counts], sum: lags.sum },
      alerts: [...alerts.values()],
      watchdog: restarts(),
    };
  }
}
