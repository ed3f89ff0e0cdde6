import type { ApiState } from '../http/api.ts';
import { isRead } from '../observation.ts';
import type { HeartbeatFigures } from '../wire/contract.ts';

/** What a heartbeat tells of a gateway. `audit`: the hash of the newest line of its audit log. Pure. */
export function heartbeatOf(state: ApiState, audit?: string): HeartbeatFigures {
  const { uptime, clock, health, machines, lanes, buffer, alerts, quota, host } = state;
  return {
    uptime: Math.round(uptime),
    clock,
    health: {
      healthy: health.healthy,
      stalled: health.stages
        .filter((one) => one.state === 'stalled')
        .map(({ stage, machine, message }) => ({
          stage,
          ...(machine === undefined ? {} : { machine }),
          ...(message === undefined ? {} : { message }),
        })),
    },
    machines: {
      total: machines.length,
      up: machines.filter(({ link }) => isRead(link)).length,
    },
    lanes: Object.fromEntries(lanes.map(({ lane, ...waiting }) => [lane, waiting])),
    buffer: { bytes: buffer.bytes, maxBytes: buffer.maxBytes, fullIn: buffer.fullIn },
    alerts: alerts.length,
    ...(quota.length === 0
      ? {}
      : { quota: Object.fromEntries(quota.map(({ quota: name, used, limit }) => [name, { used, limit }])) }),
    ...(host === null ? {} : { host: { ...host, network: host.network.map((one) => ({ ...one })) } }),
    ...(audit === undefined ? {} : { audit }),
  };
}
