import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { run } from '../cli/commission.ts';

t.test('what a machine says of a fault cannot move the cursor', async (t) => {
  const error = '<Error errorCode="INTERNAL_ERROR">no&#27;[2J&#x9b;2J&#10;edge-gateway: all is well</Error>';
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'text/xml');
    response.end(
      `<MTConnectError xmlns="urn:mtconnect.org:MTConnectError:1.7"><Errors>${error}</Errors></MTConnectError>`,
    );
  }).listen(0, '127.0.0.1');
  t.teardown(() => server.close());
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const { status, stderr } = await run(t.testdir(), ['probe', `http://127.0.0.1:${port}`]);
  t.equal(status, 1);
  t.match(stderr, /no \[2J 2J edge-gateway: all is well/);
  t.notMatch(stderr, /[^\P{Cc}\n]/u);
});
