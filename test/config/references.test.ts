import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t from 'tap';
import { z } from 'zod';
import { loadConfig } from '../../src/config/load.ts';
import type { MachineConfig } from '../../src/config/schema.ts';
import { filePath, type Secret, secret } from '../../src/config/secrets.ts';
import { createAuthority, noOpenssl } from '../support/certificates.ts';
import { environment, load, loadGood, MINIMAL, withUplink } from './support.ts';

/** What must never be seen anywhere. */
const TEXT = 'hunter2-hunter2';
const URL_LINE = 'url: mqtts://broker.example.com:8883';
const withPassword = (reference: string) => withUplink(URL_LINE, `auth: { password: ${reference} }`);

t.test('a secret comes from the environment, a file beside the config or a systemd credential', async (t) => {
  const folder = t.testdir({ 'a.txt': `${TEXT}\n`, 'b.txt': `${TEXT}\r\n`, credentials: { mqtt: TEXT } });
  for (const file of ['a.txt', 'b.txt']) chmodSync(join(folder, file), 0o600);
  environment(t, { SECRET_OF_TEST: TEXT, CREDENTIALS_DIRECTORY: join(folder, 'credentials') });
  chmodSync(join(folder, 'credentials/mqtt'), 0o400);
  const references = ['env:SECRET_OF_TEST', 'file:a.txt', 'file:./b.txt', `file:${folder}/a.txt`, 'credential:mqtt'];
  for (const reference of references) {
    const { config, errors, warnings } = load(folder, withPassword(`"\${${reference}}"`));
    t.same([...errors, ...warnings], [], reference);
    t.equal(config?.uplink.auth?.password?.reveal(), TEXT, reference);
    t.equal(config?.uplink.auth?.password?.reference, `\${${reference}}`);
  }
});

t.test('a secret is not seen in a dump, a log line or a text of the config', async (t) => {
  environment(t, { SECRET_OF_TEST: TEXT });
  const config = loadGood(t.testdir(), withPassword('"${env:SECRET_OF_TEST}"'));
  const password = config.uplink.auth?.password;
  t.equal(password?.reveal(), TEXT);
  const shown = [
    inspect(config, { depth: 20, showHidden: true, getters: true }),
    JSON.stringify(config),
    `${password}`,
    String(password),
    Object.values(password ?? {}).join(),
    JSON.stringify(structuredClone({ ...password })),
  ].join('\n');
  t.notMatch(shown, TEXT);
  t.match(shown, '${env:SECRET_OF_TEST}');
});

t.test('a secret that is written in the config is refused and not repeated', async (t) => {
  const wrong = {
    'as the value': [URL_LINE, `auth: { password: ${TEXT} }`],
    'in quotes': [URL_LINE, `auth: { token: "${TEXT}" }`],
    'beside a reference': [URL_LINE, `auth: { token: "\${env:HOME}${TEXT}" }`],
    'as a list': [URL_LINE, `auth: { password: [${TEXT}] }`],
    'as the whole': [URL_LINE, `auth: ${TEXT}`],
    'as a key': [URL_LINE, `auth: { ${TEXT} }`],
    'as a key of its own': [URL_LINE, 'auth:', '  username: me', `  ${TEXT}: x`],
    'as a variable': [URL_LINE, `auth: { password: "\${${TEXT}}" }`],
    'in the url': [`url: mqtts://me:${TEXT}@broker`],
    'as an alias': [URL_LINE, `auth: { password: *${TEXT} }`],
    'as a tag': [URL_LINE, `auth: { password: !${TEXT} x }`],
    'in a broken text': [URL_LINE, `auth: { password: "${TEXT} }`],
    'after a broken text': [URL_LINE, `auth: { password: "" ${TEXT} }`],
    'with an escape': [URL_LINE, `auth: { password: "\\${TEXT}" }`],
    'as a number': [URL_LINE, 'auth: { password: 123456789 }'],
  };
  const folder = t.testdir();
  for (const [name, lines] of Object.entries(wrong)) {
    const { errors } = load(folder, withUplink(...lines));
    t.ok(errors.length > 0, name);
    t.notMatch(errors.join('\n'), new RegExp(`${TEXT}|123456789`, 'i'), name);
  }
});

t.test('a reference that leads nowhere is told at its place', async (t) => {
  const folder = t.testdir({ 'empty.txt': '\n', folder: {} });
  const error = (reference: string) =>
    load(folder, withPassword(`"\${${reference}}"`))
      .errors.join('\n')
      .replaceAll(folder, 'FOLDER');
  environment(t, { SECRET_OF_TEST: undefined, EMPTY_OF_TEST: '', CREDENTIALS_DIRECTORY: undefined });
  const at = '6:21: uplink.auth.password: ';
  t.equal(error('env:SECRET_OF_TEST'), `${at}the environment variable SECRET_OF_TEST is not set`);
  t.equal(error('env:EMPTY_OF_TEST'), `${at}the environment variable EMPTY_OF_TEST is empty`);
  t.equal(error('file:gone.txt'), `${at}cannot read FOLDER/gone.txt: there is no such file`);
  t.equal(error('file:empty.txt'), `${at}the file FOLDER/empty.txt is empty`);
  t.equal(error('file:folder'), `${at}cannot read FOLDER/folder: it is a folder, not a file`);
  t.equal(error('file:/dev/zero'), `${at}cannot read /dev/zero: it is larger than 1024 KiB`);
  t.match(error('credential:mqtt'), /systemd has handed over no credentials: add LoadCredential=mqtt:PATH/);
  environment(t, { CREDENTIALS_DIRECTORY: folder });
  t.equal(error('credential:mqtt'), `${at}cannot read FOLDER/mqtt: there is no such file`);
  t.equal(error('credential:../etc/shadow'), `${at}a credential is a name, not a path`);
});

t.test('a token of the status page that can be guessed is told, and not repeated', async (t) => {
  const folder = t.testdir({
    'short.txt': 'only15charactrs',
    'long.txt': 'just16characters',
    'spaced.txt': 'not one word but five',
  });
  const errors = (file: string) => load(folder, `${withUplink(URL_LINE)}http: { token: "\${file:${file}}" }\n`).errors;
  t.same(errors('short.txt'), ['6:16: http.token: has fewer than 16 characters: make one with openssl rand -hex 16']);
  t.match(errors('spaced.txt'), [/has a space in it/]);
  t.same(errors('long.txt'), []);
});

t.test('without its secrets a config loads with warnings, and a secret cannot be revealed', async (t) => {
  environment(t, { SECRET_OF_TEST: undefined });
  const text = withUplink(URL_LINE, 'auth: { password: "${env:SECRET_OF_TEST}" }', 'tls: { ca: gone.pem }');
  const { config, errors, warnings } = load(t.testdir(), text, { absent: 'warning' });
  t.same(errors, []);
  t.match(warnings, [/^6:21: uplink.auth.password: the environment variable/, /^7:14: uplink.tls.ca: cannot read/]);
  t.throws(() => config?.uplink.auth?.password?.reveal(), { name: 'Fault', of: 'config' });
  t.match(
    load(t.testdir(), `${text}bufer: 1`, { absent: 'warning' }).errors,
    [/^8:1: bufer/],
    'other errors stay errors',
  );
});

t.test('a secret that every user may read is warned about', async (t) => {
  const folder = t.testdir({ 'a.txt': TEXT });
  chmodSync(join(folder, 'a.txt'), 0o644);
  t.same(load(folder, withPassword('"${file:a.txt}"')).warnings, [
    `6:21: uplink.auth.password: every user of this computer may read this secret: chmod o-r ${folder}/a.txt`,
  ]);
});

t.test('a reference is resolved wherever a driver’s settings take one', async (t) => {
  environment(t, { SECRET_OF_TEST: TEXT });
  const folder = t.testdir({ 'a.pem': 'x' });
  const settings = z.object({
    logins: z.array(z.object({ password: secret().describe('its password') })).default([]),
    trust: z.union([z.object({ file: filePath() }), z.literal('all')]).optional(),
    sites: z.record(z.string(), filePath().nullable()).optional(),
  });
  const file = join(folder, 'a.yaml');
  const machine =
    'id: a, driver: other, logins: [{ password: "${env:SECRET_OF_TEST}" }], trust: { file: a.pem }, sites: { x: a.pem, y: null }';
  writeFileSync(file, MINIMAL.replace(/ {2}- .*/, `  - { ${machine} }`));
  const result = loadConfig(file, { other: { settings } });
  if ('errors' in result) throw new Error(inspect(result.errors));
  const [loaded] = result.config.machines as [MachineConfig];
  t.equal((loaded['logins'] as [{ password: Secret }])[0].password.reveal(), TEXT);
  t.same(loaded['trust'], { file: join(folder, 'a.pem') });
  t.same(loaded['sites'], { x: join(folder, 'a.pem'), y: null });
});

t.test('certificates and keys', { skip: noOpenssl }, async (t) => {
  const folder = t.testdir();
  const authority = createAuthority(folder);
  authority.issue('gw');
  authority.issue('other');
  authority.issue('old', { days: -1 });
  authority.issue('soon', { days: 10 });
  for (const name of ['gw', 'other', 'old', 'soon']) chmodSync(join(folder, `${name}.key`), 0o600);
  const told = (tls: string) => {
    const { errors, warnings } = load(folder, withUplink(URL_LINE, `tls: { ${tls} }`));
    return [...errors, ...warnings].map((text) => text.replaceAll(folder, 'FOLDER'));
  };

  t.test('good ones are taken, by absolute path', async (t) => {
    const { uplink } = loadGood(folder, withUplink(URL_LINE, 'tls: { ca: ca.crt, cert: gw.crt, key: gw.key }'));
    t.strictSame(uplink.tls, { ca: join(folder, 'ca.crt'), cert: join(folder, 'gw.crt'), key: join(folder, 'gw.key') });
  });

  t.test('a credential may be a key', async (t) => {
    mkdirSync(join(folder, 'credentials'));
    symlinkSync('../gw.key', join(folder, 'credentials/gw-key'));
    environment(t, { CREDENTIALS_DIRECTORY: join(folder, 'credentials') });
    const { uplink } = loadGood(folder, withUplink(URL_LINE, 'tls: { cert: gw.crt, key: "${credential:gw-key}" }'));
    t.equal(uplink.tls?.key, join(folder, 'credentials/gw-key'));
  });

  t.test('what is not one is told', async (t) => {
    t.same(told('ca: gw.key'), [
      '6:14: uplink.tls.ca: this file is not a certificate in PEM form (-----BEGIN CERTIFICATE-----)',
    ]);
    t.same(told('cert: gw.crt, key: gw.crt'), [
      '6:29: uplink.tls.key: this file is not a private key in PEM form (-----BEGIN PRIVATE KEY-----)',
    ]);
    const bundle = readFileSync(join(folder, 'ca.crt'), 'utf8');
    writeFileSync(join(folder, 'bundle.crt'), `${bundle}${bundle.replace(/\n.{10}/, '\n')}`);
    t.match(told('ca: bundle.crt'), [/not a certificate/], 'the second of a bundle');
    execFileSync('openssl', ['ec', '-aes128', '-passout', 'pass:x', '-in', 'gw.key', '-out', 'locked.key'], {
      cwd: folder,
      stdio: 'ignore',
    });
    t.same(told('cert: gw.crt, key: locked.key'), [
      '6:29: uplink.tls.key: this private key has a passphrase: expected one without',
    ]);
  });

  t.test('a key of another certificate is told', async (t) => {
    t.same(told('cert: gw.crt, key: other.key'), [
      '6:29: uplink.tls.key: this private key does not belong to the certificate in cert',
    ]);
  });

  t.test('expiry and an open key are warnings', async (t) => {
    t.match(told('cert: old.crt, key: old.key'), [
      /^6:16: uplink.tls.cert: this certificate expired on \d{4}-\d\d-\d\d: the other side will refuse it$/,
    ]);
    t.match(told('cert: soon.crt, key: soon.key'), [
      /^6:16: uplink.tls.cert: this certificate expires on .*: renew it$/,
    ]);
    chmodSync(join(folder, 'other.key'), 0o644);
    t.match(told('cert: other.crt, key: other.key'), [
      /^6:32: uplink.tls.key: every user of this computer may read this private key: chmod o-r /,
    ]);
  });
});
