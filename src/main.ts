#!/usr/bin/env node
import process from 'node:process';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { acknowledgeCommand } from './cli/acknowledge.ts';
import { auditCommand } from './cli/audit.ts';
import { bufferCommand } from './cli/buffer.ts';
import { checkCommand } from './cli/check.ts';
import { demoCommand } from './cli/demo.ts';
import { discoverCommand } from './cli/discover.ts';
import { doctorCommand } from './cli/doctor.ts';
import { initCommand } from './cli/init.ts';
import { probeCommand } from './cli/probe.ts';
import { receiveCommand } from './cli/receive.ts';
import { rulesCommand } from './cli/rules-test.ts';
import { runCommand } from './cli/run.ts';
import { schemaCommand } from './cli/schema.ts';
import { soakCommand } from './cli/soak.ts';
import { statusCommand } from './cli/status.ts';
import { trustCommand } from './cli/trust.ts';
import { codeOf, explain, Fault } from './errors.ts';
import { VERSION } from './version.ts';

const EXIT = { fault: 1, usage: 64, config: 78 } as const;

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

/** Tells what was thrown in one line, and a stack only for what can only be a bug of ours. */
function report(error: unknown): number {
  if (error instanceof Fault) {
    process.stderr.write(`edge-gateway: ${explain(error)}\n`);
    return error.of === 'config' ? EXIT.config : EXIT.fault;
  }
  process.stderr.write(`edge-gateway: this is a bug, please report it: ${(error as Error)?.stack ?? error}\n`);
  return EXIT.fault;
}

/** What is wrong with the use of an option, whichever it is. */
function usageError(args: Readonly<Record<string, unknown>>): string | undefined {
  const options = Object.entries(args);
  const twice = options.find(([name, value]) => Array.isArray(value) && !LISTS.includes(name));
  if (twice !== undefined) return `--${twice[0]} may be given only once`;
  const empty = options.find(([, value]) => value === '' || (Array.isArray(value) && value.includes('')));
  return empty === undefined ? undefined : `${empty[0]} must not be empty`;
}

// A reader that has gone (`| head`) has seen enough.
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error) => {
  if (codeOf(error) === 'EPIPE') return;
  process.exit(report(new Fault('disk', `cannot write to standard output (${codeOf(error)})`, { cause: error })));
});

await yargs(hideBin(process.argv))
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
    process.exit(EXIT.usage);
  })
  .parseAsync()
  .catch((error: unknown) => {
    process.exitCode = report(error);
  });
