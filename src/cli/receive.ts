import type { CommandModule } from 'yargs';
import { duration } from '../config/units.ts';
import type { SummaryFigures } from '../consumer/summary.ts';
import { Fault } from '../errors.ts';

interface Arguments {
  url: string;
  topic: string[];
  verify: boolean;
  'from-start': boolean;
  for: string | undefined;
  count: number | undefined;
  out: string | undefined;
  json: boolean;
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  username: string | undefined;
  'client-id': string | undefined;
}

const string = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;
const LINE_EVERY_MS = 1000;

export const receiveCommand: CommandModule<object, Arguments> = {
  command: 'receive <url>',
  describe: 'Reference consumer: deduplicates, orders, verifies, prints or writes NDJSON',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'Broker: mqtt://, mqtts://, ws:// or wss://' })
      .options({
        topic: { type: 'array', string: true, default: ['plc/#'], describe: 'Topic filters' },
        verify: {
          type: 'boolean',
          default: false,
          describe: 'Exit 1 if a batch is missing, invalid or contradicts itself',
        },
        'from-start': { type: 'boolean', default: false, describe: 'Each stream must begin with seq 1' },
        for: string('How long to receive, e.g. 10s; default until Ctrl-C'),
        count: { type: 'number', requiresArg: true, describe: 'End after so many batches' },
        out: string('File for the batches as NDJSON, in order; - for standard output'),
        json: { type: 'boolean', default: false, describe: 'Print the summary as JSON' },
        ca: string('PEM file of the CA'),
        cert: string('PEM file of the client certificate'),
        key: string('PEM file of its private key'),
        username: string('User; its password is taken from the environment variable MQTT_PASSWORD'),
        'client-id': string('Keep the session on the broker under this id'),
      })
      .check(({ for: text }) => {
        if (text === undefined || duration().safeParse(text).success) return true;
        throw new Error('--for: expected a duration with its unit, e.g. 10s');
      }) as never,
  handler: async (args) => {
    const { receiveAndSum } = await import('../consumer/receive-and-sum.ts');
    const stop = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
    const limit = args.for === undefined ? undefined : duration().parse(args.for);
    const timer = limit === undefined ? undefined : setTimeout(() => stop.abort(), limit);
    const isLive = process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined;
    let toldAt = 0;
    const figures = await receiveAndSum({
      ...args,
      fromStart: args['from-start'],
      clientId: args['client-id'],
      stop,
      problem: (text) => process.stderr.write(`${isLive ? '\r\x1b[K' : ''}${text}\n`),
      progress: (summary) => {
        if (Date.now() - toldAt < LINE_EVERY_MS) return;
        toldAt = Date.now();
        process.stderr.write(isLive ? `\r\x1b[K${line(summary())}` : `${line(summary())}\n`);
      },
    });
    clearTimeout(timer);
    if (isLive) process.stderr.write('\r\x1b[K');
    const summaryTo = args.out === '-' ? process.stderr : process.stdout;
    summaryTo.write(args.json ? `${JSON.stringify(figures)}\n` : `${line(figures)}\n${holes(figures)}`);
    const isClean = figures.missing === 0 && figures.invalid === 0 && figures.conflicts === 0;
    if (!args.verify) return;
    if (!isClean) throw new Fault('us', 'the stream is not complete', { hint: 'the lines above say what is missing' });
    if (figures.batches === 0) {
      throw new Fault('us', 'nothing was received, so nothing is proven', {
        hint: 'check --topic and receive for longer',
      });
    }
  },
};

function line(figures: SummaryFigures): string {
  const { machines, batches, observations, duplicatesRemoved, missing, gaps, latency } = figures;
  const times = latency.p50 === null ? '' : `  latency P50 ${latency.p50} ms P99 ${latency.p99} ms`;
  const bad = figures.invalid + figures.conflicts;
  return `machines ${machines}  batches ${batches}  observations ${observations}  duplicates removed ${duplicatesRemoved}  missing ${missing}  gaps told ${gaps}  invalid ${bad}${times}`;
}

function holes({ holes }: SummaryFigures): string {
  return holes
    .map(({ channel, missing }) => {
      const ranges = missing.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`));
      return `missing in ${channel}: seq ${ranges.join(', ')}\n`;
    })
    .join('');
}
