import { connect } from 'node:net';

const ANSWER_MS = 3000;
const PROTOCOL_VERSION = 0;
const BUFFER_BYTES = 65_536;
const HEADER_BYTES = 8;

/**
 * Whether what listens there speaks OPC UA over TCP: says Hello and looks for Acknowledge, or an error of the protocol
 * (OPC 10000-6, 7.1.2). Rejects only with the abort reason.
 */
export async function speaksOpcua(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port });
  socket.setTimeout(ANSWER_MS, () => resolve(false));
  socket.once('connect', () => socket.write(hello(`opc.tcp://${host}:${port}`)));
  socket.once('data', (chunk) => resolve(/^(ACK|ERR)F$/.test(chunk.toString('latin1', 0, 4))));
  // Whatever else there is, it is no OPC UA server.
  socket.once('error', () => resolve(false)).once('close', () => resolve(false));
  const abort = () => resolve(false);
  signal.addEventListener('abort', abort, { once: true });
  try {
    const speaks = await promise;
    signal.throwIfAborted();
    return speaks;
  } finally {
    signal.removeEventListener('abort', abort);
    socket.destroy();
  }
}

function hello(url: string): Buffer {
  const text = Buffer.from(url);
  const numbers = [PROTOCOL_VERSION, BUFFER_BYTES, BUFFER_BYTES, 0, 0, text.length];
  const message = Buffer.alloc(HEADER_BYTES + 4 * numbers.length);
  message.write('HELF', 'latin1');
  message.writeUInt32LE(message.length + text.length, 4);
  for (const [i, value] of numbers.entries()) message.writeUInt32LE(value, HEADER_BYTES + 4 * i);
  return Buffer.concat([message, text]);
}
