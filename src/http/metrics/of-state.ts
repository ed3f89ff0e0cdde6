import { isRead } from '../../observation.ts';
import type { ApiMachine, ApiState } from '../api.ts';
import { each, type Figure, type Metric, seconds, single } from './metric.ts';

const gauge = (name: string, help: string, figure: (state: ApiState) => Figure) => single('gauge', name, help, figure);
const counter = (name: string, help: string, figure: (state: ApiState) => Figure) =>
  single('counter', name, help, figure);

const lane = (name: string, help: string, figure: (lane: ApiState['lanes'][number]) => Figure) =>
  each('gauge', name, help, (state: ApiState) => state.lanes, { lane: (item) => item.lane }, figure);

const machine = (name: string, help: string, figure: (machine: ApiMachine, now: number) => Figure) =>
  each(
    'gauge',
    name,
    help,
    ({ machines, t }: ApiState) => machines.map((item) => ({ item, t })),
    { machine: ({ item }) => item.id },
    ({ item, t }) => figure(item, t),
  );

const network = (name: string, help: string, figure: (at: { rxBytes: number; txBytes: number }) => Figure) =>
  each('counter', name, help, ({ host }: ApiState) => host?.network ?? [], { interface: (item) => item.name }, figure);

/** Metrics that are read off the gateway's state. */
export const STATE_METRICS: readonly Metric<ApiState>[] = [
  {
    name: 'edge_gateway_info',
    type: 'gauge',
    help: 'Always 1; the labels tell what runs',
    labels: ['version', 'node', 'site'],
    read: ({ version, node, site }) => [[[version, node, site ?? ''], 1]],
  },
  gauge('edge_gateway_healthy', 'Whether everything that should progress does', ({ health }) => health.healthy),
  each(
    'gauge',
    'edge_gateway_stage_stalled',
    'Whether a stage does not progress; of drivers only those that do not are told of',
    ({ health }: ApiState) => health.stages,
    { stage: ({ stage }) => stage, machine: (stage) => stage.machine ?? '' },
    ({ state }) => state === 'stalled',
  ),
  gauge(
    'edge_gateway_watchdog_process_restarts',
    'Restarts of the process by the watchdog that the data folder remembers',
    ({ health }) => health.processRestarts,
  ),
  gauge('edge_gateway_clock_synced', 'Whether the gateway knows the time', ({ clock }) => clock === 'synced'),

  gauge(
    'edge_gateway_uplink_connected',
    'Whether the uplink is connected',
    ({ uplink }) => uplink?.state === 'connected',
  ),
  counter(
    'edge_gateway_uplink_acknowledged_batches_total',
    'Batches that the broker has acknowledged',
    ({ uplink }) => uplink?.acknowledged,
  ),
  gauge(
    'edge_gateway_uplink_in_flight_batches',
    'Batches sent and not yet acknowledged',
    ({ uplink }) => uplink?.inFlight,
  ),

  lane('backlog_size', 'Observations that wait to be sent and acknowledged', ({ observations }) => observations),
  lane('edge_gateway_backlog_batches', 'Batches that wait to be sent and acknowledged', ({ batches }) => batches),
  lane('edge_gateway_backlog_bytes', 'Bytes that wait to be sent and acknowledged', ({ bytes }) => bytes),
  lane(
    'edge_gateway_backlog_empty_in_seconds',
    'When nothing will wait any more at the present rate; absent while it does not get less',
    ({ emptyIn }) => seconds(emptyIn),
  ),
  gauge('edge_gateway_backlog_oldest_age_seconds', 'How long the oldest batch has waited', oldestAge),
  gauge(
    'edge_gateway_held_batches',
    'Batches that the broker has refused, set aside to be tried again',
    ({ buffer }) => buffer.held,
  ),

  gauge('edge_gateway_buffer_bytes', 'Bytes in use in the buffer', ({ buffer }) => buffer.bytes),
  gauge('edge_gateway_buffer_max_bytes', 'Bytes that the buffer may use', ({ buffer }) => buffer.maxBytes),
  gauge(
    'edge_gateway_buffer_undelivered_bytes',
    'Bytes in use in the buffer without delivered history, which makes room when needed',
    ({ buffer }) => buffer.bytes - buffer.delivered.bytes,
  ),
  gauge(
    'edge_gateway_buffer_full_in_seconds',
    'When the buffer would be full if nothing were delivered from now on; absent while not known',
    ({ buffer }) => seconds(buffer.fullIn),
  ),
  counter(
    'edge_gateway_buffer_observations_total',
    'Observations stored in the buffer',
    ({ buffer }) => buffer.appended.observations,
  ),
  each(
    'counter',
    'edge_gateway_buffer_shed_observations_total',
    'Observations given up for want of room, by how: thinned to rollups, or dropped',
    ({ buffer }: ApiState) => ['thinned', 'dropped'].map((how) => ({ how, shed: buffer.shed })),
    { how: ({ how }) => how },
    ({ how, shed }) => (how === 'thinned' ? shed.thinned : shed.dropped),
  ),
  counter('edge_gateway_buffer_commits_total', 'Transactions that wrote', ({ buffer }) => buffer.commits),
  counter('edge_gateway_disk_written_bytes_total', 'Bytes written to disks', ({ buffer }) => buffer.written),

  machine('edge_gateway_machine_up', 'Whether a machine is read', ({ link }) => isRead(link)),
  machine(
    'edge_gateway_machine_data_age_seconds',
    'How long ago a machine gave a sign of life; absent until it has given one',
    ({ heardAt }, now) => (heardAt === null ? null : Math.max(0, now - heardAt) / 1000),
  ),
  machine('edge_gateway_machine_signals', 'Signals that a machine has given', ({ signals }) => signals),
  each(
    'gauge',
    'edge_gateway_alerts_open',
    'Alerts that fire or are latched, without those of shadow rules',
    openAlerts,
    { severity: ({ severity }) => severity, acknowledged: ({ acknowledged }) => acknowledged },
    ({ count }) => count,
  ),
  each(
    'gauge',
    'quota_usage_percent',
    'How much of a quota is used',
    ({ quota }: ApiState) => quota,
    { quota: ({ quota }) => quota },
    ({ used, limit }) => (limit === 0 ? null : (used / limit) * 100),
  ),

  gauge('edge_gateway_host_temperature_celsius', 'Temperature of the processor', ({ host }) => host?.temperature),
  gauge('edge_gateway_host_throttled', 'Whether the processor is slowed down now', ({ host }) => host?.throttled),
  gauge(
    'edge_gateway_host_under_voltage',
    'Whether the power supply is too weak now',
    ({ host }) => host?.underVoltage,
  ),
  gauge('edge_gateway_host_load', 'Tasks that want to run, averaged over a minute', ({ host }) => host?.load),
  gauge('edge_gateway_host_memory_bytes', 'Memory that the computer has', ({ host }) => host?.memory?.total),
  gauge(
    'edge_gateway_host_memory_available_bytes',
    'Memory that programs can have',
    ({ host }) => host?.memory?.available,
  ),
  gauge('edge_gateway_host_disk_bytes', 'Size of the disk with the data folder', ({ host }) => host?.disk?.total),
  gauge('edge_gateway_host_disk_free_bytes', 'Free on that disk', ({ host }) => host?.disk?.free),
  network(
    'edge_gateway_host_network_received_bytes_total',
    'Bytes received, by network interface',
    ({ rxBytes }) => rxBytes,
  ),
  network('edge_gateway_host_network_sent_bytes_total', 'Bytes sent, by network interface', ({ txBytes }) => txBytes),
];

function oldestAge({ buffer, t }: ApiState): number {
  const stored = Object.values(buffer.backlog).flatMap(({ oldest }) => oldest ?? []);
  return Math.max(0, ...stored.map((oldest) => t - oldest)) / 1000;
}

function openAlerts({ alerts }: ApiState): { severity: string; acknowledged: string; count: number }[] {
  const told = alerts.filter(({ shadow }) => !shadow);
  const groups = Map.groupBy(told, ({ severity, acknowledged }) => `${acknowledged} ${severity}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return { severity: first.severity, acknowledged: String(first.acknowledged), count: group.length };
  });
}
