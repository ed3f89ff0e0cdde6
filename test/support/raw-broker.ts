import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import {
  generate,
  type IConnackPacket,
  type IConnectPacket,
  type IPublishPacket,
  type Packet,
  parser,
} from 'mqtt-packet';

/** One client of a raw broker. */
export interface RawClient {
  readonly connect: IConnectPacket;
  send(packet: Packet): void;
  /** Closes the connection without a word. */
  close(): void;
}

/** What the broker does; what is left out, it does as a broker would. */
export interface RawBehaviour {
  /** Answer to CONNECT; `close`: none, the connection is closed; `silence`: none, it stays open. */
  connack?(connect: IConnectPacket): Partial<IConnackPacket> | 'close' | 'silence';
  /** Called for each PUBLISH in the place of an acknowledgement. */
  publish?(packet: IPublishPacket, client: RawClient): void;
}

/** A broker under exact control, MQTT 5 and 3.1.1, that keeps what was published. */
export interface RawBroker extends AsyncDisposable {
  readonly port: number;
  readonly connects: readonly IConnectPacket[];
  readonly disconnects: readonly Packet[];
  readonly published: readonly IPublishPacket[];
  behaviour: RawBehaviour;
  /** Resolves once `condition` holds; it is looked at after each packet and each close. */
  until(condition: (broker: RawBroker) => boolean): Promise<void>;
  /** Connections that are open. */
  readonly open: number;
}

/** Acknowledges a PUBLISH. */
export function acknowledge(packet: IPublishPacket, client: RawClient, reasonCode = 0): void {
  client.send({ cmd: 'puback', messageId: packet.messageId ?? 0, reasonCode });
}

export async function startRawBroker(behaviour: RawBehaviour = {}): Promise<RawBroker> {
  const connects: IConnectPacket[] = [];
  const disconnects: Packet[] = [];
  const published: IPublishPacket[] = [];
  const sockets = new Set<Socket>();
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers<void>();
  };

  const serve = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      tell();
    });
    let client: RawClient | undefined;
    const settings = { protocolVersion: 4 };
    const packets = parser(settings);
    socket.on('data', (chunk) => packets.parse(chunk));
    packets.on('packet', (packet) => {
      if (packet.cmd === 'connect') {
        const protocolVersion = packet.protocolVersion ?? 4;
        settings.protocolVersion = protocolVersion;
        client = {
          connect: packet,
          send: (answer) => socket.write(generate(answer, { protocolVersion })),
          close: () => socket.destroy(),
        };
        connects.push(packet);
        const connack = broker.behaviour.connack?.(packet) ?? {};
        if (connack === 'close') client.close();
        else if (connack !== 'silence') {
          client.send({ cmd: 'connack', sessionPresent: false, reasonCode: 0, returnCode: 0, ...connack });
        }
      } else if (packet.cmd === 'publish' && client !== undefined) {
        published.push(packet);
        (broker.behaviour.publish ?? acknowledge)(packet, client);
      } else if (packet.cmd === 'pingreq') client?.send({ cmd: 'pingresp' });
      else if (packet.cmd === 'disconnect') disconnects.push(packet);
      tell();
    });
  };
  const server = createServer(serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const broker: RawBroker = {
    port: (server.address() as AddressInfo).port,
    connects,
    disconnects,
    published,
    behaviour,
    get open() {
      return sockets.size;
    },
    async until(condition) {
      while (!condition(broker)) await changed.promise;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return broker;
}
