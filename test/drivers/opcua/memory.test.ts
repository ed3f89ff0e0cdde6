import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ClientSession, ReadRequest, type ReadResponse } from 'node-opcua-client';
import t from 'tap';
import { connect } from '../../../src/drivers/opcua/connect.ts';
import { Pki, pkiFolder } from '../../../src/drivers/opcua/pki.ts';
import { settings } from '../../../src/drivers/opcua/settings.ts';
import { millFor } from './server.ts';
import { folderOf } from './support.ts';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

t.test('an answer that was taken is forgotten, however long the link lives', async (test) => {
  const { url } = await millFor(test);
  const pki = new Pki(pkiFolder(folderOf(test)));
  const { link } = await connect({ settings: settings.parse({ url }), pki, name: 'test' }, AbortSignal.timeout(20_000));
  const answers: WeakRef<object>[] = [];
  for (let i = 0; i < 20; i++) {
    const request = new ReadRequest({ nodesToRead: [{ nodeId: 'i=2258', attributeId: 13 }] });
    answers.push(new WeakRef(await link.request<ReadResponse>(request)));
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  collectGarbage();
  const kept = answers.filter((answer) => answer.deref() !== undefined).length;
  await link.end();
  test.ok(kept <= 2, `${kept} of ${answers.length} are kept`);
});

t.test('a connection that was left is forgotten, its session goes on', async (test) => {
  const { url } = await millFor(test);
  const pki = new Pki(pkiFolder(folderOf(test)));
  const options = { settings: settings.parse({ url }), pki, name: 'test' };
  const left: WeakRef<object>[] = [];
  let session: ClientSession | undefined;
  for (let i = 0; i < 10; i++) {
    const { link } = await connect({ ...options, session }, AbortSignal.timeout(20_000));
    session = link.session;
    left.push(new WeakRef(link.client));
    await link.leave();
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  collectGarbage();
  const kept = left.filter((client) => client.deref() !== undefined).length;
  test.ok(kept <= 2, `${kept} of ${left.length} are kept`);
});
