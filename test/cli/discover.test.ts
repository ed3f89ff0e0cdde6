import t from 'tap';
import { run, runningAgent } from './commission.ts';

t.test('finds agents on several addresses, as a table and as JSON', async (t) => {
  const { port } = await runningAgent(t, { devices: [{ name: 'mill' }] }, '127.0.0.6');
  await runningAgent(t, { devices: [{ name: 'lathe' }] }, '127.0.0.5', port);
  const folder = t.testdir();
  const args = ['discover', '127.0.0.1-127.0.0.8', '--ports', String(port)];
  const [table, json] = await Promise.all([run(folder, args), run(folder, [...args, '--json'])]);
  t.equal(table.status, 0);
  const [head, first, second] = table.stdout.split('\n');
  t.match(head, /^url +driver +name +says$/);
  t.match(first, new RegExp(`^http://127\\.0\\.0\\.5:${port} +mtconnect +lathe +manufacturer`));
  t.match(second, /^http:\/\/127\.0\.0\.6:\d+ +mtconnect +mill/);
  t.match(table.stderr, `Next: edge-gateway probe http://127.0.0.5:${port}`);
  t.match(JSON.parse(json.stdout), {
    found: [{ driver: 'mtconnect', name: 'lathe' }, { name: 'mill' }],
    serialPorts: Array,
  });
  t.equal(JSON.parse(json.stdout).found.length, 2);
});

t.test('scans nothing unasked, and says what is wrong with a range', async (t) => {
  const folder = t.testdir();
  const cases: [readonly string[], number, RegExp][] = [
    [[], 64, /edge-gateway: .*(name a range|name ranges)/],
    [['10.0.0.0/15'], 64, /131070 addresses: give ranges of at most 65536/],
    [['10.0.0.0/x'], 64, /is no range: expected one like/],
    [['127.0.0.1', '--ports', '0'], 64, /--ports: expected/],
    [['127.0.0.1', '--concurrency', '0'], 64, /--concurrency: expected/],
    [['127.0.0.1', '--timeout', '1'], 64, /--timeout: expected/],
    [['127.0.0.1', '--ports', '1'], 1, /Nothing was found/],
  ];
  const results = await Promise.all(cases.map(([args]) => run(folder, ['discover', ...args])));
  for (const [index, [args, status, why]] of cases.entries()) {
    t.match(results[index], { status, stdout: '', stderr: why }, args.join(' '));
  }
});
