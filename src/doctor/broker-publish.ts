import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from '../abort.ts';
import { messageOf } from '../errors.ts';
import { PROPERTIES } from '../forwarder/envelope.ts';
import type { Link } from '../forwarder/mqtt.ts';
import { LinkError, publishHint, reasonText } from '../forwarder/reasons.ts';
import { decodePayload } from '../wire/codec.ts';
import { batchTopic, CONTRACT_VERSION, TEST_KIND, type TestMessage } from '../wire/contract.ts';
import type { Finding } from './check.ts';
import { count, names, time } from './words.ts';

/** Kinds that the gateway publishes for each machine. */
const KINDS = ['telemetry', 'event'] as const;
/** How long a message may take back to us once everything is acknowledged. */
const ECHO_MS = 1000;
/** Milliseconds for the answer to a subscription. */
const SUBSCRIBE_MS = 3000;
/** Brokers that close the link on a forbidden topic are asked about so many. */
const MAX_CLOSES = 3;
const NAME = 'publish right';

export interface PublishSetup {
  readonly tenant: string;
  readonly gateway: string;
  readonly machines: readonly string[];
  /** Milliseconds that a message may wait for its PUBACK. */
  readonly ackTimeout: number;
  /** Opens another link, where the broker has closed the one before. */
  readonly open: (signal: AbortSignal) => Promise<Link>;
}

/** What became of the test message on one topic. */
interface Trial {
  readonly topic: string;
  readonly id: string;
  sentAt: number;
  /** Under MQTT 3.1.1, `accepted` may also mean refused. */
  outcome: 'accepted' | 'refused' | 'closed' | 'silent' | 'untried';
  reason?: string;
  hint?: string;
  /** Milliseconds until it came back. */
  echo?: number;
}

/**
 * Publishes a test message on each topic of each machine, one after the other, and reads it back where the broker lets
 * us subscribe. The messages are not retained, and consumers pass over them (docs/contract.md).
 * @throws LinkError when the broker cannot be reached any more; the abort reason
 */
export async function provePublishing(setup: PublishSetup, signal: AbortSignal): Promise<Finding[]> {
  const topics = setup.machines.flatMap((machine) =>
    KINDS.map((kind) => ({ machine, topic: batchTopic(setup.tenant, setup.gateway, machine, kind) })),
  );
  const trials = new Map<string, Trial>();
  const hear = (_topic: string, payload: Uint8Array) => {
    const decoded = decodePayload(payload);
    const id = 'value' in decoded ? (decoded.value as { id?: unknown } | null)?.id : undefined;
    const trial = typeof id === 'string' ? trials.get(id) : undefined;
    if (trial !== undefined) trial.echo ??= performance.now() - trial.sentAt;
  };
  let maySubscribe = true;
  const open = async () => {
    const opened = await setup.open(signal);
    if (!maySubscribe) return opened;
    const names = topics.map(({ topic }) => topic);
    const answer = await untilAborted(
      Promise.race([opened.subscribe(names, hear), opened.closed, sleep(SUBSCRIBE_MS, undefined, { ref: false })]),
      signal,
    );
    maySubscribe = Array.isArray(answer) && answer.every((code) => code < 128);
    // Some brokers close the link on a subscription that they do not allow.
    return answer instanceof LinkError ? setup.open(signal) : opened;
  };
  let link: Link | undefined = await open();
  const { protocol } = link;
  try {
    let closes = 0;
    for (const { machine, topic } of topics) {
      const trial: Trial = { topic, id: randomUUID(), sentAt: performance.now(), outcome: 'untried' };
      trials.set(trial.id, trial);
      if (closes >= MAX_CLOSES) continue;
      link ??= await open();
      trial.sentAt = performance.now();
      await publish(link, trial, machine, setup, signal);
      if (trial.outcome !== 'closed' && trial.outcome !== 'silent') continue;
      closes += 1;
      await link.end();
      link = undefined;
    }
    if (maySubscribe) await echoes(trials, signal);
    return judge([...trials.values()], protocol, maySubscribe);
  } finally {
    await link?.end();
  }
}

async function publish(
  link: Link,
  trial: Trial,
  machine: string,
  { tenant, gateway, ackTimeout }: PublishSetup,
  signal: AbortSignal,
): Promise<void> {
  const message: TestMessage = {
    v: CONTRACT_VERSION,
    tenant,
    gateway,
    machine,
    kind: TEST_KIND,
    id: trial.id,
    t: Date.now(),
  };
  const payload = Buffer.from(JSON.stringify(message));
  const options = link.protocol === '5' ? { properties: PROPERTIES } : {};
  const answer = await untilAborted(
    Promise.race([
      link.publish(trial.topic, payload, options),
      link.closed,
      sleep(ackTimeout, undefined, { ref: false }),
    ]),
    signal,
  );
  if (answer === undefined) {
    trial.outcome = 'silent';
    trial.reason = `is not acknowledged within ${time(ackTimeout)}`;
    trial.hint = 'look at the broker’s log and load';
  } else if (answer instanceof LinkError) {
    trial.outcome = 'closed';
    trial.reason = `makes the broker end the link (${messageOf(answer)})`;
    trial.hint = publishHint(135);
  } else if (answer.code >= 128) {
    trial.outcome = 'refused';
    trial.reason = `is refused: ${reasonText(answer.code, answer.text)}`;
    trial.hint = publishHint(answer.code);
  } else trial.outcome = 'accepted';
}

/** Resolves when everything that was accepted has come back, or after a second. */
async function echoes(trials: ReadonlyMap<string, Trial>, signal: AbortSignal): Promise<void> {
  const until = performance.now() + ECHO_MS;
  const isMissing = () =>
    [...trials.values()].some(({ outcome, echo }) => outcome === 'accepted' && echo === undefined);
  while (isMissing() && performance.now() < until) await sleep(10, undefined, { signal });
}

/** One finding for each way in which it went. */
function judge(trials: readonly Trial[], protocol: Link['protocol'], isHeard: boolean): Finding[] {
  const having = (outcome: Trial['outcome']) => trials.filter((trial) => trial.outcome === outcome);
  const accepted = having('accepted');
  const proven = accepted.filter(({ echo }) => echo !== undefined);
  const silent = accepted.filter(({ echo }) => echo === undefined);
  const told: Finding[] = [];
  if (proven.length > 0) {
    const slowest = Math.max(...proven.map(({ echo = 0 }) => echo));
    const text = `${count(proven.length, 'topic')}: published and read back, within ${time(slowest)}`;
    told.push({ name: NAME, level: 'good', text });
  }
  if (silent.length > 0) told.push(protocol === '5' ? unheard(silent) : unproven(silent, isHeard));
  const failures = [...having('refused'), ...having('closed'), ...having('silent')];
  for (const [reason, all] of Map.groupBy(failures, (trial) => trial.reason ?? '')) {
    const text = `what is published on ${topicsOf(all)} ${reason}`;
    told.push({ name: NAME, level: 'bad', text, hint: all[0]?.hint ?? publishHint(135) });
  }
  const untried = having('untried');
  if (untried.length > 0) {
    const hint = 'mend what is above, and test again';
    told.push({ name: NAME, level: 'warn', text: `${count(untried.length, 'topic')} not tried`, hint });
  }
  return told;
}

/** MQTT 5 would have told a refusal. */
function unheard(trials: readonly Trial[]): Finding {
  return {
    name: NAME,
    level: 'good',
    text: `${count(trials.length, 'topic')}: accepted by the broker (not read back)`,
  };
}

/** MQTT 3.1.1 has no answer for a refusal: some brokers acknowledge what they throw away. */
function unproven(trials: readonly Trial[], isHeard: boolean): Finding {
  const why = isHeard ? 'it did not come back' : 'this client may not read it back';
  const text = `unproven on ${topicsOf(trials)}: acknowledged, but so is what a broker of MQTT 3.1.1 throws away, and ${why}`;
  const hint = 'watch with edge-gateway receive elsewhere whether data arrives, or use a broker of MQTT 5';
  return { name: NAME, level: 'warn', text, hint };
}

function topicsOf(trials: readonly Trial[]): string {
  return names(trials.map(({ topic }) => topic));
}
