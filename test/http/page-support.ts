import type { ApiAlert, ApiMachine, ApiState } from '../../src/http/api.ts';

/** When the states below were so. */
export const NOW = Date.UTC(2026, 0, 15, 12);

/** A machine that is read and does what it should. */
export function machine(more: Partial<ApiMachine> = {}): ApiMachine {
  return {
    id: 'vmc-1',
    driver: 'mtconnect',
    labels: {},
    link: 'streaming',
    since: NOW - 3_600_000,
    heardAt: NOW - 500,
    state: 'running',
    available: true,
    signals: 12,
    observations: 1000,
    lost: 0,
    oee: [],
    ...more,
  };
}

export function alert(more: Partial<ApiAlert> = {}): ApiAlert {
  return {
    id: 'hot:vmc-1:1',
    machine: 'vmc-1',
    rule: 'hot',
    severity: 'warning',
    state: 'firing',
    acknowledged: false,
    since: NOW - 60_000,
    shadow: false,
    ...more,
  };
}

/** A gateway of one machine where everything flows. */
export function state(more: Partial<ApiState> = {}): ApiState {
  const nothing = { batches: 0, observations: 0, bytes: 0, oldest: null };
  return {
    t: NOW,
    version: '0.1.0',
    node: '24.0.0',
    tenant: 'acme',
    gateway: 'gw-1',
    uptime: 3_600_000,
    clock: 'synced',
    health: { healthy: true, stages: [], processRestarts: 0 },
    uplink: { state: 'connected', since: NOW - 60_000, url: 'mqtt://broker', inFlight: 0, acknowledged: 100 },
    lanes: (['alert', 'live', 'backfill'] as const).map((lane) => ({ ...nothing, lane, emptyIn: 0 })),
    buffer: {
      stream: 's',
      backlog: { alert: nothing, live: nothing },
      held: 0,
      delivered: nothing,
      bytes: 1000,
      maxBytes: 1_000_000,
      appended: nothing,
      shed: { thinned: 0, dropped: 0 },
      commits: 1,
      machines: [],
      fullIn: null,
      writtenPerDay: null,
      written: null,
    },
    host: null,
    quota: [],
    machines: [machine()],
    alerts: [],
    ...more,
  };
}
