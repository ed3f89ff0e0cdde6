import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedOpcuaServer } from '../../simulator/opcua/server.ts';
import { run } from './commission.ts';

t.test(
  'a server is refused until its certificate is accepted, and again when it is removed',
  { timeout: 60_000 },
  async (t) => {
    const folder = t.testdir();
    await using server = new SimulatedOpcuaServer({ security: 'all' });
    await server.start();
    const file = join(folder, 'gateway.yaml');
    writeFileSync(
      file,
      `gateway: { id: gw, tenant: acme, dataDir: data }
machines:
  - { id: mill, driver: opcua, url: "${server.url}", security: { mode: sign }, signals: { rpm: "nsu=urn:simulator:machines;s=cnc-1.Spindle.Speed" } }
uplink: { url: "mqtt://127.0.0.1:9" }
`,
    );
    const trust = (...args: string[]) => run(folder, ['trust', ...args, '--config', file]);
    t.match(await trust('list'), { status: 0, stdout: '', stderr: /no server has shown a certificate yet/ });
    const probe = ['probe', server.url, '--config', file];
    t.equal((await run(folder, ['doctor', '--config', file, '--for', '1s', '--no-publish'])).status, 1);
    const listed = JSON.parse((await trust('list', '--json')).stdout);
    t.match(listed, [{ store: 'rejected', thumbprint: /^[0-9a-f]{40}$/, subject: /CN=/ }]);
    const [{ thumbprint }] = listed;
    t.match(await trust('accept', 'ffffffff'), { status: 78, stderr: /no certificate .* begins with ffffffff/ });
    t.match(await trust('accept'), { status: 64, stderr: /give a thumbprint, or --all/ });
    t.match(await trust('accept', thumbprint.slice(0, 8)), {
      status: 0,
      stdout: new RegExp(`^trusted {3}${thumbprint}`),
    });
    t.equal((await run(folder, probe)).status, 0);
    t.match(await trust('remove', thumbprint), { status: 0 });
    t.match(await trust('list'), { stdout: '' });
    const audit = (...args: string[]) => run(folder, ['audit', '--data-dir', 'data', ...args]);
    const { stdout } = await audit();
    t.match(stdout.split('\n'), [
      new RegExp(`Z  trust-accept +uid \\d+.*${thumbprint}.*CN=`),
      new RegExp(`Z  trust-remove +uid \\d+.*${thumbprint}`),
    ]);
    t.match(await audit('--verify'), { status: 0, stdout: /^2 lines, none changed and none missing/ });
    t.ok(existsSync(join(folder, 'data/drivers/opcua/pki')));
    t.ok(readdirSync(join(folder, 'data/drivers/opcua/pki')).includes('own'));
  },
);

t.test('wrong use is one sentence', async (t) => {
  const folder = t.testdir();
  t.match(await run(folder, ['trust', 'list']), { status: 64, stderr: /--config is missing/ });
  t.match(await run(folder, ['trust', '--config', 'x.yaml']), { status: 64, stderr: /list, accept or remove/ });
  t.match(await run(folder, ['trust', 'list', '--config', 'x.yaml']), { status: 78, stderr: /cannot read the config/ });
});
