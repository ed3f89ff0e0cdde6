import type { ChannelConfig, ChannelOf } from '../config/channels.ts';
import type { Log } from '../log.ts';
import type { Channel } from './channel.ts';
import { postJson } from './http.ts';

/** Makes a channel of its config. What it needs is loaded with the first message. */
export function openChannel(config: ChannelConfig, log: Log): Channel {
  switch (config.type) {
    case 'log':
      return { send: async ({ text, notice }) => log.warn({ machine: notice.machine, alert: notice.alert }, text) };
    case 'webhook':
      return webhook(config);
    case 'slack':
      return slack(config);
    case 'telegram':
      return telegram(config);
    case 'email':
      return email(config);
  }
}

function webhook({ url, token }: ChannelOf<'webhook'>): Channel {
  return {
    send: ({ key, text, notice }, signal) => {
      const secret = token?.reveal();
      const authorization = secret === undefined ? {} : { authorization: `Bearer ${secret}` };
      const headers = { 'idempotency-key': key, ...authorization };
      return postJson(url, { key, text, ...notice }, { headers, signal, hidden: secret === undefined ? [] : [secret] });
    },
  };
}

/** https://api.slack.com/messaging/webhooks */
function slack({ webhook: url }: ChannelOf<'slack'>): Channel {
  return {
    send: ({ text }, signal) => postJson(url.reveal(), { text: escapeSlack(text) }, { signal, hidden: [url.reveal()] }),
  };
}

/** https://api.slack.com/reference/surfaces/formatting#escaping */
function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** https://core.telegram.org/bots/api#sendmessage */
function telegram({ token, chat, api }: ChannelOf<'telegram'>): Channel {
  return {
    send: ({ text }, signal) => {
      const url = `${api.replace(/\/$/, '')}/bot${token.reveal()}/sendMessage`;
      return postJson(url, { chat_id: chat, text }, { signal, hidden: [token.reveal()] });
    },
  };
}

function email(config: ChannelOf<'email'>): Channel {
  return {
    async send(message, signal) {
      const { sendMail } = await import('./email.ts');
      await sendMail(config, message, signal);
    },
  };
}
