import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { unpackNode } from '../../scripts/package-node.ts';
import { VERSION } from './build.ts';
import { cleanRoot } from './clean-root.ts';
import { build, environmentOf, parseDockerfile, wordsOf } from './dockerfile.ts';
import { runImage } from './image.ts';
import { missingTools, notRoot } from './tools.ts';

const ROOT = join(import.meta.dirname, '../..');
const LONG = process.env['LONG'] === '1';
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const { devDependencies } = JSON.parse(read('package.json'));
/** There is no container engine in CI: a root folder stands for an image, and this computer's processor for the Pi's. */
const stages = parseDockerfile(read('Dockerfile.arm64'), { ARCH: 'amd64' });
const [builder, final] = stages;
if (builder === undefined || final === undefined) throw new Error('Dockerfile.arm64 has not its two stages');
const skip = missingTools('debootstrap', 'unshare', 'chroot', 'ip', 'flock') || notRoot;

// A clean computer may have to be fetched first.
t.setTimeout(600_000);

t.test('the image is slim, of Debian, without a compiler, and not run by root', async (t) => {
  t.equal(builder.base, `node:${devDependencies.node}-bookworm-slim`, 'built with the Node.js that is tested');
  t.equal(final.base, 'debian:bookworm-slim');
  t.notMatch(read('Dockerfile.arm64'), /apt-get|gcc|python|curl/);
  t.match(wordsOf(final, 'USER'), 'edge-gateway');
  t.match(wordsOf(final, 'HEALTHCHECK'), /\/healthz/);
  t.equal(parseDockerfile(read('Dockerfile.arm64'))[0]?.instructions.at(0)?.words, 'ARCH=arm64');
  t.ok(statSync(join(ROOT, 'packaging/container/entrypoint')).mode & 0o111, 'the entrypoint can be run');
});

t.test('docker-compose.yml keeps the data, takes what is not needed away, and is what balena takes', async (t) => {
  const { version, services, volumes } = parse(read('docker-compose.yml'));
  t.match(version, /^2\./, 'balena takes no version 3');
  const { 'edge-gateway': service } = services;
  // https://docs.balena.io/reference/supervisor/docker-compose: what of this file it supports.
  const supported = 'build restart network_mode stop_grace_period read_only tmpfs cap_drop security_opt volumes'.split(
    ' ',
  );
  t.same(Object.keys(service), supported);
  t.same(service.volumes, ['edge-gateway-data:/var/lib/edge-gateway'], 'a named volume');
  t.same(Object.keys(volumes), ['edge-gateway-data']);
  t.equal(service.build.dockerfile, 'Dockerfile.arm64');
});

t.test('balena.yml describes this version, with a config that is sound', async (t) => {
  const { type, version, data } = parse(read('balena.yml'));
  t.match({ type, version }, { type: 'sw.application', version: VERSION });
  t.ok(data.supportedDeviceTypes.includes(data.defaultDeviceType));
  const [{ EDGE_GATEWAY_CONFIG: text }] = data.applicationEnvironmentVariables;
  const checked = t.testdir({ 'gateway.yaml': text });
  execFileSync(join(ROOT, 'bin/edge-gateway'), ['check', join(checked, 'gateway.yaml')], { stdio: 'pipe' });
});

t.test('the steps of Dockerfile.arm64 make an image that runs', { skip }, async (t) => {
  const folder = t.testdir({ build: {}, final: {} });
  const made = join(folder, 'build/root');
  if (LONG) {
    t.comment('with the stage that builds, from npm ci on');
    layNode(cleanRoot(join(folder, 'build')));
    build(builder, made, ROOT, {});
  } else {
    const tree = ['scripts/package.ts', '--arch', 'amd64', '--tree', join(made, 'image')];
    execFileSync(process.execPath, tree, { cwd: ROOT, stdio: 'pipe' });
  }
  const root = cleanRoot(join(folder, 'final'));
  build(final, root, ROOT, { build: made });
  const run = (script: string, ...variables: string[]) =>
    runImage(root, wordsOf(final, 'USER') ?? 'root', [...environmentOf(final), ...variables], script);
  const [entrypoint] = JSON.parse(wordsOf(final, 'ENTRYPOINT') ?? '[]');
  const [health, ...words] = JSON.parse(wordsOf(final, 'HEALTHCHECK')?.replace(/^.*? CMD /, '') ?? '[]');
  const check = [health, ...words].map((word: string) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');

  await t.test('with arguments it is the command', async (t) => {
    t.match(run(`${entrypoint} --version; touch /usr/x || id -nG`), {
      stdout: `${VERSION}\nedge-gateway dialout\n`,
      stderr: /Read-only file system/,
    });
  });

  const [{ EDGE_GATEWAY_CONFIG: config }] = parse(read('balena.yml')).data.applicationEnvironmentVariables;
  const gateway = `
    ${check} && echo 'healthy before it runs'
    ${entrypoint} >/tmp/log & pid=$!
    for attempt in $(seq 60); do ${check} && break; sleep 0.5; done
    ${check} && echo healthy
    kill -TERM $pid; wait $pid; echo "exit $?"
    grep -c 'everything read is committed' /tmp/log; ls /var/lib/edge-gateway`;
  await t.test('with the config in a variable it becomes healthy, and ends in order', async (t) => {
    const { stdout, stderr } = run(gateway, `EDGE_GATEWAY_CONFIG=${config}`);
    t.match(stdout, /^healthy\nexit 0\n1\n.*outbox\.db/s, stderr);
    t.notMatch(stdout, 'before');
  });

  await t.test('with the config in a file as well', async (t) => {
    t.match(run(gateway).stdout, /^healthy\nexit 0\n/, 'the example of the package, where a file is mounted');
    const { stdout } = run(`${entrypoint} 2>&1; echo "exit $?"`, 'EDGE_GATEWAY_CONFIG_FILE=/nowhere.yaml');
    t.match(stdout, /\/nowhere\.yaml.*\nexit 78\n$/);
  });

  await t.test('only what the gateway needs is in it', async (t) => {
    const { stdout } = run('ls /usr/lib/edge-gateway; du -sm /usr/lib/edge-gateway; ls /src 2>&1');
    t.match(stdout, /No such file or directory/);
    const [, size] = /(\d+)\t\/usr\/lib\/edge-gateway/.exec(stdout) ?? [];
    t.comment(`${size} MiB beside Debian`);
    t.ok(Number(size) < 160);
  });
});

/** Makes of Debian what the image of Node.js is for our steps: Node.js, npm, and a network. */
function layNode(root: string): void {
  const local = join(root, 'usr/local');
  unpackNode(local, devDependencies.node, 'x64');
  const cli = execFileSync('sh', ['-c', 'readlink -f "$(command -v npm)"'], { encoding: 'utf8' }).trim();
  mkdirSync(join(local, 'lib/node_modules'), { recursive: true });
  cpSync(join(cli, '../..'), join(local, 'lib/node_modules/npm'), { recursive: true });
  for (const command of ['npm', 'npx']) {
    symlinkSync(`../lib/node_modules/npm/bin/${command}-cli.js`, join(local, 'bin', command));
  }
  for (const file of ['/etc/resolv.conf', '/etc/hosts']) cpSync(file, join(root, file), { dereference: true });
  // A company's proxy may have a CA of its own.
  const ca = process.env['NODE_EXTRA_CA_CERTS'];
  if (ca === undefined) return;
  mkdirSync(join(local, 'etc'), { recursive: true });
  cpSync(ca, join(local, 'etc/ca.pem'));
  writeFileSync(join(local, 'etc/npmrc'), 'cafile=/usr/local/etc/ca.pem\n');
}
