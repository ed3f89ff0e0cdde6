import type { Argv, CommandModule } from 'yargs';
import type { ReplayFigures } from '../forwarder/replay.ts';
import { findBuffer, type Place, parseTime } from './buffer-place.ts';

interface ReplayArgs extends Place {
  machine: string | undefined;
  from: string | undefined;
  to: string | undefined;
  json: boolean;
}

/** `buffer replay`: asks the running gateway. */
export const replayCommand: CommandModule<object, ReplayArgs> = {
  command: 'replay',
  describe:
    'Have the running gateway send delivered batches once more, with the same keys; exit code 1 if some are refused',
  builder: (args) =>
    args
      .option('machine', { type: 'string', requiresArg: true, describe: 'Only this machine' })
      .option('from', { type: 'string', requiresArg: true, describe: 'Only batches that start at or after, ISO 8601' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Only batches that start before, ISO 8601' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON' }) as unknown as Argv<ReplayArgs>,
  handler: async (args) => {
    const place = await findBuffer(args);
    const [from, to] = [parseTime(args.from), parseTime(args.to)];
    if (place === undefined || from === null || to === null) return;
    const { ask } = await import('../control/client.ts');
    let told = 0;
    const onProgress = ({ batches }: Readonly<Record<string, unknown>>) => {
      // Nothing moves while there is no uplink: that is worth a line as well.
      told += 1;
      if (told % 4 === 2) process.stderr.write(`${batches} batches sent so far\n`);
    };
    const request = { command: 'replay', machine: args.machine, from, to };
    const figures = await ask<ReplayFigures>(place.dataDir, request, onProgress);
    const { batches, observations, refused } = figures;
    const rest = refused === 0 ? '' : `, ${refused} were refused by the broker (its reasons are in the gateway’s log)`;
    const text = `${batches} batches with ${observations} observations sent once more${rest}\n`;
    process.stdout.write(args.json ? `${JSON.stringify(figures)}\n` : text);
    if (refused > 0) process.exitCode = 1;
  },
};
