import { connectAsync } from 'mqtt';
import { decodePayload } from '../../src/wire/codec.ts';

/** A batch as it came. */
export interface Received {
  readonly kind: string;
  readonly machine: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Of the payload. */
  readonly bytes: number;
  readonly body: {
    readonly t0: number;
    readonly signals?: Readonly<Record<string, { readonly t: readonly number[] }>>;
    readonly alerts?: readonly { readonly t: number; readonly state: string }[];
  };
}

/** Is shown every batch that comes; with QoS 0, so that its acknowledgements cost the broker nothing. */
export async function subscribe(url: string, take: (received: Received) => void): Promise<AsyncDisposable> {
  const client = await connectAsync(url);
  client.on('message', (topic, payload) => {
    const at = Date.now();
    const [, , , machine, kind] = topic.split('/');
    if (machine === undefined || kind === undefined) return;
    const decoded = decodePayload(payload);
    if ('problem' in decoded) throw new Error(`${topic} ${decoded.problem}`);
    take({ kind, machine, at, bytes: payload.length, body: decoded.value as Received['body'] });
  });
  await client.subscribeAsync('plc/#');
  return {
    // Not `endAsync`: it never ends where the connection was lost meanwhile.
    async [Symbol.asyncDispose]() {
      client.end(true);
    },
  };
}

/** Milliseconds from each observation of a batch to its arrival. */
export function* ages({ at, body }: Received): Generator<number> {
  for (const { t } of Object.values(body.signals ?? {})) for (const one of t) yield at - body.t0 - one;
}

/** Observations in a batch. */
export function countOf({ body }: Received): number {
  return Object.values(body.signals ?? {}).reduce((sum, { t }) => sum + t.length, 0);
}
