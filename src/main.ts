#!/usr/bin/env node
import process from 'node:process';
import { runCommand } from './cli/run.ts';
import { codeOf, explain, Fault } from './errors.ts';

const EXIT = { fault: 1, config: 78 } as const;

/** Tells what was thrown in one line, and a stack only for what can only be a bug of ours. */
function report(error: unknown): number {
  if (error instanceof Fault) {
    process.stderr.write(`edge-gateway: ${explain(error)}\n`);
    return error.of === 'config' ? EXIT.config : EXIT.fault;
  }
  process.stderr.write(`edge-gateway: this is a bug, please report it: ${(error as Error)?.stack ?? error}\n`);
  return EXIT.fault;
}

/**
 * The config of a plain `run --config FILE`, as a service starts it: the parser of options would stay in memory for years, 10 MB
 * of it.
 */
function plainRun([command, option, file = '', ...more]: readonly string[]): string | undefined {
  const isPlain = command === 'run' && option === '--config' && /^[^-]/.test(file) && more.length === 0;
  return isPlain ? file : undefined;
}

// A reader that has gone (`| head`) has seen enough.
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error) => {
  if (codeOf(error) === 'EPIPE') return;
  process.exit(report(new Fault('disk', `cannot write to standard output (${codeOf(error)})`, { cause: error })));
});

const args = process.argv.slice(2);
const config = plainRun(args);
try {
  if (config !== undefined) await runCommand.handler({ config, _: [], $0: '' });
  else await (await import('./cli/command-line.ts')).carryOut(args);
} catch (error) {
  process.exitCode = report(error);
}
