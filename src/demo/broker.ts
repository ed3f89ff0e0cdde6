import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { Fault } from '../errors.ts';

/** An MQTT broker within this process, on 127.0.0.1. */
export interface DemoBroker extends AsyncDisposable {
  readonly port: number;
}

/** @throws Fault where aedes is not installed: it comes with a clone, not with a package */
export async function startBroker(): Promise<DemoBroker> {
  const { Aedes } = await import('aedes').catch((cause: unknown) => {
    throw new Fault('us', 'the demo needs its embedded broker', { hint: 'npm install aedes', cause });
  });
  const aedes = await Aedes.createBroker();
  const server = createServer(aedes.handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => aedes.close(resolve));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
