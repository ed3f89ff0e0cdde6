import type { Argv, CommandModule } from 'yargs';
import type { HeldRow } from '../outbox/statements.ts';
import { findBuffer, type Place } from './buffer-place.ts';
import { table, time } from './figures.ts';

interface DeadletterArgs extends Place {
  machine: string | undefined;
  retry: boolean;
  json: boolean;
}

/** `buffer deadletter`: what the broker has refused, from the disk; offering it again asks the running gateway. */
export const deadletterCommand: CommandModule<object, DeadletterArgs> = {
  command: 'deadletter',
  describe: 'List the batches that the broker refused; with --retry have the running gateway offer them again now',
  builder: (args) =>
    args
      .option('retry', { type: 'boolean', default: false, describe: 'Offer them again now, not when their time comes' })
      .option('machine', { type: 'string', requiresArg: true, describe: 'Only this machine' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON' }) as unknown as Argv<DeadletterArgs>,
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    await (args.retry ? retry(place.dataDir, args) : list(place.dataDir, args));
  },
};

async function list(dataDir: string, { machine, json }: DeadletterArgs): Promise<void> {
  const { Archive } = await import('../outbox/archive.ts');
  using archive = Archive.open(dataDir);
  const held = archive.stats(Date.now()).held.filter((row) => (machine ?? row.machine) === row.machine);
  const text = held.length === 0 ? 'the broker has refused nothing that is still kept\n' : heldTable(held);
  process.stdout.write(json ? `${JSON.stringify(held, null, 2)}\n` : text);
}

async function retry(dataDir: string, { machine, json }: DeadletterArgs): Promise<void> {
  const { ask } = await import('../control/client.ts');
  const answer = await ask<{ batches: number }>(dataDir, { command: 'retry', machine });
  process.stdout.write(json ? `${JSON.stringify(answer)}\n` : `${answer.batches} batches are offered again\n`);
}

/** For people. Pure. */
export function heldTable(held: readonly HeldRow[]): string {
  const rows = held.map(({ machine, kind, seq, refusals, until, reason }) => [
    machine,
    kind,
    `${seq}`,
    `${refusals}`,
    time(until),
    reason,
  ]);
  return table([['refused', 'kind', 'seq', 'times', 'next try', 'reason'], ...rows], [2, 3]);
}
