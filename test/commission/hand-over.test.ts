import { chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { SimulatedOpcuaServer } from '../../simulator/opcua/server.ts';
import { handOver } from '../../src/commission/hand-over.ts';
import { run } from '../cli/commission.ts';

const isRoot = process.getuid?.() === 0;

t.test('what root has made belongs to the owner of the data folder', { skip: !isRoot && 'needs root' }, async (t) => {
  const folder = t.testdir({ 'outbox.db': '' });
  const pki = join(folder, 'drivers/opcua/pki');
  mkdirSync(pki, { recursive: true });
  writeFileSync(join(pki, 'key.pem'), '');
  chownSync(folder, 1234, 1235);
  handOver(folder);
  for (const path of ['drivers', 'drivers/opcua', 'drivers/opcua/pki', 'drivers/opcua/pki/key.pem']) {
    t.match(statSync(join(folder, path)), { uid: 1234, gid: 1235 }, path);
  }
  t.match(statSync(join(folder, 'outbox.db')), { uid: 0 }, 'nothing else');
});

t.test('a folder that is not there, or has no drivers, is nothing to hand over', async (t) => {
  const folder = t.testdir();
  if (isRoot) chownSync(folder, 1234, 1235);
  t.doesNotThrow(() => handOver(join(folder, 'none')));
  t.doesNotThrow(() => handOver(folder));
});

t.test(
  'what root’s init makes for OPC UA belongs to the gateway’s user',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const folder = t.testdir({ data: {} });
    chownSync(join(folder, 'data'), 1234, 1235);
    const server = new SimulatedOpcuaServer({ machines: ['cnc-1'] });
    t.teardown(() => server.stop());
    const url = await server.start();
    const where = ['--tenant', 'acme', '--uplink', 'mqtt://127.0.0.1', '--data-dir', 'data'];
    t.match(await run(folder, ['init', 'gateway.yaml', '--defaults', ...where, '--machine', url]), { status: 0 });
    t.match(statSync(join(folder, 'data/drivers/opcua/pki/own/private/private_key.pem')), { uid: 1234, gid: 1235 });
  },
);
