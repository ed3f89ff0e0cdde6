import type { GatewayCounters, MachineCounters } from '../view.ts';
import { each, type Figure, type Metric, seconds } from './metric.ts';

const machine = (type: 'counter' | 'gauge', name: string, help: string, figure: (machine: MachineCounters) => Figure) =>
  each(type, name, help, ({ machines }: GatewayCounters) => machines, { machine: (item) => item.machine }, figure);

const gaps = (name: string, help: string, figure: (gap: MachineCounters['gaps'][number]) => Figure) =>
  each(
    'counter',
    name,
    help,
    ({ machines }: GatewayCounters) =>
      machines.flatMap((item) => item.gaps.map((gap) => ({ machine: item.machine, gap }))),
    { machine: (item) => item.machine, cause: ({ gap }) => gap.cause },
    ({ gap }) => figure(gap),
  );

/** Metrics that are read off the gateway's totals. */
export const COUNTER_METRICS: readonly Metric<GatewayCounters>[] = [
  machine('counter', 'ingest_messages_total', 'Observations read', ({ observations }) => observations),
  machine('counter', 'edge_gateway_readings_total', 'Answers and messages of machines', ({ readings }) => readings),
  machine(
    'counter',
    'parse_error_total',
    'Answers of machines of which nothing could be understood',
    ({ parseErrors }) => parseErrors,
  ),
  machine(
    'counter',
    'edge_gateway_driver_failures_total',
    'How often reading a machine has failed and was begun again',
    ({ driverFailures }) => driverFailures,
  ),
  machine(
    'gauge',
    'edge_gateway_machine_lag_seconds',
    'Age of the newest observation of the last reading when it came; absent until there is one',
    ({ lag }) => seconds(lag),
  ),
  gaps('edge_gateway_gaps_total', 'Known losses, by cause', (gap) => gap.gaps),
  gaps(
    'edge_gateway_lost_observations_total',
    'Observations in known losses, as far as they are counted',
    ({ observations }) => observations,
  ),
  each(
    'counter',
    'edge_gateway_alert_steps_total',
    'Steps in the life of alerts, by the state they led to',
    ({ alerts }: GatewayCounters) => alerts,
    { rule: ({ rule }) => rule, severity: ({ severity }) => severity, state: ({ state }) => state },
    ({ count }) => count,
  ),
  each(
    'counter',
    'edge_gateway_watchdog_restarts_total',
    'Restarts of stalled parts by the watchdog',
    ({ watchdog }: GatewayCounters) => watchdog,
    { stage: ({ stage }) => stage },
    ({ restarts }) => restarts,
  ),
];

/** The one distribution there is. */
export const LAG = {
  name: 'ingest_lag_ms',
  help: 'Age of the newest observation of each reading when it came, milliseconds',
};
