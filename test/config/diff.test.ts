import t from 'tap';
import { diffConfig } from '../../src/config/diff.ts';
import type { Config } from '../../src/config/schema.ts';
import { Secret } from '../../src/config/secrets.ts';
import { loadGood, MINIMAL } from './support.ts';

const base = loadGood(t.testdir(), MINIMAL);
const [machine] = base.machines as [Config['machines'][number]];
const LOG_CHANNEL = { type: 'log', resolved: true, perHour: 60, timeout: 10_000 } as const;
const NONE = {
  removed: [],
  added: [],
  changed: [],
  uplink: false,
  buffer: false,
  http: false,
  rules: false,
  needsRestart: [],
};

t.test('a config that was read again unchanged changes nothing', async (t) => {
  t.strictSame(
    diffConfig(base, loadGood(t.testdir(), MINIMAL)),
    { ...NONE, needsRestart: ['gateway.dataDir'] },
    'another folder',
  );
  t.strictSame(diffConfig(base, structuredClone(base)), NONE);
});

t.test('machines are told by their ids, whatever their order', async (t) => {
  const of = (...machines: Config['machines']) => ({ ...base, machines });
  const [a, b, c] = [
    { ...machine, id: 'a' },
    { ...machine, id: 'b' },
    { ...machine, id: 'c' },
  ];
  t.strictSame(diffConfig(of(a, b), of(b, a)), NONE);
  t.strictSame(diffConfig(of(a, b), of(c, b)), { ...NONE, removed: ['a'], added: ['c'] });
  t.strictSame(diffConfig(of(a, b), of(a, { ...b, labels: { line: 'A' } })), { ...NONE, changed: ['b'] });
  t.strictSame(diffConfig(of(a, b), of({ ...a, driver: 'other' }, { ...b, device: 'x' })).changed, ['a', 'b']);
  t.strictSame(diffConfig(of({ ...a, nested: [{ x: 1 }] }), of({ ...a, nested: [{ x: 1 }] })), NONE);
  t.strictSame(diffConfig(of({ ...a, nested: [{ x: 1 }] }), of({ ...a, nested: [{ x: 2 }] })).changed, ['a']);
  t.strictSame(diffConfig(of({ ...a, nested: [1] }), of({ ...a, nested: [1, 2] })).changed, ['a']);
  t.strictSame(diffConfig(of({ ...a, device: undefined }), of(a)), NONE, 'a key that is undefined is left out');
});

t.test('each part that changes is told', async (t) => {
  const after = (change: Partial<Config>) => diffConfig(base, { ...base, ...change });
  t.strictSame(after({ uplink: { ...base.uplink, backoff: { min: 1, max: 2 } } }), { ...NONE, uplink: true });
  t.strictSame(after({ buffer: { ...base.buffer, maxAge: 1 } }), { ...NONE, buffer: true });
  t.strictSame(after({ http: { listen: 'off' } }), { ...NONE, http: true });
  t.strictSame(after({ channels: { desk: LOG_CHANNEL } }), { ...NONE, rules: true });
  t.strictSame(after({ log: { ...base.log, level: 'debug' } }), { ...NONE, needsRestart: ['log'] });
});

t.test('what a running gateway cannot take up is named', async (t) => {
  const gateway = { ...base.gateway, id: 'x', tenant: 'y', site: 'z', dataDir: '/w' };
  const log = { ...base.log, format: 'json' as const };
  t.strictSame(diffConfig(base, { ...base, gateway, log }), {
    ...NONE,
    needsRestart: ['gateway.id', 'gateway.tenant', 'gateway.site', 'gateway.dataDir', 'log'],
  });
});

t.test('a secret is compared by its text, not by its reference', async (t) => {
  const of = (password: Secret | undefined) => ({ ...base, uplink: { ...base.uplink, auth: { password } } });
  const changed = (before: Secret | undefined, after: Secret | undefined) => diffConfig(of(before), of(after)).uplink;
  t.notOk(changed(new Secret('${env:A}', 'x'), new Secret('${env:A}', 'x')));
  t.notOk(changed(new Secret('${env:A}', 'x'), new Secret('${file:b}', 'x')));
  t.ok(changed(new Secret('${env:A}', 'x'), new Secret('${env:A}', 'y')), 'the variable has another text now');
  t.ok(changed(undefined, new Secret('${env:A}', 'y')));
  t.ok(changed(new Secret('${env:A}', 'y'), undefined));
});
