import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { changedKeys, fileHash } from '../../src/audit/config-change.ts';
import { Secret } from '../../src/config/secrets.ts';
import { loadGood, MINIMAL } from '../config/support.ts';

t.test('what changed is named by its keys, and never by its values', async (t) => {
  const before = loadGood(t.testdir(), MINIMAL);
  const after = loadGood(
    t.testdir(),
    `${MINIMAL.replace('192.168.0.21', '192.168.0.99').replace('uplink:', '  - { id: saw, driver: mtconnect, url: "http://a" }\nuplink:')}log: { level: debug }\n`,
  );
  const { changed } = changedKeys(before, after);
  t.same(
    changed.filter((key) => !key.startsWith('gateway.dataDir')),
    ['machines.vmc-3.url', 'machines.saw', 'log.level'],
  );
  t.same(changedKeys(before, before), { changed: [] });
});

t.test('a secret that changed is named, also behind the same reference; order is no change', async (t) => {
  const auth = (text: string) => ({ auth: { password: new Secret('${env:P}', text) }, list: [1, 2] });
  t.same(changedKeys(auth('a'), auth('b')), { changed: ['auth.password'] });
  t.same(changedKeys(auth('a'), auth('a')), { changed: [] });
  t.same(changedKeys([{ id: 'a' }, { id: 'b' }], [{ id: 'b' }, { id: 'a' }]), { changed: [] });
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, n) => [`k${n}`, n]));
  t.match(changedKeys({}, many), { changed: { length: 100 }, more: 50 });
});

t.test('the hash of a file is what sha256sum says', async (t) => {
  const file = join(t.testdir(), 'gateway.yaml');
  writeFileSync(file, MINIMAL);
  t.equal(await fileHash(file), execFileSync('sha256sum', [file]).toString().split(' ')[0]);
  t.equal(await fileHash(`${file}.none`), null);
});
