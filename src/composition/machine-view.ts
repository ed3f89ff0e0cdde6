import type { MachineConfig } from '../config/schema.ts';
import type { Supervisor } from '../drivers/supervise.ts';
import type { ApiAlert, ApiMachine, ApiMachineDetail, ApiOee } from '../http/api.ts';
import type { MachineCounters } from '../http/view.ts';
import type { MachinePipeline } from '../pipeline/machine-pipeline.ts';
import type { MachineEngines } from '../pipeline/no-engines.ts';
import type { OeePeriod } from '../pipeline/oee/period.ts';
import type { OpenAlert } from '../pipeline/rules/rule.ts';

/** A machine that is being read. */
export interface RunningMachine {
  readonly config: MachineConfig;
  readonly pipeline: MachinePipeline;
  readonly engines: MachineEngines;
  readonly supervisor: Supervisor;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** How a machine is, for the status page. */
export function machineView({ config, pipeline, engines, supervisor }: RunningMachine): ApiMachine {
  const { figures } = pipeline;
  const latest = pipeline.latest();
  const [state, available] = [latest.get('state'), latest.get('available')];
  return {
    id: config.id,
    driver: config.driver,
    labels: config.labels,
    link: figures.link,
    since: figures.since,
    message: figures.message,
    heardAt: heardAt(figures.heardAt, supervisor),
    state: typeof state?.v === 'string' ? state.v : null,
    available: typeof available?.v === 'boolean' ? available.v : null,
    signals: latest.size,
    observations: figures.observations,
    lost: figures.lost,
    oee: engines.oeeNow().map(oeeView),
  };
}

/** An answer that brought nothing new is a sign of life as well. */
function heardAt(reading: number | undefined, { pulse }: Supervisor): number | null {
  const answer = pulse.heardAt === undefined ? undefined : Date.now() - (performance.now() - pulse.heardAt);
  return Math.round(Math.max(reading ?? 0, answer ?? 0)) || null;
}

export function machineDetail(machine: RunningMachine): ApiMachineDetail {
  const { pipeline, supervisor } = machine;
  return {
    ...machineView(machine),
    model: pipeline.figures.model,
    vitals: supervisor.vitals(),
    values: pipeline.latest().all(),
  };
}

export function machineCounters({ config, pipeline, supervisor }: RunningMachine): MachineCounters {
  const { observations, readings, gaps, lag } = pipeline.figures;
  return {
    machine: config.id,
    observations,
    readings,
    parseErrors: supervisor.pulse.unreadable,
    driverFailures: supervisor.pulse.failures,
    gaps: [...gaps].map(([cause, sum]) => ({ cause, ...sum })),
    lag: lag ?? null,
  };
}

export function alertView(alert: OpenAlert): ApiAlert {
  const { id, machine, rule, severity, state, acknowledged, since, summary, shadow } = alert;
  // A template is for the channels, which fill it in.
  const words = summary === undefined || /\{[{%]/.test(summary) ? {} : { summary };
  return { id, machine, rule, severity, state, acknowledged, since, shadow, ...words };
}

function oeeView({ kind, name, from, to, oee, availability, performance, quality, parts }: OeePeriod): ApiOee {
  return { kind, name, from, to, oee, availability, performance, quality, parts };
}
