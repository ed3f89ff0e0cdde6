import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Pki, pkiFolder } from '../../../src/drivers/opcua/pki.ts';
import { explain } from '../../../src/errors.ts';
import { freePort, millFor } from './server.ts';
import { collect, driverFor, folderOf, sees, trust, USERS, user } from './support.ts';

type Own = Partial<Parameters<typeof driverFor>[1]>;

const SPEED = { signals: { rpm: 'nsu=http://acme.com/mill;s=Mill.Spindle.Speed' } };
const ENCRYPTED = { security: { mode: 'signAndEncrypt' as const } };

/** What the technician reads when a machine cannot be connected. */
async function told(test: Test, url: string, own: Own = {}): Promise<string> {
  const driver = driverFor(folderOf(test), { ...SPEED, ...own, url });
  try {
    await collect(driver, { until: () => false, within: 5000 });
  } catch (error) {
    return explain(error);
  }
  throw new Error('it connected');
}

/** A TCP server on a port of its own that ends with the test. */
async function tcp(test: Test, serve: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  return `opc.tcp://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
}

t.test('what is no OPC UA server is told in one sentence', async (test) => {
  test.match(
    await told(test, `opc.tcp://127.0.0.1:${await freePort()}`),
    /nothing listens there .*: check that the server runs/,
  );
  const web = await tcp(test, (socket) => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
  test.match(await told(test, web), /what listens there does not speak OPC UA: check the port/);
  const dumb = await tcp(test, () => undefined);
  test.match(
    await told(test, dumb, { requestTimeout: '300ms' }),
    /does not answer in time.*: check that the server runs, the port/,
  );
  const closing = await tcp(test, (socket) => socket.destroy());
  test.match(await told(test, closing), /the server broke the connection/);
});

t.test('security, trust and users', async (test) => {
  const mill = await millFor(test, { isSecure: true, users: USERS, maxSessions: 1 });
  const { url } = mill;
  const folder = folderOf(test);

  test.match(
    await told(test, url, ENCRYPTED),
    /does not take anonymous users with signAndEncrypt.*takes username.*: set auth/,
  );
  test.match(
    await told(test, url, { ...ENCRYPTED, security: { mode: 'sign', policy: 'Aes128_Sha256_RsaOaep' } }),
    /does not offer sign with Aes128_Sha256_RsaOaep: it offers none, .*signAndEncrypt with Aes256_Sha256_RsaPss/,
  );

  const untrusted = await told(test, url, { ...ENCRYPTED, auth: user() });
  const hint = /certificate is not trusted yet .*edge-gateway trust accept ([0-9a-f]{12}) --config FILE$/;
  test.match(untrusted, hint);
  const pki = new Pki(pkiFolder(folder));
  const [, prefix = ''] = hint.exec(untrusted) ?? [];
  test.match(await pki.list(), [{ store: 'rejected', thumbprint: new RegExp(`^${prefix}`) }]);
  await test.rejects(pki.accept('0000'), /no certificate .* begins with 0000/);
  await pki.accept(prefix);

  test.match(await told(test, url, { ...ENCRYPTED, auth: user('wrong') }), /refuses the user .*: check auth/);

  const driver = driverFor(folder, { ...SPEED, ...ENCRYPTED, auth: user(), url });
  const stop = new AbortController();
  const observing = driver.observe(undefined, stop.signal);
  await observing.next();
  test.match(driver.vitals(), [
    { name: 'link', level: 'good' },
    { name: 'security', text: 'signAndEncrypt with Aes256_Sha256_RsaPss' },
  ]);
  test.match(
    driver
      .vitals()
      .map(({ name }) => name)
      .join(),
    /own certificate,server certificate,/,
  );
  test.match(await told(test, url, { ...ENCRYPTED, auth: user() }), /no session left .*: close other clients/);
  await observing.return(undefined);

  await pki.remove(prefix);
  test.match(await told(test, url, { ...ENCRYPTED, auth: user() }), /certificate is not trusted yet/);
});

t.test('a server without security is read, and that it could do better is told once', async (test) => {
  const mill = await millFor(test, { isSecure: true });
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url });
  const first = await collect(driver, { until: sees('rpm', 0) });
  test.match(first.notices('security-none'), [
    /without security, and the server offers signAndEncrypt with Aes256_Sha256_RsaPss/,
  ]);
  const second = await collect(driver, { until: sees('rpm', 0) });
  test.same(second.notices('security-none'), []);
});

t.test('our certificate persists, and a damaged one says what to do', async (test) => {
  const mill = await millFor(test, { isSecure: true });
  const folder = folderOf(test);
  await trust(folder, mill.url);
  const own = await new Pki(pkiFolder(folder)).own();
  test.match(own, { applicationUri: /^urn:.+:edge-gateway$/ });
  test.same((await new Pki(pkiFolder(folder)).own()).certificate, own.certificate);
  const together = new Pki(pkiFolder(`${folder}-2`));
  const [a, b] = await Promise.all([together.own(), together.own()]);
  test.equal(a, b, 'machines that start at once share one');
  const elevenYears = Date.now() + 11 * 365 * 86_400_000;
  const renewed = await new Pki(pkiFolder(folder), () => elevenYears).own();
  test.notSame(renewed.certificate, own.certificate, 'made anew when it has expired');
  test.equal(renewed.key, own.key);
  await writeFile(join(pkiFolder(folder), 'own/certs/edge-gateway.pem'), 'nonsense');
  await test.rejects(new Pki(pkiFolder(folder)).own(), /our own certificate/);
});
