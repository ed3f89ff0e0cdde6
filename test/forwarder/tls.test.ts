import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { join } from 'node:path';
import t from 'tap';
import type { UplinkConfig } from '../../src/config/schema.ts';
import { TlsFiles } from '../../src/forwarder/tls.ts';
import { noMosquitto, startAedes, startMosquitto, webSocketListener } from '../support/brokers.ts';
import { type Authority, type Certificate, createAuthority, noOpenssl } from '../support/certificates.ts';
import { batches, startForwarder, testLog, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';

const skip = noOpenssl || noMosquitto;
const allDelivered = (rows: readonly { delivered: boolean }[]) => rows.every(({ delivered }) => delivered);

/** Config lines of a Mosquitto with TLS. */
function tlsLines({ ca }: Authority, { cert, key }: Certificate, ...more: string[]): string[] {
  return ['allow_anonymous true', `cafile ${ca}`, `certfile ${cert}`, `keyfile ${key}`, ...more];
}

async function filled(): Promise<MemoryOutbox> {
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 3) });
  return outbox;
}

t.test('delivers over mqtts to a broker of its own CA', { skip }, async (t) => {
  const authority = createAuthority(t.testdir());
  await using broker = await startMosquitto(tlsLines(authority, authority.issue('server')));
  const outbox = await filled();
  const tls = { ca: authority.ca };
  startForwarder(t, outbox, uplinkConfig(`mqtts://127.0.0.1:${broker.port}`, { tls }));
  await outbox.until(allDelivered);
  t.ok(outbox.settles.length > 0);
});

t.test('delivers over wss, and checks the name there, too', { skip: noOpenssl }, async (t) => {
  const authority = createAuthority(t.testdir());
  const { cert, key } = authority.issue('server', { san: 'DNS:broker.test' });
  const server = createHttpsServer({ cert: readFileSync(cert), key: readFileSync(key) });
  await using broker = await startAedes({}, webSocketListener(server));
  const url = `wss://127.0.0.1:${broker.port}/mqtt`;
  const outbox = await filled();
  startForwarder(t, outbox, uplinkConfig(url, { tls: { ca: authority.ca, serverName: 'broker.test' } }));
  await outbox.until(allDelivered);
  const { line } = startForwarder(t, await filled(), uplinkConfig(url, { tls: { ca: authority.ca } }));
  t.match(await line(/^error/), /ERR_TLS_CERT_ALTNAME_INVALID/);
});

t.test('trusts nobody by default, and tells how to', { skip }, async (t) => {
  const authority = createAuthority(t.testdir());
  await using broker = await startMosquitto(tlsLines(authority, authority.issue('server')));
  const { line } = startForwarder(t, await filled(), uplinkConfig(`mqtts://127.0.0.1:${broker.port}`));
  t.match(
    await line(/^error/),
    /comes from a CA that is not trusted here \(\w+\): set uplink\.tls\.ca to the PEM file/,
  );
});

t.test('refuses a certificate for another name, and one that has expired', { skip }, async (t) => {
  const authority = createAuthority(t.testdir());
  const wrong = authority.issue('wrong', { san: 'DNS:other.test,IP:127.0.0.2' });
  const expired = authority.issue('expired', { days: -1 });
  const tls = { ca: authority.ca };
  await using broker = await startMosquitto(tlsLines(authority, wrong));
  const url = `mqtts://127.0.0.1:${broker.port}`;
  const first = startForwarder(t, await filled(), uplinkConfig(url, { tls }));
  t.match(await first.line(/^error/), /for another name \(ERR_TLS_CERT_ALTNAME_INVALID\): connect by a name in/);
  await first.stop();

  const outbox = await filled();
  const named = startForwarder(t, outbox, uplinkConfig(url, { tls: { ...tls, serverName: 'other.test' } }));
  await outbox.until(allDelivered);
  t.pass('serverName says which name to expect');
  await named.stop();

  await broker.stop();
  await broker.start(tlsLines(authority, expired));
  const second = startForwarder(t, await filled(), uplinkConfig(url, { tls }));
  t.match(await second.line(/^error/), /has expired \(CERT_HAS_EXPIRED\): check the gateway’s clock/);
});

t.test('shows its client certificate, and tells when it is refused or missing', { skip }, async (t) => {
  const folder = t.testdir();
  const authority = createAuthority(folder);
  const stranger = createAuthority(folder, 'stranger');
  const client = authority.issue('client');
  const lines = tlsLines(authority, authority.issue('server'), 'require_certificate true');
  await using broker = await startMosquitto(lines);
  const url = `mqtts://127.0.0.1:${broker.port}`;
  const start = (outbox: MemoryOutbox, tls: NonNullable<UplinkConfig['tls']>) =>
    startForwarder(t, outbox, uplinkConfig(url, { tls: { ca: authority.ca, ...tls } }));

  const outbox = await filled();
  start(outbox, client);
  await outbox.until(allDelivered);
  t.pass('accepted');
  const missing = start(await filled(), {});
  t.match(await missing.line(/^(error|warn)/), /client.?.? certificate/, 'none');
  const refused = start(await filled(), stranger.issue('foreign'));
  t.match(await refused.line(/^(error|warn)/), /client.?.? certificate/, 'of another CA');
});

t.test('a plain port behind mqtts is told as such', { skip }, async (t) => {
  await using broker = await startMosquitto();
  const { line } = startForwarder(t, await filled(), uplinkConfig(`mqtts://127.0.0.1:${broker.port}`));
  t.match(await line(/^(error|warn)/), /check that scheme and port/);
});

t.test('files that cannot be used are told with their path, and are tried again', { skip: noOpenssl }, async (t) => {
  const folder = t.testdir();
  const authority = createAuthority(folder);
  const { cert } = authority.issue('a');
  const { key } = authority.issue('b');
  const { log } = testLog();
  const clock = { now: () => Date.now() };
  t.throws(() => new TlsFiles({ ca: '/no/such/file' }, log, clock).read(), {
    of: 'config',
    message: /uplink\.tls\.ca cannot be read: .*\/no\/such\/file/,
  });
  t.throws(() => new TlsFiles({ cert, key }, log, clock).read(), { message: /not usable: .*key/ });
  const outbox = await filled();
  const { line } = startForwarder(t, outbox, uplinkConfig('mqtts://127.0.0.1:1', { tls: { cert, key } }));
  t.match(await line(/^error/), /the key must belong to the certificate/);
});

t.test('renewed files replace the link once they belong together, and nothing is sent twice', { skip }, async (t) => {
  const folder = t.testdir();
  const authority = createAuthority(folder);
  const [old, renewed] = [authority.issue('old'), authority.issue('renewed')];
  const files = { cert: join(folder, 'client.crt'), key: join(folder, 'client.key') };
  copyFileSync(old.cert, files.cert);
  copyFileSync(old.key, files.key);
  const lines = tlsLines(
    authority,
    authority.issue('server'),
    'require_certificate true',
    'use_identity_as_username true',
  );
  await using broker = await startMosquitto(lines);
  const url = `mqtts://127.0.0.1:${broker.port}`;
  const outbox = await filled();
  const { line, count } = startForwarder(t, outbox, uplinkConfig(url, { tls: { ca: authority.ca, ...files } }));
  await outbox.until(allDelivered);
  copyFileSync(renewed.cert, files.cert);
  // The certificate alone does not belong to the key: the link stays.
  await line(/debug: certificates are not usable yet/);
  copyFileSync(renewed.key, files.key);
  await line(/info: the certificate files have changed: connecting anew/);
  await outbox.append({ batches: batches('m', 2) });
  await outbox.until(allDelivered);
  t.match(broker.log, /acme-gw-01.*u'old'/);
  t.match(broker.log, /acme-gw-01.*u'renewed'/);
  t.equal(broker.log.match(/Received PUBLISH .*telemetry/g)?.length, 5);
  t.equal(count(/^(warn|error)/), 0, 'that is no outage');
});

t.test('warns 30 days before a certificate ends', { skip: noOpenssl }, async (t) => {
  const authority = createAuthority(t.testdir());
  const { cert, key } = authority.issue('client', { days: 20 });
  const now = Date.now();
  for (const [later, expected] of [
    [-11, undefined],
    [0, /warn: the certificate .*client\.crt \(uplink\.tls\.cert\) expires in (19|20) days, on 20/],
    [21, /warn: the certificate .* expired on 20.*: renew it/],
  ] as const) {
    const { log, lines } = testLog();
    new TlsFiles({ ca: authority.ca, cert, key }, log, { now: () => now + later * 86_400_000 }).warnOfExpiry();
    if (expected === undefined) t.same(lines, []);
    else t.match(lines, [expected]);
  }
  writeFileSync(cert, 'not PEM');
  const { log, lines } = testLog();
  new TlsFiles({ cert, key }, log, { now: () => now }).warnOfExpiry();
  t.same(
    lines.filter((text) => !text.startsWith('debug')),
    [],
    'what cannot be read is told by the connect',
  );
});
