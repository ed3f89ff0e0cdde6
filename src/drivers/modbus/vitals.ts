import type { Vital } from '../driver.ts';
import type { LinkClient } from './link.ts';
import type { PollGroup } from './poll-group.ts';
import type { Statistics } from './statistics.ts';

/** Share of its interval that a poll may take before it is worth a word. */
const BUSY_SHARE = 0.8;

/** How a machine's polling goes, from its plan to what the device refuses. */
export function vitalsOf(running: {
  readonly groups: readonly PollGroup[];
  readonly client: LinkClient;
  readonly statistics: Statistics;
}): Vital[] {
  const { groups, client, statistics } = running;
  const blocks = groups.flatMap((group) => group.blocks);
  const places = blocks.reduce((sum, { size }) => sum + size, 0);
  const refused = groups.flatMap((group) => group.refused);
  return [
    {
      name: 'plan',
      level: 'good',
      text: `${blocks.length} ${blocks.length === 1 ? 'request' : 'requests'} for ${places} registers or bits`,
    },
    unit(client),
    ...roundTrip(statistics),
    ...cycle(statistics),
    missed(statistics),
    refused.length === 0
      ? { name: 'refused signals', level: 'good', text: 'none' }
      : {
          name: 'refused signals',
          level: 'bad',
          text: refused.map(({ name }) => name).join(', '),
          hint: 'check address, table and addressing',
        },
  ];
}

function unit({ breaker }: LinkClient): Vital {
  if (breaker.state === 'closed') return { name: 'unit', level: 'good', text: 'answers' };
  const hint = 'check its power, its address and the wiring';
  return { name: 'unit', level: 'bad', text: 'does not answer; it is asked now and then', hint };
}

function roundTrip({ roundTrips }: Statistics): Vital[] {
  const [half, most] = [roundTrips.percentile(0.5), roundTrips.percentile(0.95)];
  if (half === undefined || most === undefined) return [];
  return [{ name: 'round trip', level: 'good', text: `${half.toFixed(1)} ms, 95 % below ${most.toFixed(1)} ms` }];
}

function cycle({ cycles }: Statistics): Vital[] {
  const share = cycles.percentile(0.95);
  if (share === undefined) return [];
  const text = `polls take ${Math.round(share * 100)} % of their interval`;
  if (share <= BUSY_SHARE) return [{ name: 'poll cycle', level: 'good', text }];
  return [{ name: 'poll cycle', level: share > 1 ? 'bad' : 'warn', text, hint: 'raise poll, or read fewer signals' }];
}

function missed({ polls, missed: count }: Statistics): Vital {
  const text = `${count} of ${polls + count}`;
  if (count === 0) return { name: 'missed polls', level: 'good', text };
  return { name: 'missed polls', level: 'warn', text, hint: 'the device or its link is slower than poll wants' };
}
