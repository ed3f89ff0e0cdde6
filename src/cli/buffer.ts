import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Argv, CommandModule } from 'yargs';
import { codeOf, Fault } from '../errors.ts';
import type { ApiState } from '../http/api.ts';
import type { ArchiveStats } from '../outbox/archive.ts';
import { deadletterCommand, heldTable } from './buffer-deadletter.ts';
import { findBuffer, type Place, parseTime } from './buffer-place.ts';
import { replayCommand } from './buffer-replay.ts';
import { salvageCommand } from './buffer-salvage.ts';
import { bytes, table, time } from './figures.ts';
import { bufferText } from './status-text.ts';

/** Problems that `verify` prints before it only counts. */
const MAX_PROBLEMS = 100;

interface ExportArgs extends Place {
  machine: string | undefined;
  from: string | undefined;
  to: string | undefined;
  undelivered: boolean;
  out: string | undefined;
}

/** `buffer stats|export|verify|replay|deadletter|salvage`: looks into the outbox of a running or a stopped gateway. */
export const bufferCommand: CommandModule = {
  command: 'buffer',
  describe: 'Look into the local buffer, while the gateway runs or without it',
  builder: (args: Argv) =>
    args
      .option('config', { type: 'string', requiresArg: true, describe: 'Config file (YAML) of the gateway' })
      .option('data-dir', { type: 'string', requiresArg: true, describe: 'Folder of the buffer, instead of --config' })
      .conflicts('config', 'data-dir')
      .command(statsCommand)
      .command(exportCommand)
      .command(verifyCommand)
      .command(replayCommand)
      .command(deadletterCommand)
      .command(salvageCommand)
      .demandCommand(1, 'say what to do: stats, export, verify, replay, deadletter or salvage'),
  handler: () => undefined,
};

const statsCommand: CommandModule<object, Place & { json: boolean }> = {
  command: 'stats',
  describe: 'What waits, what is kept, how much room it takes',
  builder: (args) =>
    args.option('json', { type: 'boolean', default: false, describe: 'As JSON; times in ms since the epoch' }) as Argv<
      Place & { json: boolean }
    >,
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    using archive = await openArchive(place.dataDir);
    const stats = archive.stats(Date.now());
    const running = await runningGateway(place.dataDir);
    const { fullIn, writtenPerDay, written, commits, shed } = running?.buffer ?? {};
    const now = running === undefined ? {} : { lanes: running.lanes, fullIn, writtenPerDay, written, commits, shed };
    const all = { dataDir: place.dataDir, maxBytes: place.maxBytes, ...stats, ...now };
    const text = `${statsText(place, stats)}${running === undefined ? '' : `\n${bufferText(running)}`}`;
    process.stdout.write(args.json ? `${JSON.stringify(all, null, 2)}\n` : text);
  },
};

const exportCommand: CommandModule<object, ExportArgs> = {
  command: 'export',
  describe: 'Write batches as NDJSON, one a line',
  builder: (args) =>
    args
      .option('machine', { type: 'string', requiresArg: true, describe: 'Only this machine' })
      .option('from', { type: 'string', requiresArg: true, describe: 'Only batches that start at or after, ISO 8601' })
      .option('to', { type: 'string', requiresArg: true, describe: 'Only batches that start before, ISO 8601' })
      .option('undelivered', { type: 'boolean', default: false, describe: 'Only what the broker has not acknowledged' })
      .option('out', {
        type: 'string',
        requiresArg: true,
        describe: 'File to write; default: standard output',
      }) as unknown as Argv<ExportArgs>,
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    using archive = await openArchive(place.dataDir);
    const { exportLines } = await import('../outbox/export.ts');
    const { machine, undelivered, out } = args;
    const [from, to] = [parseTime(args.from), parseTime(args.to)];
    if (from === null || to === null) return;
    const filter = { machine, undelivered, from, to };
    let batches = 0;
    const lines = function* () {
      for (const line of exportLines(archive, filter)) {
        batches += 1;
        yield line;
      }
    };
    try {
      await pipeline(Readable.from(lines()), out === undefined ? process.stdout : createWriteStream(out));
    } catch (error) {
      // `| head` has seen enough.
      if (codeOf(error) === 'EPIPE') return;
      throw writeFault(error, out);
    }
    process.stderr.write(`${batches} batches${out === undefined ? '' : ` written to ${out}`}\n`);
  },
};

const verifyCommand: CommandModule<object, Place & { quick: boolean; json: boolean }> = {
  command: 'verify',
  describe: 'Check every batch and the numbering; exit code 1 when something is wrong',
  builder: (args) =>
    args
      .option('quick', { type: 'boolean', default: false, describe: 'Leave out whether indices agree with tables' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON' }) as Argv<
      Place & { quick: boolean; json: boolean }
    >,
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    using archive = await openArchive(place.dataDir);
    const { verify } = await import('../outbox/verify.ts');
    const problems: string[] = [];
    let count = 0;
    const onProgress = (batches: number) => process.stderr.write(`${batches} batches read\n`);
    for (const problem of verify(archive, { quick: args.quick, onProgress })) {
      count += 1;
      if (problems.length < MAX_PROBLEMS) problems.push(problem);
    }
    if (args.json) process.stdout.write(`${JSON.stringify({ ok: count === 0, count, problems }, null, 2)}\n`);
    else {
      for (const problem of problems) process.stdout.write(`${problem}\n`);
      if (count > problems.length) process.stdout.write(`… and ${count - problems.length} more\n`);
      process.stdout.write(count === 0 ? 'the buffer is sound: every batch is there and readable\n' : '');
    }
    if (count > 0) process.exitCode = 1;
  },
};

/** What the gateway says of itself; undefined when none runs. */
async function runningGateway(dataDir: string): Promise<ApiState | undefined> {
  const { ask } = await import('../control/client.ts');
  try {
    return await ask<ApiState>(dataDir, { command: 'status' });
  } catch (error) {
    // None runs, or it may not be asked: what lies on the disk was told.
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

async function openArchive(dataDir: string) {
  const { Archive } = await import('../outbox/archive.ts');
  return Archive.open(dataDir);
}

function writeFault(error: unknown, out: string | undefined): unknown {
  if (codeOf(error) === undefined) return error;
  const [of, where] = out === undefined ? (['disk', 'to standard output'] as const) : (['config', out] as const);
  return new Fault(of, `cannot write ${where} (${codeOf(error)})`, { cause: error, hint: 'choose another --out' });
}

function statsText(place: { dataDir: string; maxBytes: number | null }, stats: ArchiveStats): string {
  const { delivered, deliveredBetween, held } = stats;
  const of = place.maxBytes === null ? '' : ` of ${bytes(place.maxBytes)}`;
  const between = deliveredBetween === null ? '' : `${time(deliveredBetween[0])} to ${time(deliveredBetween[1])}`;
  const parts = [
    `${place.dataDir}: stream ${stats.stream}, made ${time(stats.createdAt)}, ${bytes(stats.bytes)}${of} in use\n`,
    table(
      [
        ['', 'batches', 'observations', 'bytes', ''],
        ...Object.entries(stats.backlog).map(([lane, tally]) => [
          `waiting, ${lane}`,
          `${tally.batches}`,
          `${tally.observations}`,
          bytes(tally.bytes),
          tally.oldest === null ? '' : `since ${time(tally.oldest)}`,
        ]),
        ['delivered, kept', `${delivered.batches}`, `${delivered.observations}`, bytes(delivered.bytes), between],
      ],
      [1, 2, 3],
    ),
    table(
      [
        ['machine', 'kind', 'last seq', 'waiting'],
        ...stats.machines.map(({ machine, kind, lastSeq, backlog }) => [machine, kind, `${lastSeq}`, `${backlog}`]),
      ],
      [2, 3],
    ),
  ];
  if (held.length > 0) parts.push(heldTable(held));
  return parts.join('\n');
}
