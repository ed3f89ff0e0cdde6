import { join } from 'node:path';
import t from 'tap';
import { verifyAudit } from '../../src/audit/verify.ts';
import { receive } from '../../src/consumer/consumer.ts';
import type { Status } from '../../src/wire/contract.ts';
import { noMosquitto } from '../support/brokers.ts';
import { Plant } from '../support/plant.ts';

t.test(
  'a running gateway says how it is in its retained status, and proves its audit log by it',
  { skip: noMosquitto, timeout: 60_000 },
  async (t) => {
    const folder = t.testdir();
    const gateway = { heartbeat: '1s', quota: { pointsPerHour: 1_000_000 } };
    await using plant = await Plant.start(folder, 100, { secure: false, gateway });
    await plant.begin();
    const beats: Status[] = [];
    for await (const one of receive({
      url: `mqtt://127.0.0.1:${plant.broker.port}`,
      topics: ['plc/acme/gw-1/status'],
    })) {
      t.not(one.type, 'problem', JSON.stringify(one));
      if (one.type === 'status' && one.status.reason === 'heartbeat') beats.push(one.status);
      if (beats.length === 3) break;
    }
    const [first, , last] = beats;
    t.match(last, {
      ...{ status: 'online', since: first?.since, uptime: Number, clock: /synced/, alerts: 0 },
      health: { healthy: true, stalled: [] },
      machines: { total: 1, up: 1 },
      lanes: { alert: { batches: 0 }, live: { batches: Number }, backfill: { emptyIn: 0 } },
      buffer: { bytes: Number, maxBytes: 2 ** 31 },
      quota: { pointsPerHour: { used: Number, limit: 1_000_000 } },
      host: { process: { rss: Number }, memory: { total: Number }, disk: { free: Number } },
    });
    t.ok((last?.uptime ?? 0) > (first?.uptime ?? 0) && (last?.t ?? 0) > (first?.t ?? 0));
    t.ok((last?.quota?.['pointsPerHour']?.used ?? 0) > 0);
    const { lines, problems } = await verifyAudit(join(folder, 'data'));
    t.same(problems, []);
    t.ok(lines.some(({ hash }) => hash === last?.audit));
  },
);
