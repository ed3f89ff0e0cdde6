import { connectAsync } from 'mqtt';
import type { WireBatch } from '../../src/wire/contract.ts';
import { bytes } from './support.ts';

/** A client that publishes batches on their own topics, and is not the gateway's code. */
export interface Publisher extends AsyncDisposable {
  /** Resolves when all are acknowledged. */
  batches(batches: readonly WireBatch[]): Promise<void>;
  raw(topic: string, payload: string | Buffer): Promise<void>;
}

export async function startPublisher(port: number): Promise<Publisher> {
  const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: 4 });
  const raw = async (topic: string, payload: string | Buffer) => {
    await client.publishAsync(topic, payload, { qos: 1 });
  };
  return {
    raw,
    async batches(batches) {
      await Promise.all(
        batches.map((batch) => {
          const { tenant, gateway, machine, kind } = batch;
          return raw(`plc/${tenant}/${gateway}/${machine}/${kind}`, bytes(batch));
        }),
      );
    },
    [Symbol.asyncDispose]: () => client.endAsync(true),
  };
}
