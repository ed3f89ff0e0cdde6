import process from 'node:process';
import yargs from 'yargs';
import { VERSION } from '../version.ts';
import { acknowledgeCommand } from './acknowledge.ts';
import { auditCommand } from './audit.ts';
import { bufferCommand } from './buffer.ts';
import { checkCommand } from './check.ts';
import { demoCommand } from './demo.ts';
import { discoverCommand } from './discover.ts';
import { doctorCommand } from './doctor.ts';
import { initCommand } from './init.ts';
import { probeCommand } from './probe.ts';
import { receiveCommand } from './receive.ts';
import { rulesCommand } from './rules-test.ts';
import { runCommand } from './run.ts';
import { schemaCommand } from './schema.ts';
import { soakCommand } from './soak.ts';
import { statusCommand } from './status.ts';
import { trustCommand } from './trust.ts';

const EXIT_USAGE = 64;

/** What may be given more than once. */
const LISTS: readonly string[] = ['_', 'file', 'topic', 'expect', 'range', 'machine'];

/** Yargs' own words that do not tell what to do. */
const STRINGS = {
  'Unknown argument: %s': { one: 'there is no command or option %s', other: 'there are no commands or options %s' },
  'Unknown command: %s': { one: 'there is no command %s', other: 'there are no commands %s' },
  'Missing required argument: %s': { one: '--%s is missing', other: 'missing: %s' },
  'Not enough arguments following: %s': '--%s needs a value',
  'Not enough non-option arguments: got %s, need at least %s': {
    one: 'an argument is missing: got %s, need at least %s',
    other: 'an argument is missing: got %s, need at least %s',
  },
  'Arguments %s and %s are mutually exclusive': 'give --%s or --%s, not both',
};

/** What is wrong with the use of an option, whichever it is. */
function usageError(args: Readonly<Record<string, unknown>>): string | undefined {
  const options = Object.entries(args);
  const twice = options.find(([name, value]) => Array.isArray(value) && !LISTS.includes(name));
  if (twice !== undefined) return `--${twice[0]} may be given only once`;
  const empty = options.find(([, value]) => value === '' || (Array.isArray(value) && value.includes('')));
  return empty === undefined ? undefined : `${empty[0]} must not be empty`;
}

/** Carries out a command line. A wrong use ends the process with 64. @throws what the command throws */
export async function carryOut(args: readonly string[]): Promise<void> {
  await yargs([...args])
    .scriptName('edge-gateway')
    .usage('$0 COMMAND\n\nReads every machine, loses nothing, proves it.')
    .command(runCommand)
    .command(statusCommand)
    .command(checkCommand)
    .command(rulesCommand)
    .command(demoCommand)
    .command(initCommand)
    .command(discoverCommand)
    .command(probeCommand)
    .command(doctorCommand)
    .command(receiveCommand)
    .command(soakCommand)
    .command(bufferCommand)
    .command(acknowledgeCommand)
    .command(trustCommand)
    .command(auditCommand)
    .command(schemaCommand)
    .demandCommand(1, 'say what to do: one of the commands above')
    .check((args) => usageError(args) ?? true)
    .strict()
    .locale('en')
    .updateStrings(STRINGS as never)
    .version(VERSION)
    .help()
    .alias('h', 'help')
    .wrap(Math.min(120, process.stdout.columns ?? 120))
    .fail((message, error, parser) => {
      // A usage error has a message; what a handler throws has none.
      if (!message) throw error;
      process.stderr.write(`${parser.help()}\n\nedge-gateway: ${message}\n`);
      process.exit(EXIT_USAGE);
    })
    .parseAsync();
}
