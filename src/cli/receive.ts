import { readFileSync } from 'node:fs';
import type { Argv, CommandModule } from 'yargs';
import { duration } from '../config/units.ts';
import type { MachineBooks } from '../consumer/books.ts';
import { parseBrokerUrl } from '../consumer/broker-url.ts';
import type { Received, Subscription } from '../consumer/consumer.ts';
import type { NdjsonSink } from '../consumer/ndjson.ts';
import type { SummaryFigures } from '../consumer/summary.ts';
import { codeOf, explain, Fault, messageOf } from '../errors.ts';

/** How often the figures are told: rewritten in place on a terminal, a line elsewhere. */
const LIVE_MS = 500;
const LINE_MS = 10_000;
/** Problems that are told; beyond that they are only counted. */
const MAX_PROBLEMS = 20;
/** MQTT 5, 4.7.1: a wildcard fills a level, and # is the last one. */
const TOPIC_FILTER = /^(([^+#/]*|\+)\/)*([^+#/]*|\+|#)$/;

interface Arguments {
  url: string;
  topic: string[];
  verify: boolean;
  fromStart: boolean;
  for: string | undefined;
  count: number | undefined;
  out: string | undefined;
  json: boolean;
  wait: boolean;
  ca: string | undefined;
  cert: string | undefined;
  key: string | undefined;
  username: string | undefined;
  clientId: string | undefined;
}

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;
const flag = (describe: string) => ({ type: 'boolean', default: false, describe }) as const;

export const receiveCommand: CommandModule<object, Arguments> = {
  command: 'receive <url>',
  describe: 'Reference consumer: deduplicates, orders, verifies, prints or writes NDJSON',
  builder: (yargs) =>
    yargs
      .positional('url', { type: 'string', demandOption: true, describe: 'Broker: mqtt://, mqtts://, ws:// or wss://' })
      .options({
        topic: {
          type: 'string',
          requiresArg: true,
          default: 'plc/#',
          // Not an array of yargs: it would swallow a URL behind it.
          coerce: (given: string | string[]) => [given].flat(),
          describe: 'Topic filter; may be repeated',
        },
        verify: flag(
          'Tell the books by machine and hour; exit 1 if a batch is missing without a gap record, invalid or in conflict, or if none came',
        ),
        'from-start': flag('Demand seq 1 of each stream; else what lies before the first seq seen is not judged'),
        for: text('How long to receive once it is connected, e.g. 10s; default: until Ctrl-C'),
        count: { type: 'number', requiresArg: true, describe: 'End after so many batches' },
        out: text('File for the batches as NDJSON, in order; - for standard output'),
        json: flag('Print the summary as JSON'),
        wait: flag('Keep trying if the broker cannot be reached at first, for as long as --for says'),
        ca: text('PEM file of the CA of the broker’s certificate'),
        cert: text('PEM file of a client certificate'),
        key: text('PEM file of its private key'),
        username: text('User name; the password comes from the environment variable MQTT_PASSWORD'),
        'client-id': text('Let the broker keep the session under this id; --out is then continued, not begun anew'),
      })
      .check((args) => usageError(args as never) ?? true) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const stop = new AbortController();
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
    await tell(args, await run(args, stop));
  },
};

/** What is wrong with the arguments. */
function usageError({ url, topic: topics, for: limit, count, cert, key }: Arguments): string | undefined {
  if (parseBrokerUrl(url) === undefined) return 'URL: expected one like mqtts://broker.example.com:8883';
  const wrong = topics.find((topic) => !TOPIC_FILTER.test(topic));
  if (wrong !== undefined)
    return `--topic: ${wrong} is no topic filter: + and # stand alone between slashes, # at the end`;
  if (limit !== undefined && !duration().safeParse(limit).success) {
    return '--for: expected a duration with its unit, e.g. 10s';
  }
  if ((cert === undefined) !== (key === undefined)) return '--cert and --key belong together: give both';
  if (count !== undefined && !(Number.isInteger(count) && count > 0)) return '--count: expected a whole number above 0';
  return undefined;
}

/** What was received, and the same by machine and hour. */
interface Outcome {
  readonly figures: SummaryFigures;
  readonly books: readonly MachineBooks[];
}

/** Receives until it is stopped. @throws Fault when the broker was never reached or a file cannot be used */
async function run(args: Arguments, stop: AbortController): Promise<Outcome> {
  const [{ receive, Summary }, { openNdjson }, { summaryLine }] = await Promise.all([
    import('../consumer/consumer.ts'),
    import('../consumer/ndjson.ts'),
    import('../consumer/summary-text.ts'),
  ]);
  const summary = new Summary();
  const screen = new Screen(args.out === '-' && process.stdout.isTTY === true);
  const pem = { ca: read(args.ca), cert: read(args.cert), key: read(args.key) };
  const { url, topic: topics, wait, username, clientId } = args;
  await using sink = args.out === undefined ? undefined : await openNdjson(args.out, clientId !== undefined);
  let limit: NodeJS.Timeout | undefined;
  const beginToCount = () => {
    clearTimeout(limit);
    if (args.for !== undefined) limit = setTimeout(() => stop.abort(), duration().parse(args.for));
  };
  if (wait) beginToCount();
  // Until the subscription stands.
  let failure: Fault | undefined;
  let isUp = false;
  const subscription = receive({
    ...{ url, topics, wait, username, clientId, ...pem },
    password: process.env['MQTT_PASSWORD'],
    signal: stop.signal,
    onLink: (connected, why) => {
      if (connected && !isUp) beginToCount();
      isUp ||= connected;
      failure = isUp ? undefined : why;
      if (connected) summary.subscribed(Date.now());
      screen.say(why === undefined ? `receiving ${topics.join(', ')}` : `${explain(why)}. Trying again.`);
    },
  });
  const figures = () => summary.figures(subscription.report(args.fromStart, Date.now()));
  const timer = setInterval(() => screen.show(summaryLine(figures())), screen.isLive ? LIVE_MS : LINE_MS);
  try {
    await take(subscription, { add: (received) => summary.add(received), screen, sink, count: args.count, stop });
  } finally {
    clearTimeout(limit);
    clearInterval(timer);
    screen.clear();
  }
  if (failure !== undefined) throw failure;
  const all = figures();
  return { figures: all, books: summary.books(all.channels) };
}

interface TakeOptions {
  readonly add: (received: Received) => void;
  readonly screen: Screen;
  readonly sink: NdjsonSink | undefined;
  readonly count: number | undefined;
  readonly stop: AbortController;
}

async function take(subscription: Subscription, { add, screen, sink, count, stop }: TakeOptions): Promise<void> {
  let batches = 0;
  for await (const received of subscription) {
    add(received);
    if (received.type === 'problem') screen.problem(received.problem);
    if (received.type === 'conflict') screen.problem(`${received.key} came with other content than before`);
    if (received.type !== 'batch') continue;
    batches += 1;
    try {
      await sink?.write(received);
    } catch (error) {
      // `| head` has seen enough.
      if (codeOf(error) !== 'EPIPE') throw new Fault('disk', `cannot write: ${messageOf(error)}`, { cause: error });
      stop.abort();
    }
    // Not `break`: the message of this batch would stay unacknowledged, and come again in a kept session.
    if (batches === count) stop.abort();
  }
}

/** Prints the summary, and with `--verify` judges it. @throws Fault when it is not clean */
async function tell({ json, out, verify, fromStart }: Arguments, { figures, books }: Outcome): Promise<void> {
  const [{ missingLines, summaryLine }, { bookLines }] = await Promise.all([
    import('../consumer/summary-text.ts'),
    import('../consumer/books-text.ts'),
  ]);
  const { batches, missing, invalid, conflicts } = figures;
  const isClean = batches > 0 && missing + invalid + conflicts === 0;
  const lines = json
    ? [JSON.stringify({ clean: isClean, fromStart, ...figures, books })]
    : [
        summaryLine(figures),
        ...missingLines(figures),
        ...(verify ? bookLines(books) : []),
        ...(verify && isClean ? [verdict(fromStart, figures)] : []),
      ];
  (out === '-' ? process.stderr : process.stdout).write(`${lines.join('\n')}\n`);
  if (!verify || isClean) return;
  if (batches === 0) {
    throw new Fault('us', 'nothing was received, so nothing is proven', {
      hint: 'check --topic, or receive for longer',
    });
  }
  const what = `${missing} batches are missing without a gap record, ${invalid} messages are invalid, ${conflicts} batches are in conflict`;
  throw new Fault('us', `the stream is not clean: ${what}`, { hint: 'see docs/contract.md' });
}

function verdict(fromStart: boolean, { explained, awaited }: SummaryFigures): string {
  if (awaited > 0) {
    return `nothing is missing so far, and nothing is proven yet: ${awaited} batches may still come, a backlog is being sent. Verify until it is empty`;
  }
  const from = fromStart ? 'seq 1' : 'the first';
  const or = explained > 0 ? `, or a gap says why it is not (${explained})` : '';
  const unjudged = fromStart ? '' : ' (what came before is not judged: --from-start)';
  return `clean: of every stream, each batch from ${from} to the last one seen is there${or}${unjudged}`;
}

function read(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Fault('config', `cannot read ${path} (${codeOf(cause)})`, {
      cause,
      hint: 'give the path of a PEM file that this user may read',
    });
  }
}

/** Progress on stderr: one line in place on a terminal, plain lines elsewhere. */
class Screen {
  readonly isLive: boolean;
  #problems = 0;

  constructor(isShared: boolean) {
    this.isLive = process.stderr.isTTY === true && process.env['TERM'] !== 'dumb' && !isShared;
  }

  show(line: string): void {
    process.stderr.write(this.isLive ? `\r\x1b[K${line.slice(0, process.stderr.columns - 1)}` : `${line}\n`);
  }

  say(line: string): void {
    this.clear();
    process.stderr.write(`${line}\n`);
  }

  problem(line: string): void {
    this.#problems += 1;
    if (this.#problems <= MAX_PROBLEMS) this.say(line);
    if (this.#problems === MAX_PROBLEMS) this.say('further problems are only counted');
  }

  clear(): void {
    if (this.isLive) process.stderr.write('\r\x1b[K');
  }
}
