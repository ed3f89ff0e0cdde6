import { once } from 'node:events';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { ask } from '../../src/control/client.ts';
import { type Answer, ControlServer } from '../../src/control/server.ts';
import { socketPath } from '../../src/control/socket-path.ts';
import { Fault } from '../../src/errors.ts';
import { testLog } from '../support/forwarding.ts';

const COMMANDS: Readonly<Record<string, Answer>> = {
  double: async ({ n }, tell) => {
    tell({ half: true });
    return { n: Number(n) * 2 };
  },
  refuse: async () => {
    throw new Fault('config', 'not now', { hint: 'later' });
  },
  forever: (_request, _tell, signal) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  broken: async () => {
    throw new TypeError('a bug');
  },
};

async function listening(t: Test, dataDir: string) {
  const records = testLog();
  const server = await ControlServer.listen(dataDir, COMMANDS, records.log);
  t.teardown(() => server[Symbol.asyncDispose]());
  return { server, ...records };
}

t.test('a request is answered, with what is told before', async (t) => {
  const dataDir = t.testdir();
  await listening(t, dataDir);
  const told: unknown[] = [];
  t.same(await ask(dataDir, { command: 'double', n: 4 }, (progress) => told.push(progress)), { n: 8 });
  t.same(told, [{ half: true }]);
  t.equal(statSync(join(dataDir, 'control.sock')).mode & 0o777, 0o660);
});

t.test('what is refused or unknown is one sentence, and a bug is logged', async (t) => {
  const dataDir = t.testdir();
  const { line } = await listening(t, dataDir);
  await t.rejects(ask(dataDir, { command: 'refuse' }), { message: 'not now: later' });
  await t.rejects(ask(dataDir, { command: 'toString' }), /unknown command toString/);
  await t.rejects(ask(dataDir, { command: 'broken' }), /a bug/);
  await line(/^error: the control socket/);
});

t.test('a gateway that hangs is said to', async (t) => {
  const dataDir = t.testdir();
  await listening(t, dataDir);
  const asking = ask(dataDir, { command: 'forever' }, undefined, 50);
  await t.rejects(asking, { of: 'us', message: 'the gateway has said nothing for 0.05 s: it hangs' });
});

t.test('no gateway, or one that has ended, is said', async (t) => {
  const dataDir = t.testdir();
  await t.rejects(ask(dataDir, { command: 'double' }), { of: 'config', message: /no gateway runs/, hint: /start it/ });
  const { server } = await listening(t, dataDir);
  const asking = ask(dataDir, { command: 'forever' });
  const rejected = t.rejects(asking, /has ended meanwhile/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  await server[Symbol.asyncDispose]();
  await rejected;
});

t.test('a socket that was left behind is replaced, and a long path will do', async (t) => {
  const dataDir = join(t.testdir(), 'a'.repeat(100), 'b'.repeat(100));
  mkdirSync(dataDir, { recursive: true });
  writeFileSync(join(dataDir, 'control.sock'), '');
  await listening(t, dataDir);
  t.same(await ask(dataDir, { command: 'double', n: 1 }), { n: 2 });
});

t.test('garbage and clients that leave cost nothing', async (t) => {
  const dataDir = t.testdir();
  await listening(t, dataDir);
  const socketOf = async () => {
    using place = socketPath(dataDir);
    const socket = connect(place.path);
    await once(socket, 'connect');
    return socket;
  };
  for (const text of ['{"command":\n', '[]\n', 'null\n', '\n']) {
    const socket = await socketOf();
    socket.write(text);
    t.match(String(await once(socket.setEncoding('utf8'), 'data')), /^{"error":"a line is no JSON/);
    socket.destroy();
  }
  const left = await socketOf();
  left.write('{"command":"forever"}\n');
  left.destroy();
  t.same(await ask(dataDir, { command: 'double', n: 3 }), { n: 6 });
});
