import type { Argv, CommandModule } from 'yargs';
import { duration } from '../config/units.ts';
import type { Check } from '../doctor/check.ts';
import type { DoctorProgress } from '../doctor/doctor.ts';

/** Progress is told once it takes longer than this. */
const QUIET_MS = 1000;
const TICK_MS = 200;
/** Subjects that are named as being tested. */
const MAX_RUNNING = 4;
const EXIT = { fault: 1, usage: 64, config: 78 } as const;

interface Arguments {
  config: string;
  json: boolean;
  machine: string[] | undefined;
  for: string;
  publish: boolean;
}

export const doctorCommand: CommandModule<object, Arguments> = {
  command: 'doctor',
  describe:
    'Test every link for real: machines, broker, disk, time, permissions; exit code 1 when something does not work',
  builder: (yargs) =>
    yargs
      .options({
        config: { type: 'string', requiresArg: true, demandOption: true, describe: 'Config file (YAML)' },
        json: { type: 'boolean', default: false, describe: 'Print one JSON object' },
        machine: { type: 'string', array: true, requiresArg: true, describe: 'Test only these machines' },
        for: { type: 'string', requiresArg: true, default: '10s', describe: 'Watch each machine for so long at most' },
        publish: {
          type: 'boolean',
          default: true,
          describe: 'With --no-publish, no test messages are published on the topics of the machines',
        },
      })
      .check((args) => {
        const { success } = duration().safeParse(args.for);
        return success || '--for: expected a duration with its unit, e.g. 10s';
      }) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const { endSoon, interruption } = await import('../commission/interrupt.ts');
    const stop = interruption();
    try {
      await doctor(args, stop);
    } catch (error) {
      if (!stop.aborted) throw error;
    } finally {
      endSoon();
    }
  },
};

/** @throws the abort reason */
async function doctor(args: Arguments, stop: AbortSignal): Promise<void> {
  const [{ loadWithDrivers }, { configErrorText }, { examine }, { Report }] = await Promise.all([
    import('./load-config.ts'),
    import('../config/load.ts'),
    import('../doctor/doctor.ts'),
    import('../doctor/report.ts'),
  ]);
  const { result, drivers } = await loadWithDrivers(args.config, { absent: 'warning' });
  if ('errors' in result) {
    const errors = result.errors.map((error) => configErrorText(error));
    process.stderr.write(errors.map((text) => `${text}\n`).join(''));
    if (args.json)
      process.stdout.write(`${JSON.stringify({ ok: false, errors: result.errors, checks: [] }, null, 2)}\n`);
    process.exitCode = EXIT.config;
    return;
  }
  const { config, warnings } = result;
  const wanted = args.machine ?? config.machines.map(({ id }) => id);
  const unknown = wanted.find((id) => !config.machines.some((machine) => machine.id === id));
  if (unknown !== undefined) {
    const known = config.machines.map(({ id }) => id).join(', ');
    process.stderr.write(`edge-gateway: --machine: there is no machine ${unknown} in ${args.config}, only ${known}\n`);
    process.exitCode = EXIT.usage;
    return;
  }
  const machines = config.machines.filter(({ id }) => wanted.includes(id));
  const { isTTY } = process.stdout;
  const report = new Report(isTTY === true && process.env['NO_COLOR'] === undefined);
  const isLive = isTTY === true && !args.json;
  await using progress = await startProgress();
  const onChecks = (checks: readonly Check[]) => {
    progress.clear();
    process.stdout.write(`${report.section(checks)}\n`);
  };
  const setup = { config, drivers, warnings, machines, duration: duration().parse(args.for), publish: args.publish };
  const checks = await examine(setup, { onProgress: progress.onProgress, ...(isLive ? { onChecks } : {}) }, stop);
  progress.clear();
  const ok = checks.every(({ level }) => level !== 'bad');
  process.exitCode = ok ? 0 : EXIT.fault;
  if (args.json) {
    process.stdout.write(`${JSON.stringify({ ok, checks }, null, 2)}\n`);
    return;
  }
  if (!isLive) process.stdout.write(`${report.all(checks)}\n`);
  process.stdout.write(`${report.verdict(checks)}\n`);
}

/** One line on stderr that says what is being tested, once it takes longer than a second. */
async function startProgress() {
  const { ProgressLine } = await import('../commission/progress-line.ts');
  const line = new ProgressLine(process.stderr);
  const begun = performance.now();
  let last: DoctorProgress | undefined;
  const timer = setInterval(() => {
    const took = performance.now() - begun;
    if (last === undefined || took < QUIET_MS) return;
    const { running, done, total } = last;
    const more = running.length > MAX_RUNNING ? ` and ${running.length - MAX_RUNNING} more` : '';
    line.show(
      `${Math.round(took / 1000)} s, ${done} of ${total} done; testing ${running.slice(0, MAX_RUNNING).join(', ')}${more}`,
    );
  }, TICK_MS);
  return {
    onProgress: (progress: DoctorProgress) => {
      last = progress;
    },
    clear: () => line.clear(),
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      line.clear();
    },
  };
}
