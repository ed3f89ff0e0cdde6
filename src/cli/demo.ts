import type { CommandModule } from 'yargs';
import { duration } from '../config/units.ts';
import { Fault } from '../errors.ts';

const DEFAULT_DURATION = '60s';
const MINIMUM_MS = 10_000;

export const demoCommand: CommandModule<object, { duration: string; json: boolean }> = {
  command: 'demo',
  describe: 'Simulated machines, broker, gateway and consumer in one, with an outage in the middle',
  builder: {
    duration: {
      type: 'string',
      default: DEFAULT_DURATION,
      requiresArg: true,
      describe: 'How long the machines run, e.g. 40s; at least 10s',
    },
    json: { type: 'boolean', default: false, describe: 'Print the summary as JSON' },
  },
  handler: async ({ duration: text, json }) => {
    const parsed = duration().safeParse(text);
    if (!parsed.success || parsed.data < MINIMUM_MS) {
      process.stderr.write('edge-gateway: --duration: expected at least 10 seconds with their unit, e.g. 40s\n');
      process.exitCode = 64;
      return;
    }
    const { runDemo } = await import('../demo/demo.ts');
    const { table } = await import('../demo/table.ts');
    const summary = await runDemo({ duration: parsed.data, tell: (line) => process.stderr.write(`${line}\n`) });
    process.stdout.write(json ? `${JSON.stringify(summary, undefined, 2)}\n` : table(summary));
    const clean =
      summary.missing === 0 &&
      summary.repeated === 0 &&
      summary.missingBatches === 0 &&
      summary.gaps === 0 &&
      summary.invalid === 0 &&
      summary.gatewayExit === 0;
    if (!clean) throw new Fault('us', 'the demo has lost something', { hint: 'please report this with its output' });
  },
};
