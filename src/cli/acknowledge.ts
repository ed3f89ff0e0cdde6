import { userInfo } from 'node:os';
import type { Argv, CommandModule } from 'yargs';
import { findBuffer, PLACE_OPTIONS, type Place } from './buffer-place.ts';

interface AcknowledgeArgs extends Place {
  machine: string;
  rule: string;
  by: string;
  json: boolean;
}

/** `acknowledge`: asks the running gateway. */
export const acknowledgeCommand: CommandModule<object, AcknowledgeArgs> = {
  command: 'acknowledge <machine> <rule>',
  describe:
    'Say that somebody has seen an alert: it is not told again, and one that latches ends; exit code 1 if there is none',
  builder: (args) =>
    args
      .positional('machine', { type: 'string', demandOption: true, describe: 'Id of the machine' })
      .positional('rule', { type: 'string', demandOption: true, describe: 'Name of the rule' })
      .options(PLACE_OPTIONS)
      .option('by', { type: 'string', default: userInfo().username, describe: 'Who has seen it' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON' }) as unknown as Argv<AcknowledgeArgs>,
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    const { machine, rule, by } = args;
    const { ask } = await import('../control/client.ts');
    await ask(place.dataDir, { command: 'acknowledge', machine, rule, by });
    process.stdout.write(
      args.json ? `${JSON.stringify({ machine, rule, by })}\n` : `${rule} of ${machine} is acknowledged by ${by}\n`,
    );
  },
};
