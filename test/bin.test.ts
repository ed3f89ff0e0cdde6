import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t from 'tap';

const ROOT = join(import.meta.dirname, '..');
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** A Node.js below the minimum, as many systems have it. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .filter((folder) => !folder.includes('node_modules'))
  .map((folder) => join(folder, 'node'))
  .find((file) => existsSync(file) && Number(execFileSync(file, ['-p', 'process.versions.node.split(".")[0]'])) < 22);

t.test('runs in a clone, also through a link from elsewhere', async (t) => {
  const link = join(t.testdir(), 'edge-gateway');
  symlinkSync(join(ROOT, 'bin/edge-gateway'), link);
  for (const command of [join(ROOT, 'bin/edge-gateway'), link]) {
    t.equal(execFileSync(command, ['--version'], { encoding: 'utf8' }).trim(), version);
  }
});

t.test(
  'an old Node.js gets one sentence and exit 1',
  { skip: oldNode === undefined && 'no old Node.js' },
  async (t) => {
    for (const file of ['bin/edge-gateway', 'bin/launch.cjs']) {
      const { status, stdout, stderr } = spawnSync(oldNode ?? '', [join(ROOT, file), 'run'], { encoding: 'utf8' });
      t.equal(status, 1);
      t.equal(stdout, '');
      t.match(
        stderr,
        /^edge-gateway needs Node\.js 22\.19, 24\.6 or newer and this is \S+: install Node\.js 24, [^\n]+\n$/,
      );
    }
  },
);

t.test('runs as an installed package, from what was compiled', async (t) => {
  const folder = t.testdir();
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: ROOT });
  const installed = join(folder, 'node_modules');
  mkdirSync(join(installed, 'edge-gateway'), { recursive: true });
  execFileSync('tar', ['xf', join(folder, `edge-gateway-${version}.tgz`), '--strip-components=1'], {
    cwd: join(installed, 'edge-gateway'),
  });
  for (const dependency of ['yargs', 'zod', 'yaml', 'mqtt', 'htmlparser2', 'better-sqlite3', 'pino']) {
    symlinkSync(join(ROOT, 'node_modules', dependency), join(installed, dependency));
  }
  mkdirSync(join(installed, '.bin'));
  symlinkSync(process.execPath, join(installed, '.bin/node'));
  t.notOk(existsSync(join(installed, 'edge-gateway/src')), 'there is no source in it');
  const bin = join(installed, 'edge-gateway/bin/edge-gateway');
  t.equal(execFileSync(bin, ['--version'], { encoding: 'utf8' }).trim(), version);
  const checked = spawnSync(bin, ['check', join(ROOT, 'config/minimal.yaml')], { encoding: 'utf8' });
  t.equal(checked.status, 0, checked.stderr);
  const consumer = "import { Ledger } from 'edge-gateway/consumer'; console.log(typeof Ledger)";
  const imported = spawnSync(process.execPath, ['--input-type=module', '-e', consumer], {
    cwd: folder,
    encoding: 'utf8',
  });
  t.equal(imported.stdout.trim(), 'function', imported.stderr);
});

t.test('wrong usage ends with 64, help with 0', async (t) => {
  const run = (...args: string[]) => spawnSync(join(ROOT, 'bin/edge-gateway'), args, { encoding: 'utf8' });
  for (const args of [[], ['nonsense'], ['run'], ['receive'], ['demo', '--duration', '40']]) {
    const { status, stderr } = run(...args);
    t.equal(status, 64, args.join(' '));
    t.match(stderr, /edge-gateway: /);
    t.notMatch(stderr, / at .*:\d+:\d+/, 'no stack trace');
  }
  t.equal(run('--help').status, 0);
});

t.test('wrong usage is told in one sentence, in English everywhere', async (t) => {
  const cases: [args: string, told: string][] = [
    ['bogus', 'there is no command or option bogus'],
    ['run', '--config is missing'],
    ['run --config', '--config needs a value'],
    ['run --config a --config b', '--config may be given only once'],
    ['run --config=', 'config must not be empty'],
    ['check', 'an argument is missing: got 0, need at least 1'],
    ['buffer stats --config a --data-dir b', 'give --config or --data-dir, not both'],
    ['receive mqtt://127.0.0.1:1 --topic', '--topic needs a value'],
    ['receive --topic a/#/b mqtt://127.0.0.1:1', '--topic: a/#/b is no topic filter'],
    ['receive mqtt://127.0.0.1:1 --cert a', '--cert and --key belong together'],
  ];
  for (const [args, told] of cases) {
    const env = { ...process.env, LC_ALL: 'de_DE.UTF-8' };
    const { status, stderr } = spawnSync(join(ROOT, 'bin/edge-gateway'), args.split(' '), { encoding: 'utf8', env });
    t.equal(status, 64, args);
    t.ok(stderr.includes(`\nedge-gateway: ${told}`), `${args}: ${stderr.split('\n').at(-2)}`);
  }
});

t.test('a reader that has gone is no fault, a full disk is told in one line', async (t) => {
  const bin = join(ROOT, 'bin/edge-gateway');
  const gone = spawnSync('sh', ['-c', `{ "${bin}" schema; echo "exit $?" >&2; } | true`], { encoding: 'utf8' });
  t.equal(gone.stderr, 'exit 0\n');
  const full = spawnSync(bin, ['schema'], { stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'], encoding: 'utf8' });
  t.equal(full.status, 1);
  t.equal(full.stderr, 'edge-gateway: cannot write to standard output (ENOSPC)\n');
});
