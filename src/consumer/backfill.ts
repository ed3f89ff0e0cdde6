import type { Run } from '../seq-ranges.ts';
import { channelOf } from '../wire/codec.ts';
import type { Status, WireBatch } from '../wire/contract.ts';

/** A backlog of which nothing came for so long is no longer being sent. */
const QUIET_MS = 30_000;

/** The historical batches of a channel since its gateway connected, by seq. */
interface Track {
  readonly first: number;
  lowest: number;
  highest: number;
}

interface Gateway {
  readonly tracks: Map<string, Track>;
  /** When a historical batch came last, and when the gateway went away, in milliseconds since the epoch. */
  lastAt: number;
  goneAt: number | undefined;
  /** When it connected, by its own clock. */
  connectedAt: number | undefined;
}

/**
 * What a backlog may still bring. While a gateway sends historical batches, a hole that they have not passed yet may be
 * filled: one above them where they rise, below them where they fall, and any of a channel of which none came yet. Of a
 * gateway that went away in the middle of it the rest waits there. Pure: times are handed in.
 */
export class Backfill {
  readonly #gateways = new Map<string, Gateway>();

  /** Takes a batch that was not known. */
  take(batch: WireBatch, now: number): void {
    if (batch.historical !== true) return;
    const { tracks } = Object.assign(this.#gateway(batch), { lastAt: now });
    const { seq } = batch;
    const track = tracks.get(channelOf(batch)) ?? { first: seq, lowest: seq, highest: seq };
    tracks.set(channelOf(batch), track);
    track.lowest = Math.min(track.lowest, seq);
    track.highest = Math.max(track.highest, seq);
  }

  /** Whenever a gateway connects, its backlog is sent from the start. A heartbeat tells of a connect that nobody saw. */
  status(status: Status, now: number): void {
    const gateway = this.#gateway(status);
    if (status.status === 'offline') {
      gateway.goneAt ??= now;
      return;
    }
    const { since = status.t } = status;
    if (status.reason !== 'heartbeat' || gateway.connectedAt !== since) gateway.tracks.clear();
    gateway.connectedAt = since;
    gateway.goneAt = undefined;
  }

  /** Whether a hole of a channel (`tenant/gateway/machine/kind/stream`) may still be filled. */
  mayFill(channel: string, { first, last }: Pick<Run, 'first' | 'last'>, now: number): boolean {
    const gateway = this.#gateways.get(channel.split('/').slice(0, 2).join('/'));
    if (gateway === undefined || (gateway.goneAt ?? now) - gateway.lastAt > QUIET_MS) return false;
    const track = gateway.tracks.get(channel);
    if (track === undefined) return true;
    const [rises, falls] = [track.highest > track.first, track.lowest < track.first];
    return first > track.highest ? rises || !falls : last < track.lowest && (falls || !rises);
  }

  #gateway({ tenant, gateway }: { readonly tenant: string; readonly gateway: string }): Gateway {
    const name = `${tenant}/${gateway}`;
    const known = this.#gateways.get(name) ?? {
      tracks: new Map(),
      lastAt: Number.NEGATIVE_INFINITY,
      goneAt: undefined,
      connectedAt: undefined,
    };
    this.#gateways.set(name, known);
    return known;
  }
}
