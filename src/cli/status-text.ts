import { printable } from '../commission/printable.ts';
import type { HostFigures } from '../health/host.ts';
import type { ApiAlert, ApiMachine, ApiState } from '../http/api.ts';
import { isRead } from '../observation.ts';
import { bytes, span, table, time } from './figures.ts';

/** Interfaces that are told; a computer with containers has many. */
const MAX_INTERFACES = 4;

/** How a gateway is, for people: what is wrong first. Pure. */
export function statusText(state: ApiState): string {
  const { version, tenant, gateway, uptime, machines, clock, uplink } = state;
  const since = uplink === null ? '' : ` since ${time(uplink.since)}`;
  const why = uplink?.error === undefined ? '' : `: ${uplink.error}`;
  return [
    `${tenant}/${gateway}: edge-gateway ${version}, up ${span(uptime)}, ${machines.length} machines\n`,
    `uplink: ${uplink === null ? 'is being replaced' : uplink.state}${since}${why}\n`,
    ...(clock === 'synced' ? [] : ['clock: not synchronised; times are corrected once it is\n']),
    healthText(state),
    ...(state.host === null ? [] : [hostText(state.host)]),
    ...state.quota.map(({ quota, used, limit }) => {
      return `quota: ${used} of ${limit} ${quota} (${Math.floor((used * 100) / limit)} %)\n`;
    }),
    bufferText(state),
    '\n',
    machinesText(machines, state.t),
    ...(state.alerts.length === 0 ? [] : ['\n', alertsText(state.alerts, state.t)]),
  ].join('');
}

/** What does not progress, or that everything does. Pure. */
function healthText({ health }: ApiState): string {
  const told = health.stages.filter((stage) => stage.state === 'stalled' || stage.state === 'recovering');
  const restarts =
    health.processRestarts === 0 ? '' : `; the watchdog has restarted the process ${health.processRestarts} times`;
  if (told.length === 0) return `health: ${health.healthy ? 'everything progresses' : 'not healthy'}${restarts}\n`;
  const lines = told.map(({ stage, machine, state, stalledFor, message, restarts: count }) => {
    const what = machine === undefined ? stage : `${stage} of ${machine}`;
    const why = message === undefined ? '' : `: ${printable(message)}`;
    return `health: ${what} ${state} for ${span(stalledFor)}, restarted ${count} times${why}\n`;
  });
  return `${lines.join('')}${restarts === '' ? '' : `health${restarts.replace(';', ':')}\n`}`;
}

function hostText({ temperature, load, cores, memory, process: own, disk, network, ...power }: HostFigures): string {
  const { throttled, throttledSinceBoot, underVoltage, underVoltageSinceBoot } = power;
  const known = [
    temperature === null ? undefined : `${temperature.toFixed(1)} °C`,
    powerText('slowed down', throttled, throttledSinceBoot),
    powerText('under-voltage', underVoltage, underVoltageSinceBoot),
    load === null ? undefined : `load ${load.toFixed(2)} on ${cores} cores`,
    memory === null ? undefined : `memory ${bytes(memory.available)} of ${bytes(memory.total)} free`,
    `this process ${own.rss === null ? '?' : bytes(own.rss)}${own.cpu === null ? '' : `, ${(own.cpu * 100).toFixed(1)} % of a core`}`,
    disk === null ? undefined : `disk ${bytes(disk.free)} of ${bytes(disk.total)} free`,
  ];
  const links = network.slice(0, MAX_INTERFACES).map(({ name, up, rxBytes, txBytes }) => {
    const state = up === null ? '' : up ? ' up' : ' down';
    return `${name}${state} ↓${bytes(rxBytes)} ↑${bytes(txBytes)}`;
  });
  const line = links.length === 0 ? '' : `network: ${links.join(', ')}\n`;
  return `host: ${known.filter((text) => text !== undefined).join(', ')}\n${line}`;
}

function powerText(what: string, now: boolean | null, sinceBoot: boolean | null): string | undefined {
  if (now === true) return `${what.toUpperCase()} NOW`;
  return sinceBoot === true ? `${what} since boot` : undefined;
}

/** What waits, what room there is, and what the disk has to bear. Pure. */
export function bufferText({ lanes, buffer }: Pick<ApiState, 'lanes' | 'buffer'>): string {
  const { fullIn, written, writtenPerDay, commits, shed } = buffer;
  const full = fullIn === null ? '' : `; full in ${span(fullIn)} if nothing were delivered`;
  const perDay = writtenPerDay === null ? '' : `, ${bytes(Math.round(writtenPerDay))} a day`;
  const wear = written === null ? '' : `; ${bytes(written)} written since the start${perDay}`;
  return [
    `buffer: ${bytes(buffer.bytes)} of ${bytes(buffer.maxBytes)} in use${full}\n`,
    ...(shed.thinned + shed.dropped === 0
      ? []
      : [`given up for want of room since the start: ${shed.thinned} observations thinned, ${shed.dropped} dropped\n`]),
    `disk: ${commits} commits${wear}\n\n`,
    table(
      [
        ['lane', 'batches', 'observations', 'bytes', 'empty in'],
        ...lanes.map(({ lane, batches, observations, bytes: size, emptyIn }) => [
          lane,
          `${batches}`,
          `${observations}`,
          bytes(size),
          emptyIn === null ? '?' : emptyIn === 0 ? '-' : span(emptyIn),
        ]),
      ],
      [1, 2, 3, 4],
    ),
  ].join('');
}

/** Those that are not read come first. */
function machinesText(machines: readonly ApiMachine[], now: number): string {
  const rows = machines
    .toSorted((a, b) => Number(isRead(a.link)) - Number(isRead(b.link)))
    .map(({ id, driver, link, state, heardAt, observations, lost, message }) => [
      id,
      driver,
      link,
      state ?? '-',
      heardAt === null ? '-' : span(Math.max(0, now - heardAt)),
      `${observations}`,
      `${lost}`,
      message === undefined ? '' : printable(message),
    ]);
  return table([['machine', 'driver', 'link', 'state', 'data age', 'observations', 'lost', ''], ...rows], [4, 5, 6]);
}

function alertsText(alerts: readonly ApiAlert[], now: number): string {
  const rows = alerts.map(({ severity, machine, rule, state, acknowledged, shadow, since, summary }) => [
    severity,
    machine,
    rule,
    `${state}${acknowledged ? ', acknowledged' : ''}${shadow ? ', on trial' : ''}`,
    span(Math.max(0, now - since)),
    printable(summary ?? ''),
  ]);
  return table([['alert', 'machine', 'rule', 'state', 'for', ''], ...rows], [4]);
}
