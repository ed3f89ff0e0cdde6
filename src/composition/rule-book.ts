import { createHash } from 'node:crypto';
import type { ChannelConfig } from '../config/channels.ts';
import type { Config } from '../config/schema.ts';
import type { Rule } from '../pipeline/rules/rule.ts';

/** The rules of a config, and who is told when one fires. */
export class RuleBook {
  readonly rules: readonly Rule[];
  /** By id: those of the config by their names, those that a rule brings by what they say. */
  readonly channels: ReadonlyMap<string, ChannelConfig>;
  readonly #channelsOf: ReadonlyMap<string, readonly string[]>;

  constructor({ alerts, channels }: Pick<Config, 'alerts' | 'channels'>) {
    const all = new Map(Object.entries(channels));
    this.#channelsOf = new Map(
      alerts.map(({ name, channels: told }) => [
        name,
        told.map((channel) => {
          if (typeof channel === 'string') return channel;
          const id = idOf(channel);
          all.set(id, channel);
          return id;
        }),
      ]),
    );
    this.rules = alerts.map(({ channels: _, ...rule }) => rule);
    this.channels = all;
  }

  /** Ids of the channels that tell of a rule's alerts. */
  channelsOf(rule: string): readonly string[] {
    return this.#channelsOf.get(rule) ?? [];
  }
}

/** The same after a restart, so that what waits for it finds it again. A secret counts by its reference. */
function idOf(channel: ChannelConfig): string {
  return `${channel.type}-${createHash('sha256').update(JSON.stringify(channel)).digest('hex').slice(0, 12)}`;
}
