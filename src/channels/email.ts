import { createTransport } from 'nodemailer';
import type { ChannelOf } from '../config/channels.ts';
import { type Message, Refusal } from './channel.ts';

/**
 * Sends one e-mail over a connection of its own: alerts are rare, and servers close what is idle.
 * @throws Refusal when the server says no
 */
export async function sendMail(config: ChannelOf<'email'>, message: Message, signal: AbortSignal): Promise<void> {
  const { server, from, to, username, password, timeout } = config;
  const { hostname, port, protocol } = new URL(server);
  const transport = createTransport({
    host: hostname,
    ...(port === '' ? {} : { port: Number(port) }),
    secure: protocol === 'smtps:',
    ...(username === undefined ? {} : { auth: { user: username, pass: password?.reveal() ?? '' } }),
    connectionTimeout: timeout,
    greetingTimeout: timeout,
    socketTimeout: timeout,
  });
  const close = () => transport.close();
  signal.addEventListener('abort', close, { once: true });
  try {
    signal.throwIfAborted();
    const { key, subject, text } = message;
    await transport.sendMail({ from, to, subject, text, messageId: `<${key}@${message.notice.gateway}>` });
  } catch (error) {
    signal.throwIfAborted();
    const { responseCode, message: why } = error as { responseCode?: number; message: string };
    if (responseCode === undefined) throw error;
    // RFC 5321, 4.2.1: 4yz may pass, 5yz does not.
    throw new Refusal(why, { isPassing: responseCode < 500 });
  } finally {
    signal.removeEventListener('abort', close);
    transport.close();
  }
}
