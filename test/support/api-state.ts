import type { ApiMachine, ApiState } from '../../src/http/api.ts';

const NOTHING = { batches: 0, observations: 0, bytes: 0 };

export const MACHINE: ApiMachine = {
  id: 'vmc-3',
  driver: 'mtconnect',
  labels: {},
  link: 'streaming',
  since: 1_763_640_000_000,
  heardAt: 1_763_643_599_000,
  state: 'running',
  available: true,
  signals: 12,
  observations: 360_000,
  lost: 0,
  oee: [],
};

/** The state of a gateway that does well, changed at will. */
export function apiState(changes: Partial<ApiState> = {}): ApiState {
  return {
    t: 1_763_643_600_000,
    version: '1.2.3',
    node: 'v24.0.0',
    tenant: 'acme',
    gateway: 'gw-01',
    uptime: 3_600_000,
    clock: 'synced',
    health: { healthy: true, stages: [], processRestarts: 0 },
    uplink: {
      ...{ state: 'connected', since: 1_763_640_001_000, protocol: '5' },
      ...{ url: 'mqtt://broker', inFlight: 1, acknowledged: 3600 },
    },
    lanes: [
      { lane: 'alert', ...NOTHING, emptyIn: 0 },
      { lane: 'live', batches: 1, observations: 100, bytes: 400, emptyIn: null },
      { lane: 'backfill', ...NOTHING, emptyIn: 0 },
    ],
    buffer: {
      stream: 'b7k2m4q9',
      backlog: { alert: { ...NOTHING, oldest: null }, live: { ...NOTHING, oldest: null } },
      held: 0,
      delivered: { ...NOTHING, oldest: null },
      bytes: 4096,
      maxBytes: 2 ** 31,
      appended: NOTHING,
      shed: { thinned: 0, dropped: 0 },
      commits: 3600,
      machines: [],
      fullIn: null,
      writtenPerDay: null,
      written: null,
    },
    host: null,
    quota: [],
    machines: [MACHINE],
    alerts: [],
    ...changes,
  };
}
