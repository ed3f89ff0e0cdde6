#!/usr/bin/env node
import process from 'node:process';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { bufferCommand } from './cli/buffer.ts';
import { checkCommand } from './cli/check.ts';
import { demoCommand } from './cli/demo.ts';
import { receiveCommand } from './cli/receive.ts';
import { runCommand } from './cli/run.ts';
import { schemaCommand } from './cli/schema.ts';
import { explain, Fault } from './errors.ts';
import { VERSION } from './version.ts';

const EXIT = { fault: 1, usage: 64, config: 78 } as const;

/** Tells what was thrown in one line, and a stack only for what can only be a bug of ours. */
function report(error: unknown): number {
  if (error instanceof Fault) {
    process.stderr.write(`edge-gateway: ${explain(error)}\n`);
    return error.of === 'config' ? EXIT.config : EXIT.fault;
  }
  process.stderr.write(`edge-gateway: this is a bug, please report it: ${(error as Error)?.stack ?? error}\n`);
  return EXIT.fault;
}

await yargs(hideBin(process.argv))
  .scriptName('edge-gateway')
  .usage('$0 COMMAND\n\nReads every machine, loses nothing, proves it.')
  .command(runCommand)
  .command(checkCommand)
  .command(demoCommand)
  .command(receiveCommand)
  .command(bufferCommand)
  .command(schemaCommand)
  .demandCommand(1, 'say what to do: one of the commands above')
  .strict()
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
