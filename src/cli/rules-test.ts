import type { Argv, CommandModule } from 'yargs';
import type { Expected, Outcome } from '../pipeline/rules/testing/scenario.ts';
import { table } from './figures.ts';

interface Arguments {
  file: string[];
  json: boolean;
}

interface Result extends Outcome {
  readonly file: string;
  readonly name: string;
}

/** `rules test FILE`: what rules do with the series of a file, and whether that is what it expects. */
export const rulesCommand: CommandModule = {
  command: 'rules',
  describe: 'Work on the rules that make alerts',
  builder: (args: Argv) => args.command(testCommand()).demandCommand(1, 'say what to do: test'),
  handler: () => undefined,
};

function testCommand(): CommandModule<object, Arguments> {
  return {
    command: 'test <file..>',
    describe: 'Run rules over the series of test files; exits 1 when alerts differ from what is expected',
    builder: (yargs) =>
      yargs
        .positional('file', { type: 'string', array: true, demandOption: true, describe: 'Files of tests (YAML)' })
        .option('json', { type: 'boolean', default: false, describe: 'Print one JSON object' }),
    handler: async ({ file: files, json }) => {
      const [{ loadRulesTests }, { play }] = await Promise.all([
        import('./rules-test-file.ts'),
        import('../pipeline/rules/testing/scenario.ts'),
      ]);
      const loaded = files.map((file) => ({ file, tests: loadRulesTests(file) }));
      const errors = loaded.flatMap(({ tests }) => ('errors' in tests ? tests.errors : []));
      const results = loaded.flatMap(({ file, tests }) =>
        'tests' in tests ? tests.tests.map(({ name, scenario }) => ({ file, name, ...play(scenario) })) : [],
      );
      const isGood = errors.length === 0 && results.every(isMet);
      process.exitCode = errors.length > 0 ? 78 : isGood ? 0 : 1;
      if (json) {
        const tests = results.map((result) => ({ ok: isMet(result), ...result }));
        process.stdout.write(`${JSON.stringify({ ok: isGood, errors, tests }, null, 2)}\n`);
        return;
      }
      for (const error of errors) process.stderr.write(`${error}\n`);
      process.stdout.write(results.map(resultText).join(''));
    },
  };
}

function isMet({ missing, unexpected }: Outcome): boolean {
  return missing.length === 0 && unexpected.length === 0;
}

/** One line for a test that is met; for another also what is missing (-) and what came instead (+), by time. */
function resultText(result: Result): string {
  const { file, name, met, missing, unexpected } = result;
  if (isMet(result)) return `ok      ${file}: ${name} (${met} as expected)\n`;
  const rows = [
    ...missing.map((one) => ({ at: one.at, row: ['  -', ...words(one), ''] })),
    ...unexpected.map((one) => {
      const read =
        one.reason ??
        Object.entries(one.values)
          .map(([text, value]) => `${text} = ${JSON.stringify(value)}`)
          .join(', ');
      return { at: one.at, row: ['  +', ...words(one), read] };
    }),
  ].sort((a, b) => a.at - b.at);
  return `NOT OK  ${file}: ${name}\n${table(
    rows.map(({ row }) => row),
    [1],
  )}`;
}

function words({ at, machine, rule, state }: Expected): string[] {
  return [clock(at), machine, rule, state];
}

/** Milliseconds as they are written in the file: `1h 2m 3.5s`. */
function clock(ms: number): string {
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms % 60_000) / 1000];
  const parts = [hours > 0 ? `${hours}h` : '', minutes > 0 ? `${minutes}m` : '', seconds > 0 ? `${seconds}s` : ''];
  return parts.filter((part) => part !== '').join(' ') || '0s';
}
