import { once } from 'node:events';
import { createWriteStream, readFileSync } from 'node:fs';
import { Fault, messageOf } from '../errors.ts';
import { receive } from './consumer.ts';
import { Summary, type SummaryFigures } from './summary.ts';

export interface ReceiveAndSumOptions {
  readonly url: string;
  readonly topic: readonly string[];
  readonly fromStart: boolean;
  readonly count: number | undefined;
  /** File for NDJSON; `-` is standard output. */
  readonly out: string | undefined;
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly username: string | undefined;
  readonly clientId: string | undefined;
  /** Ends the reception; aborted here when `count` is reached. */
  readonly stop: AbortController;
  /** Told each message that is no valid batch, and the loss of the connection. */
  readonly problem: (text: string) => void;
  /** Called with every arrival. */
  readonly progress: (figures: () => SummaryFigures) => void;
}

/**
 * Receives until it is stopped, writes the batches and sums up.
 * @throws Fault of the uplink when the broker cannot be reached, of the config when a file cannot be read or written
 */
export async function receiveAndSum(options: ReceiveAndSumOptions): Promise<SummaryFigures> {
  const { url, topic, out, stop, count, problem } = options;
  const summary = new Summary();
  const file = out === undefined || out === '-' ? undefined : await openFile(out);
  const sink = out === '-' ? process.stdout : file;
  const subscription = receive({
    url,
    topics: topic,
    username: options.username,
    password: process.env['MQTT_PASSWORD'],
    ca: pem(options.ca),
    cert: pem(options.cert),
    key: pem(options.key),
    clientId: options.clientId,
    signal: stop.signal,
    onLink: (connected) => {
      if (!stop.signal.aborted) problem(connected ? `connected to ${url}` : `the connection to ${url} is lost`);
    },
  });
  const figures = () => summary.figures(subscription.report(options.fromStart));
  let batches = 0;
  for await (const received of subscription) {
    summary.add(received);
    options.progress(figures);
    if (received.type === 'problem') problem(received.problem);
    if (received.type === 'conflict') problem(`${received.topic} carries a key that had other content before`);
    if (received.type !== 'batch') continue;
    batches += 1;
    if (sink?.write(`${JSON.stringify(received.batch)}\n`) === false) await once(sink, 'drain');
    if (batches === count) stop.abort();
  }
  if (file !== undefined) {
    file.end();
    await once(file, 'finish');
  }
  return figures();
}

async function openFile(path: string) {
  const file = createWriteStream(path);
  try {
    await once(file, 'open');
    return file;
  } catch (cause) {
    throw new Fault('config', `cannot write ${path}: ${messageOf(cause)}`, { cause });
  }
}

function pem(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Fault('config', `cannot read ${path}: ${messageOf(cause)}`, { cause });
  }
}
