import t from 'tap';
import { heartbeatOf } from '../../src/composition/heartbeat.ts';
import { HostWatch } from '../../src/health/host.ts';
import { parseStatus } from '../../src/wire/codec.ts';
import { apiState, MACHINE } from '../support/api-state.ts';

const identity = { v: 1, tenant: 'acme', gateway: 'gw-01', status: 'online', reason: 'heartbeat' };
const parsed = (figures: object) =>
  parseStatus('plc/acme/gw-01/status', Buffer.from(JSON.stringify({ ...identity, ...figures })));

t.test('a heartbeat tells the figures as the contract has them', async (t) => {
  const host = await new HostWatch({ dataDir: '.', clock: { now: () => 5 } }).take();
  const state = apiState({
    host,
    uptime: 12.7,
    machines: [MACHINE, { ...MACHINE, id: 'saw', link: 'failed' }, { ...MACHINE, id: 'meter', link: 'polling' }],
    quota: [{ quota: 'pointsPerHour', used: 90, limit: 100 }],
    health: {
      ...{ healthy: false, processRestarts: 0 },
      stages: [
        { stage: 'outbox', state: 'progress', stalledFor: 0, restarts: 0 },
        { stage: 'driver', machine: 'saw', state: 'stalled', stalledFor: 99, message: 'says nothing', restarts: 2 },
      ],
    },
  });
  const told = parsed(heartbeatOf(state, 'abc'));
  t.match(told, {
    status: {
      ...{ uptime: 13, clock: 'synced', alerts: 0, audit: 'abc' },
      health: { healthy: false, stalled: [{ stage: 'driver', machine: 'saw', message: 'says nothing' }] },
      machines: { total: 3, up: 2 },
      lanes: { live: { batches: 1, observations: 100, bytes: 400, emptyIn: null } },
      buffer: { bytes: 4096, maxBytes: 2 ** 31, fullIn: null },
      quota: { pointsPerHour: { used: 90, limit: 100 } },
      host: { process: { rss: host.process.rss }, memory: host.memory },
    },
  });
});

t.test('what is not known or not configured is left out', async (t) => {
  const figures = heartbeatOf(apiState());
  for (const key of ['host', 'quota', 'audit']) t.notOk(key in figures, key);
  t.ok('status' in parsed(figures));
  t.ok('status' in parsed({}), 'a heartbeat without any figures is one too');
});
