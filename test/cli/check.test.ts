import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { MINIMAL, withUplink } from '../config/support.ts';

const TEXT = 'hunter2-hunter2';
const root = join(import.meta.dirname, '../..');

/** Runs the command as a process of its own, as a person does. */
function run(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'src/main.ts'), ...args], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { status, stdout, stderr };
}

const withSecret = withUplink('url: mqtts://broker', 'auth: { password: "${env:SECRET_OF_TEST}" }');

t.test('a good config is one line on stdout, and exit code 0', async (t) => {
  const folder = t.testdir({ 'a.yaml': MINIMAL });
  t.strictSame(run(folder, ['check', 'a.yaml']), {
    status: 0,
    stdout: 'a.yaml: ok — 1 machine, uplink mqtts://broker.example.com:8883\n',
    stderr: '',
  });
});

t.test('all errors of all files are told on stderr, and exit code 78', async (t) => {
  const folder = t.testdir({ 'a.yaml': MINIMAL, 'b.yaml': `${MINIMAL.replace('acme', '7')}bufer: {}\n` });
  t.strictSame(run(folder, ['check', 'b.yaml', 'a.yaml', 'gone.yaml']), {
    status: 78,
    stdout: 'a.yaml: ok — 1 machine, uplink mqtts://broker.example.com:8883\n',
    stderr: [
      'b.yaml:1:31: gateway.tenant: expected text: put it in quotes',
      'b.yaml:5:1: bufer: unknown key: did you mean buffer?',
      'gone.yaml:1:1: cannot read the config: there is no such file',
      '',
    ].join('\n'),
  });
});

t.test('--json prints errors and warnings as one object', async (t) => {
  const folder = t.testdir({
    'a.yaml': withUplink('url: mqtt://broker', 'auth: { password: "${env:HOME}" }', 'windw: 1'),
  });
  const { status, stdout, stderr } = run(folder, ['check', '--json', 'a.yaml'], { HOME: '/root' });
  t.equal(status, 78);
  t.equal(stderr, '');
  t.strictSame(JSON.parse(stdout), {
    ok: false,
    errors: [
      { file: 'a.yaml', line: 7, column: 3, path: 'uplink.windw', message: 'unknown key: did you mean window?' },
    ],
    warnings: [
      {
        file: 'a.yaml',
        line: 6,
        column: 3,
        path: 'uplink.auth',
        message: 'anyone on the network can read the password or token, as mqtt:// is not encrypted: use mqtts://',
      },
    ],
  });
  writeFileSync(join(folder, 'a.yaml'), MINIMAL);
  t.strictSame(JSON.parse(run(folder, ['check', '--json', 'a.yaml']).stdout), { ok: true, errors: [], warnings: [] });
});

t.test('--no-secrets turns what is not on this computer into warnings', async (t) => {
  const folder = t.testdir({ 'a.yaml': withSecret });
  const message = 'uplink.auth.password: the environment variable SECRET_OF_TEST is not set';
  t.match(run(folder, ['check', 'a.yaml']), { status: 78, stdout: '', stderr: `a.yaml:6:21: ${message}\n` });
  t.match(run(folder, ['check', '--no-secrets', 'a.yaml']), {
    status: 0,
    stdout: 'a.yaml: ok — 1 machine, uplink mqtts://broker\n',
    stderr: `a.yaml:6:21: warning: ${message}\n`,
  });
});

t.test('the text of a secret is not in the output', async (t) => {
  const folder = t.testdir({
    'good.yaml': withSecret,
    'bad.yaml': withSecret.replace('"${env:SECRET_OF_TEST}"', TEXT),
  });
  for (const args of [['good.yaml'], ['bad.yaml'], ['good.yaml', 'bad.yaml', '--json']]) {
    const { stdout, stderr } = run(folder, ['check', ...args], { SECRET_OF_TEST: TEXT });
    t.ok(stdout + stderr);
    t.notMatch(stdout + stderr, TEXT);
  }
});

t.test('without a file it tells its usage, and exit code 64', async (t) => {
  t.match(run(t.testdir(), ['check']), { status: 64, stdout: '', stderr: /edge-gateway check <file/ });
});

t.test('what is no config at all is an error without a stack trace', async (t) => {
  const folder = t.testdir({ 'a.yaml': '{'.repeat(5000), 'b.yaml': '\0', folder: {} });
  const { status, stderr } = run(folder, ['check', 'a.yaml', 'b.yaml', 'folder']);
  t.equal(status, 78);
  t.notMatch(stderr, /^ +at /m);
  for (const line of stderr.trimEnd().split('\n')) t.match(line, /^(a\.yaml|b\.yaml|folder):\d+:\d+: /);
});
