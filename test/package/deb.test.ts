import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { buildPackage, VERSION } from './build.ts';
import { cleanRoot, inRoot } from './clean-root.ts';
import { missingTools, notRoot } from './tools.ts';

const ROOT = join(import.meta.dirname, '../..');
const CONFIG = '/etc/edge-gateway/gateway.yaml';
const DATA = '/var/lib/edge-gateway';
const SOURCE_DATE_EPOCH = '1750000000';
const skip = missingTools('dpkg-deb', 'debootstrap', 'unshare', 'chroot', 'flock') || notRoot;

// A clean computer may have to be fetched first.
t.setTimeout(300_000);

t.test('the package, on a Debian where nothing else is installed', { skip }, async (t) => {
  const folder = t.testdir();
  const file = buildPackage(folder, 'amd64', { SOURCE_DATE_EPOCH });
  const root = cleanRoot(folder);
  const run = (...command: string[]) => inRoot(root, ...command);
  copyFileSync(file, join(root, 'root/edge-gateway.deb'));
  const install = () => run('dpkg', '--force-confold', '--install', '/root/edge-gateway.deb');

  await t.test('is the same when it is built again, byte for byte, whatever zone and umask', async (t) => {
    const umask = process.umask(0o077);
    t.teardown(() => process.umask(umask));
    const again = buildPackage(join(folder, 'again'), 'amd64', { SOURCE_DATE_EPOCH, TZ: 'Asia/Tokyo' });
    t.match(spawnSync('cmp', [file, again], { encoding: 'utf8' }), { status: 0, stdout: '' });
  });

  await t.test('installs, and what was installed is what was built', async (t) => {
    t.match(install(), { status: 0, stderr: '' });
    t.match(run('dpkg', '--verify', 'edge-gateway'), { status: 0, stdout: '' });
    t.equal(run('edge-gateway', '--version').stdout, `${VERSION}\n`);
    t.match(run('id', 'edge-gateway'), { status: 0, stdout: /^uid=\d+\(edge-gateway\) gid=\d+\(edge-gateway\)/ });
    t.equal(run('stat', '-c', '%U %a', DATA).stdout, 'edge-gateway 750\n');
  });

  await t.test('its example of a config is sound', async (t) => {
    t.match(run('edge-gateway', 'check', CONFIG), { status: 0, stdout: /: ok/ });
    t.match(run('edge-gateway', 'schema'), { status: 0, stdout: /"\$schema"/ });
  });

  await t.test('the demo runs, as a user without rights, and loses nothing', async (t) => {
    const demo = run('su', '-s', '/bin/sh', 'edge-gateway', '-c', 'cd /tmp && edge-gateway demo --duration 10s --json');
    const summary = JSON.parse(demo.stdout);
    t.match(summary, { missing: 0, repeated: 0, missingBatches: 0, invalid: 0, gatewayExit: 0 });
    // A computer that is busy with other tests may skip polls of a Modbus device, and the demo has to say so.
    t.equal(demo.status, summary.gaps === 0 ? 0 : 1, demo.stderr.slice(-200));
    const machines = summary.machines.map((machine: { machine: string }) => machine.machine);
    t.ok(machines.includes('hmc-1'), 'with OPC UA machines');
    t.notMatch(demo.stderr, /warning/i);
  });

  await t.test('what is imported lazily is found: a serial line, WebSockets', async (t) => {
    writeFileSync(
      join(root, 'tmp/lazy.yaml'),
      `gateway: { id: gw, tenant: acme, dataDir: /tmp/lazy }
machines: [{ id: press, driver: modbus, url: "modbus+rtu:///dev/ttyUSB9?unit=1", signals: { rpm: { address: 0 } } }]
uplink: { url: "ws://127.0.0.1:9/mqtt" }
http: { listen: off }
log: { format: json }
`,
    );
    const { status, stdout } = run('timeout', '3', 'edge-gateway', 'run', '--config', '/tmp/lazy.yaml');
    t.equal(status, 124, 'it ran until it was stopped');
    t.match(stdout, /press.*\/dev\/ttyUSB9: there is no such device/);
    t.match(stdout, /ws:\/\/127\.0\.0\.1:9\/mqtt: nothing listens there \(ECONNREFUSED\)/);
    t.notMatch(stdout, /not a (function|constructor)/);
  });

  await t.test('man page, completion, copyright and bill of materials are in it', async (t) => {
    const doc = join(root, 'usr/share/doc/edge-gateway');
    const page = execFileSync('zcat', [join(root, 'usr/share/man/man1/edge-gateway.1.gz')], { encoding: 'utf8' });
    t.match(page, /^\.SS run$/m);
    t.match(page, /^\.BR \\-\\-config/m);
    const complete = `. /usr/share/bash-completion/completions/edge-gateway
      COMP_WORDS=(edge-gateway buffer ex) COMP_CWORD=2; _edge_gateway; echo "\${COMPREPLY[@]}"
      COMP_WORDS=(edge-gateway run --) COMP_CWORD=2; _edge_gateway; echo "\${COMPREPLY[@]}"
      COMP_WORDS=(edge-gateway st) COMP_CWORD=1; _edge_gateway; echo "\${COMPREPLY[@]}"`;
    t.equal(run('bash', '-ec', complete).stdout, 'export\n--config --help\nstatus\n');
    const bom = JSON.parse(readFileSync(join(doc, 'sbom.cdx.json'), 'utf8'));
    const names: string[] = bom.components.map(({ name }: { name: string }) => name);
    const { dependencies, devDependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
    t.same(
      Object.keys(dependencies).filter((name) => !names.includes(name)),
      [],
      'every dependency is listed',
    );
    t.match(bom.components[0], { name: 'node', version: devDependencies.node });
    t.notOk(names.includes('tap'), 'and nothing that is not inside');
    t.match(readFileSync(join(doc, 'copyright'), 'utf8'), /^better-sqlite3 \S+ \(MIT\)$/m);
  });

  await t.test('an upgrade keeps the config that was changed and the data', async (t) => {
    appendFileSync(join(root, CONFIG), '# mine\n');
    writeFileSync(join(root, DATA, 'outbox.db'), 'data');
    t.match(install(), { status: 0 });
    t.match(readFileSync(join(root, CONFIG), 'utf8'), /# mine\n$/);
    t.equal(readFileSync(join(root, DATA, 'outbox.db'), 'utf8'), 'data');
  });

  await t.test('removing keeps config and data, purging leaves nothing', async (t) => {
    mkdirSync(join(root, 'etc/edge-gateway/credentials'));
    t.match(run('dpkg', '--remove', 'edge-gateway'), { status: 0 });
    t.notOk(existsSync(join(root, 'usr/lib/edge-gateway')), 'the program is gone');
    t.ok(existsSync(join(root, CONFIG)));
    t.ok(existsSync(join(root, DATA, 'outbox.db')));
    t.match(run('dpkg', '--purge', 'edge-gateway'), { status: 0 });
    for (const path of ['etc/edge-gateway', DATA]) t.notOk(existsSync(join(root, path)), path);
  });
});
