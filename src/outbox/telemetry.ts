import type { Quality, Value } from '../observation.ts';
import { utf8 } from '../utf8.ts';
import type { StoredBatch } from './outbox.ts';

/** What a batch of telemetry holds of a signal: one entry for each observation, as in contract v1. */
export interface Columns {
  readonly unit?: string;
  /** Milliseconds after the batch's t0; with decimals where they are finer. */
  readonly t: readonly number[];
  readonly v: readonly Value[];
  readonly q?: readonly Quality[];
}

/** By signal. Nothing of a body that is damaged: `buffer verify` tells of it, and the forwarder where it is still to be sent. */
export function signalsIn({ body }: StoredBatch): Readonly<Record<string, Columns>> {
  return body === undefined ? {} : JSON.parse(utf8(body));
}
