import { once } from 'node:events';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedModbusMachine } from '../../simulator/modbus/machine.ts';
import { SimulatedModbusTcp } from '../../simulator/modbus/tcp.ts';
import { SimulatedOpcuaServer } from '../../simulator/opcua/server.ts';
import { receive } from '../../src/consumer/consumer.ts';
import { observationsOf } from '../../src/wire/codec.ts';
import { checked, command, run, runningAgent } from '../cli/commission.ts';
import { startAedes } from '../support/brokers.ts';

t.test(
  'what `probe` prints of three protocols is pasted, checked, run and received',
  { timeout: 90_000 },
  async (t) => {
    const folder = t.testdir();
    const { url: agent } = await runningAgent(t, { devices: [{ name: 'lathe' }], rate: 20 });
    const machine = new SimulatedModbusMachine({ kind: 'cnc', name: 'mill' });
    const units = new SimulatedModbusTcp({ units: new Map([[7, machine.unit]]) });
    const bus = await units.start();
    t.teardown(() => units.stop());
    const server = new SimulatedOpcuaServer({ machines: ['center'] });
    t.teardown(() => server[Symbol.asyncDispose]());
    const opcua = await server.start();

    const probed = async (...args: string[]) => {
      const { status, stdout, stderr } = await run(folder, ['probe', ...args]);
      t.equal(status, 0, status === 0 ? 'probed' : stderr);
      return stdout;
    };
    const entries = [await probed(agent), await probed(`${bus}/7`, '--id', 'mill'), await probed(opcua)].join('');
    t.match(await checked(folder, entries), { status: 0, told: /ok — 3 machines/ });

    const broker = await startAedes();
    t.teardown(() => broker[Symbol.asyncDispose]());
    const file = join(folder, 'gateway.yaml');
    appendFileSync(
      file,
      `gateway: { id: gw-01, tenant: acme }\nmachines:\n${entries}uplink: { url: "mqtt://127.0.0.1:${broker.port}" }\n`,
    );
    machine.run();
    t.teardown(() => machine.pause());
    server.run();
    const gateway = command(folder, ['run', '--config', file]);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    /** Different values of each signal, by machine. */
    const values = new Map<string, Map<string, Set<string>>>();
    const changes = () =>
      [...values.values()].flatMap((one) => [...one.values()]).filter(({ size }) => size > 1).length;
    const enough = AbortSignal.timeout(30_000);
    for await (const received of receive({ url: `mqtt://127.0.0.1:${broker.port}`, signal: enough })) {
      if (received.type !== 'batch' || received.batch.kind !== 'telemetry') continue;
      const signals = values.get(received.batch.machine) ?? new Map<string, Set<string>>();
      values.set(received.batch.machine, signals);
      for (const { signal, v } of observationsOf(received.batch)) {
        signals.set(signal, (signals.get(signal) ?? new Set()).add(JSON.stringify(v)));
      }
      if (values.size === 3 && changes() > 10) break;
    }
    t.same([...values.keys()].toSorted(), ['center', 'lathe', 'mill']);
    for (const id of ['lathe', 'center']) {
      for (const signal of ['rpm', 'feed_mm_min', 'state', 'available'])
        t.ok(values.get(id)?.has(signal), `${id} ${signal}`);
    }
    t.ok((values.get('mill')?.size ?? 0) > 10, 'every register that was found');
    t.ok(changes() > 10, 'they live');
    gateway.child.kill('SIGTERM');
    t.same(await once(gateway.child, 'exit'), [0, null]);
  },
);
