import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { GAP_CAUSES } from '../../src/observation.ts';
import { parseMessage } from '../../src/wire/codec.ts';
import { commandSchema, replySchema } from '../../src/wire/command.ts';
import { eventSchema, KINDS } from '../../src/wire/contract.ts';
import { startPublisher } from '../consumer/publisher.ts';
import { eventBatch, GAP, telemetry } from '../consumer/support.ts';
import { startAedes } from '../support/brokers.ts';

const root = join(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/contract.md'), 'utf8');
const blocks = [...page.matchAll(/```(\w+) ?(\S*)\n(.*?)```/gs)].map(([, language, topic, text]) => ({
  language,
  topic: topic as string,
  text: text as string,
}));

t.test('each example of the page is a message of the contract, on its topic', async (t) => {
  const examples = blocks.filter(({ language }) => language === 'json');
  t.strictSame(
    examples.map(({ topic, text }) => parseMessage(topic, Buffer.from(text)).type),
    ['batch', 'batch', 'batch', 'batch', 'batch', 'status', 'status', 'ignored', 'ignored', 'ignored'],
  );
  const [command, reply] = ['command', 'reply'].map((end) => examples.find(({ topic }) => topic.endsWith(`/${end}`)));
  t.ok(commandSchema.safeParse(JSON.parse(command?.text ?? '')).success);
  t.ok(replySchema.safeParse(JSON.parse(reply?.text ?? '')).success);
});

t.test('the examples of events have each type, each valid in itself', async (t) => {
  const examples = blocks.filter(({ topic }) => topic.endsWith('/event'));
  const events = examples.flatMap(({ text }): unknown[] => JSON.parse(text).events);
  const types = new Set(events.map((event) => eventSchema.parse(event).type));
  t.strictSame([...types].sort(), eventSchema.options.map(({ shape }) => shape.type.value).sort());
});

t.test('the page explains every kind, type of event and cause of a gap', async (t) => {
  const words = [...KINDS, ...GAP_CAUSES, ...eventSchema.options.map(({ shape }) => shape.type.value)];
  for (const word of words) t.ok(page.includes(`\`${word}\``), word);
});

t.test('the program of the page runs', async (t) => {
  await using broker = await startAedes();
  await using publisher = await startPublisher(broker.port);
  const program = (blocks.find(({ language }) => language === 'ts')?.text ?? '')
    .replace('edge-gateway/consumer', join(root, 'src/consumer/consumer.ts'))
    .replace('mqtt://broker:1883', `mqtt://127.0.0.1:${broker.port}`);
  const file = join(t.testdir(), 'example.ts');
  writeFileSync(file, program);
  const subscribed = once(broker.aedes, 'subscribe');
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill());
  let output = '';
  child.stdout.on('data', (text) => (output += text));
  await subscribed;
  await publisher.batches([telemetry(1), eventBatch(1, [{ ...GAP, t: 7 }])]);
  while (output.split('\n').length < 3) await once(child.stdout, 'data');
  t.equal(output, 'vmc-3 n 1763640000000 0 1 good\nvmc-3 gap 1763640000007\n');
});
