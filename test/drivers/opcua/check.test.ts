import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import { check } from '../../../src/drivers/opcua/check.ts';
import { settings } from '../../../src/drivers/opcua/settings.ts';
import { drivers } from '../../../src/drivers/registry.ts';
import type { Own } from './support.ts';

/** What is found in machines that fit the schema, as `path: message`. */
function findings(...machines: Partial<Own>[]): string[] {
  const configured = machines.map((own, i) => ({
    id: `m${i}`,
    settings: settings.parse({ url: 'opc.tcp://h:4840', signals: { a: 'ns=1;i=1' }, ...own }),
  }));
  return check(configured).map(
    ({ machine, path, message, level }) => `${machine} ${level ?? 'error'} ${path.join('.')}: ${message}`,
  );
}

t.test('what cannot be is told at its key', async (test) => {
  const CASES: [own: Partial<Own>, expected: RegExp][] = [
    [{}, /^$/],
    [{ signals: {} }, /0 error signals: expected at least one signal, or folders/],
    [{ signals: { available: 'i=1' } }, /error signals.available: the driver itself gives/],
    [{ signals: { state: 'i=1', a: 'i=2' }, state: "a ? 'running' : 'idle'" }, /error signals.state: it follows/],
    [{ state: "b ? 'running' : 'idle'" }, /error state: no such signal: b/],
    [{ state: "b ? 'running' : 'idle'", folders: ['/Objects/Mill'] }, /^$/],
    [{ signals: { a: 'i=1', b: 'i=1' } }, /warning signals.b: the same node as a/],
    [{ signals: { a: { node: 'i=1', scale: 0 } } }, /error signals.a.scale/],
    [{ security: { mode: 'none', policy: 'Basic256Sha256' } }, /error security.policy/],
    [
      { dataAge: '1s', publishingInterval: '500ms' },
      /error dataAge: is shorter than three publishing intervals \(1500 ms\)/,
    ],
    [{ auth: { username: 'u', password: '${env:X}' } }, /warning auth: without security/],
  ];
  for (const [own, expected] of CASES) test.match(findings(own).join('\n'), expected, JSON.stringify(own));
  test.match(findings({}, {}), [/1 error url: the same url and nodes as machine m0/]);
  test.same(findings({}, { signals: { a: 'ns=1;i=2' } }), []);
});

t.test('what the schema refuses says what would be right', async (test) => {
  const CASES: [own: object, expected: RegExp][] = [
    [{ url: 'http://h' }, /opc\.tcp:\/\/192/],
    [{ url: 'opc.tcp://user@h' }, /expected the server/],
    [{ url: 'opc.tcp://h:99999' }, /expected the server/],
    [{ signals: { a: 'Speed' } }, /expected a node id .* or a path from the root/],
    [{ folders: [{ node: '/Objects', exclude: ['/a'] }] }, /without a slash at its beginning/],
    [{ deadband: '1 mm' }, /expected a number, or a percentage/],
    [{ security: { mode: 'none', policy: 'Basic256' } }, /Basic256Sha256/],
  ];
  for (const [own, expected] of CASES) {
    const { error } = settings.safeParse({ url: 'opc.tcp://h', ...own });
    test.match(JSON.stringify(error?.issues).replaceAll('\\', ''), expected, JSON.stringify(own));
  }
});

t.test('the example is a config without a warning', async (test) => {
  const file = join(import.meta.dirname, '../../../src/drivers/opcua/example.yaml');
  process.env['MILL_PASSWORD'] = 'x';
  test.teardown(() => delete process.env['MILL_PASSWORD']);
  const result = loadConfig(file, drivers);
  test.same('errors' in result ? result.errors : [], []);
  test.same(result.warnings, []);
});
