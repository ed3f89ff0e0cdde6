import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { codeOf, Fault, messageOf } from '../errors.ts';
import { type BrokerUrl, parseBrokerUrl } from './broker-url.ts';
import { linkFault, refusalOf } from './link-fault.ts';

/** From the look-up of the name to CONNACK. */
const CONNECT_TIMEOUT_MS = 10_000;
const KEEPALIVE_S = 30;
/** How long an orderly DISCONNECT may take before the socket is destroyed. */
const DISCONNECT_MS = 500;
/** How long the broker keeps the session of a consumer that is away: a week, in seconds. */
const SESSION_S = 7 * 86_400;
/** Reason code of a broker that does not take the version. */
const WRONG_VERSION = 132;

/** How to reach the broker. */
export interface LinkOptions {
  /** mqtt://, mqtts://, ws:// or wss://; user and password may stand in it. */
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** PEM texts. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /**
   * With an id of its own the broker keeps the session: what is published while the consumer is away comes afterwards.
   * Without one, every connection is a new session.
   */
  readonly clientId?: string | undefined;
  /** Seconds that the broker shall keep the session; default: a week. MQTT 3.1.1 leaves that to the broker. */
  readonly sessionExpiry?: number | undefined;
}

/** Takes one message; the next one is handed over, and this one acknowledged, when the promise resolves. */
export type OnMessage = (topic: string, payload: Uint8Array) => Promise<void>;

/** One established connection. It is never reopened: whoever wants another opens another. */
export interface ConsumerLink {
  readonly protocol: '5' | '3.1.1';
  /** Resolves with the reason when the connection is gone, whoever ended it. */
  readonly closed: Promise<Fault>;
  /**
   * Subscribes with QoS 1. Messages of a kept session may come before this resolves.
   * @throws Fault of the uplink when the broker refuses a topic or the connection ends
   */
  subscribe(topics: readonly string[]): Promise<void>;
  /** DISCONNECT and close; takes at most half a second. */
  end(): Promise<void>;
}

/**
 * Opens one connection: with MQTT 5, or with 3.1.1 where the broker takes nothing else.
 * @throws Fault of the uplink when it cannot be opened, of the config for a wrong URL, or the abort reason
 */
export async function openLink(options: LinkOptions, onMessage: OnMessage, signal: AbortSignal): Promise<ConsumerLink> {
  const url = parseBrokerUrl(options.url);
  if (url === undefined) {
    throw new Fault('config', 'this is no URL of a broker', { hint: 'write it like mqtts://broker.example.com:8883' });
  }
  try {
    return await open(options, url, 5, onMessage, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!mayBeVersion(error)) throw linkFault(url.href, error);
  }
  try {
    return await open(options, url, 4, onMessage, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw linkFault(url.href, error);
  }
}

class ClosedEarly extends Error {}

/** RabbitMQ before 3.13 closes the connection without a word. */
function mayBeVersion(error: unknown): boolean {
  return refusalOf(error) === WRONG_VERSION || error instanceof ClosedEarly || codeOf(error) === 'ECONNRESET';
}

async function open(
  options: LinkOptions,
  url: BrokerUrl,
  protocolVersion: 4 | 5,
  onMessage: OnMessage,
  signal: AbortSignal,
): Promise<ConsumerLink> {
  signal.throwIfAborted();
  const closed = Promise.withResolvers<Fault>();
  const connected = Promise.withResolvers<void>();
  const client = connect(url.href, clientOptions(options, url, protocolVersion));
  // In place before the first packet: a kept session delivers right behind CONNACK.
  client.handleMessage = (packet, done) => {
    onMessage(packet.topic, packet.payload as Buffer).then(() => done(), done);
  };
  let reason: Error | undefined;
  client.on('error', (error) => {
    reason ??= error;
    client.stream.destroy();
  });
  client.on('disconnect', ({ reasonCode = 0 }) => {
    reason ??= new Error(`the broker ended it (reason code ${reasonCode})`);
  });
  client.once('connect', () => connected.resolve());
  client.once('close', () => {
    connected.reject(reason ?? new ClosedEarly('the broker closed the connection before it answered'));
    closed.resolve(linkFault(url.href, reason ?? new Error('the broker closed the connection')));
  });
  const abort = () => client.stream.destroy();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await connected.promise;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return {
    protocol: protocolVersion === 5 ? '5' : '3.1.1',
    closed: closed.promise,
    subscribe: (topics) => subscribe(client, topics, closed.promise),
    async end() {
      const timer = setTimeout(() => client.stream.destroy(), DISCONNECT_MS);
      client.end();
      await closed.promise;
      clearTimeout(timer);
    },
  };
}

function clientOptions(options: LinkOptions, url: BrokerUrl, protocolVersion: 4 | 5): IClientOptions {
  const { clientId, sessionExpiry = SESSION_S, ca, cert, key } = options;
  const username = options.username ?? url.username;
  // A password without a user name is not allowed in 3.1.1 (3.1.2.9).
  const password = username === undefined ? undefined : (options.password ?? url.password);
  return {
    protocolVersion,
    clean: clientId === undefined,
    keepalive: KEEPALIVE_S,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectPeriod: 0,
    resubscribe: false,
    ...given({ clientId, username, password, ca, cert, key }),
    ...(clientId === undefined || protocolVersion === 4
      ? {}
      : { properties: { sessionExpiryInterval: sessionExpiry } }),
  };
}

function given(options: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

async function subscribe(client: MqttClient, topics: readonly string[], closed: Promise<Fault>): Promise<void> {
  const granted = client.subscribeAsync([...topics], { qos: 1 }).catch((cause: unknown) => {
    throw new Fault('uplink', `the broker refuses the subscription to ${topics.join(', ')}: ${messageOf(cause)}`, {
      hint: 'check the topics and the rights of this user',
      cause,
    });
  });
  const ended = closed.then((fault) => {
    throw fault;
  });
  await Promise.race([granted, ended]);
}
