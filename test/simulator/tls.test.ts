import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { get } from 'node:https';
import t from 'tap';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { createAuthority, noOpenssl } from '../support/certificates.ts';

t.test('serves TLS with the certificate it is given', { skip: noOpenssl }, async (t) => {
  const authority = createAuthority(t.testdir());
  const { cert, key } = authority.issue('agent');
  const agent = new SimulatedAgent({ tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } });
  t.teardown(() => agent.stop());
  const url = await agent.start();
  t.equal(url.protocol, 'https:');
  const [message] = await once(
    get(new URL('/probe', url), { ca: readFileSync(authority.ca), agent: false }),
    'response',
  );
  t.match(Buffer.concat(await message.toArray()).toString(), /<MTConnectDevices/);
  await t.rejects(once(get(new URL('/probe', url), { agent: false }), 'response'), { code: /CERT|SIGNATURE|ISSUER/ });
});
