import { type EventEmitter, once } from 'node:events';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { Fault, messageOf } from '../errors.ts';

const RECONNECT_MS = 1000;
const CONNECT_TIMEOUT_MS = 10_000;
/** How long the broker keeps the session of a consumer that is away, in seconds. */
const SESSION_S = 7 * 86_400;
/** CONNACK of a broker that knows only 3.1.1: MQTT 5 code, and 3.1.1 return code. */
const WRONG_VERSION = new Set([132, 1]);

/** How to reach the broker. */
export interface LinkOptions {
  /** mqtt://, mqtts://, ws:// or wss:// */
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
}

/** Takes one message; the next one is handed over, and this one acknowledged, when the promise resolves. */
export type OnMessage = (topic: string, payload: Uint8Array) => Promise<void>;

/**
 * Connects with MQTT 5, or with 3.1.1 where the broker takes nothing else. Once connected, mqtt.js reconnects by itself.
 * @throws Fault of the uplink when the first connection cannot be made
 */
export async function connectConsumer(options: LinkOptions, onMessage: OnMessage): Promise<MqttClient> {
  const { url, clientId, ...given } = options;
  const common: IClientOptions = {
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as IClientOptions),
    reconnectPeriod: RECONNECT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    clean: clientId === undefined,
    ...(clientId === undefined ? {} : { clientId }),
  };
  const session = clientId === undefined ? {} : { properties: { sessionExpiryInterval: SESSION_S } };
  try {
    return await open(url, { ...common, ...session, protocolVersion: 5 }, onMessage);
  } catch (error) {
    if (!mayBeVersion(error)) throw unreachable(url, error);
  }
  try {
    return await open(url, { ...common, protocolVersion: 4 }, onMessage);
  } catch (error) {
    throw unreachable(url, error);
  }
}

/** The first connection: mqtt.js would retry it for ever. */
async function open(url: string, options: IClientOptions, onMessage: OnMessage): Promise<MqttClient> {
  const client = connect(url, options);
  const events = client as unknown as EventEmitter;
  // In place before the first packet: a kept session delivers right behind CONNACK.
  client.handleMessage = (packet, done) => {
    onMessage(packet.topic, packet.payload as Buffer).then(() => done(), done);
  };
  const closed = once(events, 'close').then(() => {
    throw new Error('the connection was closed before it stood');
  });
  try {
    // `once` rejects with the client's error event.
    await Promise.race([once(events, 'connect'), closed]);
    closed.catch(() => undefined);
    return client;
  } catch (error) {
    await client.endAsync(true);
    throw error;
  }
}

/** A refusal of the version, or a connection that was closed without a word. */
function mayBeVersion(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return (typeof code === 'number' && WRONG_VERSION.has(code)) || /closed/i.test(messageOf(error));
}

function unreachable(url: string, cause: unknown): Fault {
  const reason = cause instanceof AggregateError ? cause.errors.map(messageOf).join(', ') : messageOf(cause);
  return new Fault('uplink', `cannot connect to ${url}: ${reason}`, {
    hint: 'check the address, the port, the user and the certificates',
    cause,
  });
}

/** Subscribes, and again after each reconnect by itself. @throws Fault of the uplink when the broker refuses a topic */
export async function subscribe(client: MqttClient, topics: readonly string[]): Promise<void> {
  const granted = await client.subscribeAsync([...topics], { qos: 1 }).catch((cause: unknown) => {
    throw new Fault('uplink', `the broker refuses the subscription to ${topics.join(', ')}: ${messageOf(cause)}`, {
      hint: 'check the topics and the rights of this user',
      cause,
    });
  });
  const refused = granted.filter(({ qos }) => Number(qos) >= 128).map(({ topic }) => topic);
  if (refused.length === 0) return;
  throw new Fault('uplink', `the broker refuses the subscription to ${refused.join(', ')}`, {
    hint: 'check the rights of this user',
  });
}

/** Ends the connection in an orderly way. */
export async function disconnect(client: MqttClient): Promise<void> {
  const closed = client.connected ? once(client as unknown as EventEmitter, 'close') : Promise.resolve();
  await client.endAsync(true);
  await closed;
}
