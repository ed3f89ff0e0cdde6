import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { stringify } from 'yaml';
import { SimulatedUnit } from '../../simulator/modbus/device.ts';
import { SimulatedModbusTcp } from '../../simulator/modbus/tcp.ts';
import { startAedes } from '../support/brokers.ts';
import { until } from '../support/plant.ts';
import { command, run } from './commission.ts';

t.test(
  'an alert that is acknowledged is told to be so; where there is none, that is said',
  { timeout: 60_000 },
  async (t) => {
    const folder = t.testdir();
    const broker = await startAedes();
    t.teardown(() => broker[Symbol.asyncDispose]());
    const unit = new SimulatedUnit({ ranges: { holding: [[0, 0]] } });
    unit.set('holding', 0, [1]);
    const device = new SimulatedModbusTcp({ units: new Map([[1, unit]]) });
    t.teardown(() => device.stop());
    const url = `${await device.start()}/1`;
    writeFileSync(
      join(folder, 'gateway.yaml'),
      stringify({
        gateway: { id: 'gw', tenant: 'acme' },
        machines: [{ id: 'plc', driver: 'modbus', url, poll: '50ms', signals: { flag: { address: 0 } } }],
        uplink: { url: `mqtt://127.0.0.1:${broker.port}` },
        alerts: [{ name: 'flag', condition: 'flag == 1', latch: true }],
        http: { listen: 'off' },
        log: { format: 'json' },
      }),
    );
    const states: { state: string; by?: string }[] = [];
    broker.aedes.on('publish', ({ topic, payload }) => {
      if (topic.endsWith('/alert')) states.push(...JSON.parse(payload.toString()).alerts);
    });
    const gateway = command(folder, ['run', '--config', 'gateway.yaml']);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await until('it fires', () => states.length > 0);
    const acknowledge = (rule: string) =>
      run(folder, ['acknowledge', 'plc', rule, '--config', 'gateway.yaml', '--by', 'ann', '--json']);
    t.match(await acknowledge('none'), { status: 1, stderr: /plc has no open alert of the rule none/ });
    const { status, stdout } = await acknowledge('flag');
    t.equal(status, 0);
    t.same(JSON.parse(stdout), { machine: 'plc', rule: 'flag', by: 'ann' });
    await until('it is told', () => states.length > 1);
    unit.set('holding', 0, [0]);
    await until('it ends', () => states.length > 2);
    t.match(states, [{ state: 'firing' }, { state: 'acknowledged', by: 'ann' }, { state: 'resolved' }]);
    gateway.child.kill('SIGTERM');
    await once(gateway.child, 'exit');
  },
);
