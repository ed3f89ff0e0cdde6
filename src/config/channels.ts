import { z } from 'zod';
import { secret } from './secrets.ts';
import { duration } from './units.ts';

const httpUrl = (example: string) =>
  z
    .url({ protocol: /^https?$/, hostname: /./, error: `expected http:// or https:// with a host, e.g. ${example}` })
    .refine((text) => !/\/\/[^/]*@/.test(text), 'user and password do not belong in the URL');

const common = {
  resolved: z.boolean().default(true).describe('Whether it is also told when an alert is over'),
  template: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Text in LiquidJS, of `alert`, `machine`, `labels`, `gateway`, `tenant` and `site`; default: one sentence',
    ),
  perHour: z.int().min(1).max(3600).default(60).describe('Messages an hour at most; more wait'),
  timeout: duration({ min: '100ms', max: '5m' }).prefault('10s').describe('For one attempt'),
};

const channel = <Type extends string, Shape extends z.core.$ZodLooseShape>(type: Type, shape: Shape) =>
  z.strictObject({ type: z.literal(type), ...shape, ...common });

/** A way to tell people of an alert, beside MQTT, where each alert goes. */
export const channelSchema = z.discriminatedUnion('type', [
  channel('log', {}).describe('A line in the gateway’s log'),
  channel('webhook', {
    url: httpUrl('https://example.com/alerts').describe('Receives a POST with the alert as JSON'),
    token: secret().optional().describe('Reference to a token, sent as `Authorization: Bearer`'),
  }).describe('An HTTP endpoint of your own'),
  channel('slack', {
    webhook: secret().describe('Reference to the URL of an incoming webhook'),
  }).describe('A Slack channel'),
  channel('telegram', {
    token: secret().describe('Reference to the token of the bot'),
    chat: z.union([z.string().min(1), z.int()]).describe('Id of the chat, or `@name` of a public channel'),
    api: httpUrl('https://api.telegram.org').default('https://api.telegram.org').describe('Server of the bot API'),
  }).describe('A Telegram chat'),
  channel('email', {
    server: z
      .url({
        protocol: /^smtps?$/,
        hostname: /./,
        error: 'expected smtp:// or smtps:// with a host, e.g. smtp://mail.example.com:587',
      })
      .refine((text) => !/\/\/[^/]*@/.test(text), 'user and password do not belong in the URL')
      .describe('`smtp://host:port` (with STARTTLS where the server offers it) or `smtps://host:port`'),
    from: z.string().min(3).describe('Sender, e.g. `Gateway <gateway@example.com>`'),
    to: z.array(z.string().min(3)).min(1).describe('Recipients'),
    username: z.string().min(1).optional(),
    password: secret().optional().describe('Reference to the password'),
  }).describe('E-mail by SMTP'),
]);

/** `channels:` of the config: by the name that rules refer to. */
export const channelsSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'expected letters, digits, dots, dashes or underscores'),
    channelSchema,
  )
  .describe('Ways to tell people of alerts, by name');

export type ChannelConfig = z.output<typeof channelSchema>;
export type ChannelType = ChannelConfig['type'];
export type ChannelOf<Type extends ChannelType> = Extract<ChannelConfig, { type: Type }>;
