import { connect as connectTcp, isIP } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import { type ConnectionOptions, checkServerIdentity, connect as connectTls } from 'node:tls';
import { type IClientOptions, type IConnackPacket, MqttClient } from 'mqtt';
import { closedError, connackError, disconnectError, LinkError, type Protocol, socketError } from './reasons.ts';

/** How long an orderly DISCONNECT may take before the socket is destroyed. */
const DISCONNECT_MS = 100;
const DEFAULT_PORT: Readonly<Record<string, number>> = { 'mqtt:': 1883, 'mqtts:': 8883, 'ws:': 80, 'wss:': 443 };

/** PEM texts. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Will {
  readonly topic: string;
  readonly payload: string;
  readonly retain: boolean;
}

export interface LinkOptions {
  readonly url: string;
  readonly protocol: Protocol;
  readonly clientId: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Milliseconds; MQTT counts whole seconds, so it is rounded up. */
  readonly keepalive: number;
  /** Milliseconds from the look-up of the name to CONNACK. */
  readonly connectTimeout: number;
  readonly tls: TlsMaterial;
  /** Name that the server’s certificate must carry; default: the host of the URL. */
  readonly serverName?: string | undefined;
  /** Last Will; without one the broker says nothing when the link breaks. */
  readonly will?: Will;
}

/** MQTT 5 properties of a PUBLISH; left out under 3.1.1. */
export interface PublishProperties {
  readonly contentType: string;
  readonly userProperties: Readonly<Record<string, string>>;
}

/** A broker's answer to a publish: `code` below 128 is success. 3.1.1 knows nothing but 0. */
export interface Puback {
  readonly code: number;
  /** What the broker says beside the code. */
  readonly text?: string;
}

export type OnMessage = (topic: string, payload: Uint8Array) => void;

/** One established MQTT connection. It is never reopened: whoever wants another opens another. */
export interface Link {
  readonly protocol: Protocol;
  /** Publishes that the broker takes before it has acknowledged them (MQTT 5, 3.2.2.3.3). Obeyed by the caller. */
  readonly receiveMaximum: number;
  /** Bytes of the largest packet that the broker takes (MQTT 5, 3.2.2.3.6). Obeyed by the caller. */
  readonly maximumPacketSize: number;
  /**
   * Publishes with QoS 1, if nothing else is said, and resolves with the PUBACK. Packets leave in the order of the calls. When the link ends
   * first, the promise stays pending for ever: watch `closed`.
   */
  publish(topic: string, payload: Uint8Array, options?: PublishOptions): Promise<Puback>;
  /**
   * Subscribes with QoS 0; `onMessage` is called for whatever arrives, also under earlier subscriptions. Resolves with
   * the broker's code for each topic, 128 and above meaning refused; stays pending when the link ends first.
   */
  subscribe(topics: readonly string[], onMessage: OnMessage): Promise<readonly number[]>;
  /** Resolves with the reason when the connection is gone, whoever ended it. */
  readonly closed: Promise<LinkError>;
  /** DISCONNECT (the broker forgets the Last Will) and close; takes at most 100 ms. */
  end(): Promise<void>;
  /** Cuts the connection at once; the broker sends the Last Will. `reason` becomes the result of `closed`. */
  destroy(reason: LinkError): void;
}

export interface PublishOptions {
  /** 0: nobody acknowledges it; resolves when it was sent. Default 1. */
  readonly qos?: 0 | 1;
  readonly retain?: boolean;
  readonly properties?: PublishProperties;
}

/**
 * Opens one connection and resolves when the broker has accepted it. The name is resolved anew each time.
 * @throws LinkError when it cannot be opened, or the abort reason when `signal` aborts first
 */
export async function openLink(options: LinkOptions, signal: AbortSignal): Promise<Link> {
  const openStream = await transport(options);
  signal.throwIfAborted();
  const closed = Promise.withResolvers<LinkError>();
  const connected = Promise.withResolvers<IConnackPacket>();
  let isConnected = false;
  // What was told first explains the close that follows.
  let reason: LinkError | undefined;

  const client = new MqttClient((mqttClient, clientOptions) => {
    const stream = openStream(mqttClient, clientOptions);
    stream.on('error', (error: Error) => {
      reason ??= socketError(error, isConnected);
    });
    return stream;
  }, clientOptions(options));
  const destroy = (why: LinkError) => {
    reason ??= why;
    client.stream.destroy();
  };
  client.on('error', (error) => destroy(clientError(error, isConnected, options.protocol)));
  client.on('disconnect', (packet) =>
    destroy(disconnectError(packet.reasonCode ?? 0, packet.properties?.reasonString)),
  );
  client.on('packetreceive', (packet) => {
    if (packet.cmd !== 'connack') return;
    const code = packet.reasonCode ?? packet.returnCode ?? 0;
    if (code > 0) reason ??= connackError(options.protocol, code, packet.properties?.reasonString);
  });
  client.once('connect', connected.resolve);
  client.once('close', () => closed.resolve(reason ?? closedError(isConnected)));

  const abort = () => destroy(new LinkError('given up', { cause: 'ours' }));
  signal.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(
    () => destroy(new LinkError('the broker does not answer', { cause: 'silent', hint: 'check uplink.url' })),
    options.connectTimeout,
  );
  try {
    const connack = await Promise.race([connected.promise, closed.promise.then((error) => Promise.reject(error))]);
    isConnected = true;
    return new MqttLink(client, options.protocol, connack, closed.promise, destroy);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', abort);
  }
}

class MqttLink implements Link {
  readonly protocol: Protocol;
  readonly receiveMaximum: number;
  readonly maximumPacketSize: number;
  readonly closed: Promise<LinkError>;
  readonly #client: MqttClient;
  readonly #destroy: (why: LinkError) => void;

  constructor(
    client: MqttClient,
    protocol: Protocol,
    connack: IConnackPacket,
    closed: Promise<LinkError>,
    destroy: (why: LinkError) => void,
  ) {
    this.#client = client;
    this.#destroy = destroy;
    this.protocol = protocol;
    this.closed = closed;
    this.receiveMaximum = connack.properties?.receiveMaximum ?? 65_535;
    this.maximumPacketSize = connack.properties?.maximumPacketSize ?? Number.POSITIVE_INFINITY;
  }

  publish(topic: string, payload: Uint8Array, options: PublishOptions = {}): Promise<Puback> {
    const { promise, resolve } = Promise.withResolvers<Puback>();
    // Once it is closed, mqtt.js would keep the packet for a reconnect that never comes.
    if (!this.#client.connected) return promise;
    const { qos = 1, retain = false, properties } = options;
    this.#client.publish(
      topic,
      payload as Buffer,
      { qos, retain, ...(properties === undefined ? {} : { properties: properties as MutableProperties }) },
      (error, packet) => {
        if (error === undefined || error === null) return resolve({ code: 0 });
        // mqtt.js also calls back with an error when the connection closes; only a PUBACK has a numeric code.
        if (!('code' in error) || typeof error.code !== 'number') return;
        const text = (packet as { properties?: { reasonString?: string } } | undefined)?.properties?.reasonString;
        resolve(text === undefined ? { code: error.code } : { code: error.code, text });
      },
    );
    return promise;
  }

  subscribe(topics: readonly string[], onMessage: OnMessage): Promise<readonly number[]> {
    const { promise, resolve } = Promise.withResolvers<readonly number[]>();
    if (!this.#client.connected) return promise;
    this.#client.on('message', onMessage);
    this.#client.subscribe([...topics], { qos: 0 }, (_error, _subscriptions, packet) => {
      // Where a topic is refused mqtt.js calls back with an error, and with the SUBACK that says which one.
      const granted = (packet as { granted?: unknown } | undefined)?.granted;
      if (Array.isArray(granted)) resolve(granted);
    });
    return promise;
  }

  async end(): Promise<void> {
    const timer = setTimeout(() => this.#client.stream.destroy(), DISCONNECT_MS);
    // mqtt.js holds DISCONNECT back until everything is acknowledged, for ever if need be.
    for (const id of Object.keys(this.#client.outgoing)) this.#client.removeOutgoingMessage(Number(id));
    this.#client.end();
    await this.closed;
    clearTimeout(timer);
  }

  destroy(reason: LinkError): void {
    this.#destroy(reason);
  }
}

type MutableProperties = { contentType: string; userProperties: Record<string, string> };

function clientOptions(options: LinkOptions): IClientOptions {
  return {
    protocolVersion: options.protocol === '5' ? 5 : 4,
    clientId: options.clientId,
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    clean: true,
    keepalive: Math.max(1, Math.ceil(options.keepalive / 1000)),
    // The timer of `openLink` comes first; this one only must not fire before it.
    connectTimeout: options.connectTimeout + 1000,
    ...(options.will === undefined
      ? {}
      : { will: { ...options.will, payload: Buffer.from(options.will.payload), qos: 1 as const } }),
    reconnectPeriod: 0,
    queueQoSZero: false,
    resubscribe: false,
    outgoingStore: keepsNothing(),
    // The cache of all 65,536 numbers of two bytes costs 14 MB of memory and saves nothing that can be measured here.
    writeCache: false,
    log: () => undefined,
  };
}

/** The outbox keeps what is not acknowledged: mqtt.js need not, too. */
function keepsNothing(): NonNullable<IClientOptions['outgoingStore']> {
  const store: NonNullable<IClientOptions['outgoingStore']> = {
    put: (_packet, done) => {
      done();
      return store;
    },
    del: (packet, done) => {
      done(undefined, { cmd: 'publish', ...packet } as Parameters<typeof done>[1]);
      return store;
    },
    get: (_packet, done) => {
      done(new Error('nothing is kept'));
      return store;
    },
    createStream: () => Readable.from([]) as unknown as ReturnType<typeof store.createStream>,
    close: (done) => done(),
  };
  return store;
}

type OpenStream = (client: MqttClient, options?: IClientOptions) => Duplex;

/** The connection under MQTT. TCP and TLS are opened here, WebSockets by mqtt.js, whose `ws` is loaded only then. */
async function transport(options: LinkOptions): Promise<OpenStream> {
  const url = new URL(options.url);
  const { host, port } = placeOf(options.url);
  if (url.protocol === 'mqtt:') return () => connectTcp({ host, port }).setNoDelay(true);
  const tls = tlsOptions(options);
  if (url.protocol === 'mqtts:') return () => connectTls({ host, port, ...tls }).setNoDelay(true);
  const { streamBuilder } = await import('mqtt/lib/connect/ws');
  const secure = url.protocol === 'wss:';
  const webSocket: IClientOptions = {
    protocol: secure ? 'wss' : 'ws',
    hostname: url.hostname,
    port,
    path: `${url.pathname}${url.search}`,
    wsOptions: { perMessageDeflate: false, ...(secure ? tls : {}) } as NonNullable<IClientOptions['wsOptions']>,
  };
  return (client) => streamBuilder(client, { ...webSocket, protocolVersion: 4 }) as Duplex;
}

/** Host and port of a broker's URL. */
export function placeOf(brokerUrl: string): { readonly host: string; readonly port: number } {
  const url = new URL(brokerUrl);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { host, port: Number(url.port || DEFAULT_PORT[url.protocol]) };
}

/** How TLS is spoken with the broker. */
export function tlsOptions({
  url,
  tls,
  serverName,
}: Pick<LinkOptions, 'url' | 'tls' | 'serverName'>): ConnectionOptions {
  const name = serverName ?? placeOf(url).host;
  return {
    ...tls,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: true,
    // An address is no server name (RFC 6066, 3), but the certificate must carry it all the same.
    servername: isIP(name) === 0 ? name : '',
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
  };
}

function clientError(error: Error, isConnected: boolean, protocol: Protocol): LinkError {
  if ('code' in error && typeof error.code === 'number' && !isConnected) return connackError(protocol, error.code);
  if (error.message === 'Keepalive timeout') {
    return new LinkError('the broker has gone silent: no answer to a ping', {
      cause: 'silent',
      code: 'KEEPALIVE',
      hint: 'check the network',
    });
  }
  return socketError(error, isConnected);
}
