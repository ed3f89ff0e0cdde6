import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';

const root = join(import.meta.dirname, '../..');

/** Runs the command as a process of its own, as a person does. */
function run(folder: string, ...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'src/main.ts'), 'rules', 'test', ...args],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  return { status, stdout, stderr };
}

const CONFIG = `machines:
  - { id: vmc-3, driver: mtconnect, url: "http://192.168.0.21:5000", labels: { line: A } }
alerts:
  - { name: fast, condition: rpm > 5000, duration: 30s, labels: { line: A } }
`;

const TESTS = `config: gateway.yaml
tests:
  - name: fast for half a minute
    interval: 10s
    machines: { vmc-3: { series: { rpm: 5100x6 4000 } } }
    expect:
      - { at: 30s, rule: fast }
      - { at: 70s, rule: fast, state: resolved }
`;

t.test('the example of the docs does what it expects', async (test) => {
  const { status, stdout, stderr } = run(root, 'examples/rules/vmc.yaml');
  test.same({ status, stderr }, { status: 0, stderr: '' });
  test.match(stdout, /^(ok {6}examples\/rules\/vmc\.yaml: .* as expected\)\n){4}$/);
});

t.test('the rules and labels of a config are tested, exit code 0', async (test) => {
  const folder = test.testdir({ 'gateway.yaml': CONFIG, 'tests.yaml': TESTS });
  test.same(run(folder, 'tests.yaml'), {
    status: 0,
    stdout: 'ok      tests.yaml: fast for half a minute (2 as expected)\n',
    stderr: '',
  });
});

t.test('what is missing and what came instead is told side by side, exit code 1', async (test) => {
  const folder = test.testdir({ 'gateway.yaml': CONFIG, 'tests.yaml': TESTS.replace('at: 30s', 'at: 20s') });
  test.same(run(folder, 'tests.yaml'), {
    status: 1,
    stdout:
      'NOT OK  tests.yaml: fast for half a minute\n' +
      '  -  20s  vmc-3  fast  firing\n' +
      '  +  30s  vmc-3  fast  firing  rpm = 5100\n',
    stderr: '',
  });
  const { status, stdout } = run(folder, '--json', 'tests.yaml');
  test.equal(status, 1);
  test.match(JSON.parse(stdout), {
    ok: false,
    tests: [{ ok: false, met: 1, missing: [{ at: 20_000 }], unexpected: [{ at: 30_000, values: { rpm: 5100 } }] }],
  });
});

t.test('an alert that nobody expects fails the test', async (test) => {
  const folder = test.testdir({
    'gateway.yaml': CONFIG,
    'tests.yaml': `${TESTS.split('    expect:')[0]}    expect: []\n`,
  });
  const { status, stdout } = run(folder, 'tests.yaml');
  test.equal(status, 1);
  test.match(stdout, /\+ +30s +vmc-3 +fast +firing/);
});

t.test('what is wrong with the files is told by line and column, exit code 78', async (test) => {
  const folder = test.testdir({
    'gateway.yaml': CONFIG.replace('rpm > 5000', 'rpm >> 5000'),
    'config.yaml': TESTS,
    'series.yaml': TESTS.replace('5100x6', '5100y6').replace('config: gateway.yaml', 'alerts: []'),
    'rule.yaml': TESTS.replace('config: gateway.yaml', 'alerts: [{ name: fats, condition: rpm > 1 }]'),
    'none.yaml': 'tests: []\n',
  });
  const { status, stderr } = run(folder, 'config.yaml', 'series.yaml', 'rule.yaml', 'none.yaml');
  test.equal(status, 78);
  const told = stderr.replaceAll(`${folder}/`, '');
  test.match(told, 'gateway.yaml:4:30: alerts[0].condition: at character 1: there is no operator >>');
  test.match(told, 'series.yaml:5:41: tests[0].machines.vmc-3.series.rpm: “5100y6” is no value');
  test.match(told, 'rule.yaml: test “fast for half a minute”: there is no rule fast: did you mean fats?');
  test.match(told, /none\.yaml:1:1: .*expected either config: FILE or alerts/);
  test.match(run(folder, 'gone.yaml').status, 78);
});
