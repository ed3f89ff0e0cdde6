import { z } from 'zod';
import { commandTopic, replyTopic } from './command.ts';
import { batchTopic, CONTRACT_VERSION, ID_PATTERN, type Kind, statusTopic } from './contract.ts';
import { WIRE_SCHEMA_NAMES, WIRE_SCHEMAS, type WireSchemaName } from './json-schema.ts';

/** Version of AsyncAPI's MQTT bindings. */
const BINDING = { bindingVersion: '0.2.0' } as const;

/** A topic, from the gateway's side. */
interface Channel {
  readonly name: string;
  readonly address: string;
  readonly action: 'send' | 'receive';
  readonly messages: readonly WireSchemaName[];
  readonly qos: 0 | 1;
  readonly retain: boolean;
  readonly description: string;
  /** Name of the channel of the answers. */
  readonly reply?: string;
}

const PARAMETERS = {
  tenant: 'Who the gateway belongs to',
  gateway: 'Id of the gateway, unique within its tenant',
  machine: 'Id of the machine, unique within its gateway',
} as const;
const [TENANT, GATEWAY, MACHINE] = Object.keys(PARAMETERS).map((name) => `{${name}}`) as [string, string, string];

function batches(kind: Kind & WireSchemaName, description: string): Channel {
  const address = batchTopic(TENANT, GATEWAY, MACHINE, kind);
  return { name: kind, address, action: 'send', messages: [kind], qos: 1, retain: false, description };
}

const CHANNELS: readonly Channel[] = [
  { ...batches('telemetry', 'Batches of observations'), messages: ['telemetry', 'test'] },
  batches(
    'rollup',
    'Batches of windows: those of the config, and those in the place of observations that were thinned',
  ),
  batches('alert', 'Batches of alerts, as soon as they fire, resolve or are acknowledged'),
  {
    ...batches('event', 'Batches of events: gaps, driver states, machine metadata, notices'),
    messages: ['event', 'test'],
  },
  {
    name: 'status',
    address: statusTopic(TENANT, GATEWAY),
    action: 'send',
    messages: ['status'],
    qos: 1,
    retain: true,
    description: 'Whether the gateway is connected: birth, orderly end, Last Will',
  },
  {
    name: 'command',
    address: commandTopic(TENANT, GATEWAY),
    action: 'receive',
    messages: ['command'],
    qos: 1,
    retain: false,
    description: 'What the cloud asks of a gateway, where its config allows it',
    reply: 'reply',
  },
  {
    name: 'reply',
    address: replyTopic(TENANT, GATEWAY),
    action: 'send',
    messages: ['reply'],
    qos: 0,
    retain: false,
    description: 'The answers to commands',
  },
];

const MESSAGES: Readonly<Record<WireSchemaName, string>> = {
  telemetry: 'Observations of a machine in columns',
  rollup: 'Windows of a machine’s signals in columns',
  alert: 'What the rules of the gateway have found',
  event: 'What happened beside the values; gaps tell what was lost',
  status: 'The connection of the gateway',
  test: 'Proves the right to publish (doctor): to be passed over',
  command: 'Asks for a replay',
  reply: 'accepted and then done, or refused',
};

const HISTORICAL: ReadonlySet<WireSchemaName> = new Set(['telemetry', 'rollup', 'alert', 'event']);

/** The contract as an AsyncAPI 3.0 document, from the gateway's side: it sends what a consumer receives. */
export function asyncApi(): object {
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'edge-gateway',
      version: `${CONTRACT_VERSION}`,
      description:
        'What a gateway publishes by MQTT, and what it can be asked. `docs/contract.md` explains it. A consumer passes over keys, kinds and event types that it does not know.',
    },
    defaultContentType: 'application/json',
    servers: {
      broker: {
        host: '{host}',
        protocol: 'secure-mqtt',
        protocolVersion: '5.0',
        description: 'The broker of `uplink.url`; MQTT 3.1.1 and plain TCP where the config says so',
        variables: { host: { default: 'broker.example.com:8883' } },
      },
    },
    channels: Object.fromEntries(CHANNELS.map((channel) => [channel.name, channelObject(channel)])),
    operations: Object.fromEntries(CHANNELS.map((channel) => [operationName(channel), operationObject(channel)])),
    components: {
      parameters: Object.fromEntries(
        Object.entries(PARAMETERS).map(([name, what]) => [name, { description: `${what}: ${ID_PATTERN.source}` }]),
      ),
      messages: Object.fromEntries(WIRE_SCHEMA_NAMES.map((name) => [name, messageObject(name)])),
      schemas: Object.assign({}, ...WIRE_SCHEMA_NAMES.map(schemaObjects)),
    },
  };
}

const ref = (...path: readonly string[]) => ({ $ref: `#/${path.join('/')}` });

function channelObject({ name, address, messages, description }: Channel): object {
  const parameters = Object.keys(PARAMETERS).filter((parameter) => address.includes(`{${parameter}}`));
  return {
    address,
    title: name,
    description,
    parameters: Object.fromEntries(
      parameters.map((parameter) => [parameter, ref('components', 'parameters', parameter)]),
    ),
    messages: Object.fromEntries(messages.map((message) => [message, ref('components', 'messages', message)])),
  };
}

function operationName({ name, action }: Channel): string {
  return `${action}${name[0]?.toUpperCase()}${name.slice(1)}`;
}

function operationObject({ name, action, messages, qos, retain, reply }: Channel): object {
  const inChannel = (channel: string, message: string) => ref('channels', channel, 'messages', message);
  return {
    action,
    channel: ref('channels', name),
    messages: messages.map((message) => inChannel(name, message)),
    bindings: { mqtt: { qos, retain, ...BINDING } },
    ...(reply === undefined ? {} : { reply: { channel: ref('channels', reply), messages: [inChannel(reply, reply)] } }),
  };
}

function messageObject(name: WireSchemaName): object {
  const properties = {
    v: { type: 'string', const: `${CONTRACT_VERSION}`, description: 'version of the contract' },
    encoding: { type: 'string', enum: ['zstd', 'gzip'], description: 'where the payload is compressed' },
    historical: { type: 'string', const: 'true', description: 'sent late, or once more' },
  };
  const { v, encoding, historical } = properties;
  const own = HISTORICAL.has(name) ? { v, encoding, historical } : { v };
  return {
    name,
    title: MESSAGES[name],
    contentType: 'application/json',
    // A command is the asker's: it need not have any.
    ...(name === 'command'
      ? {}
      : { headers: { type: 'object', description: 'user properties of MQTT 5', properties: own } }),
    payload: ref('components', 'schemas', name),
    bindings: { mqtt: { contentType: 'application/json', ...BINDING } },
  };
}

/** AsyncAPI's own schemas are a superset of JSON Schema draft 7; what they share stands beside them. */
function schemaObjects(name: WireSchemaName): object {
  const schema = z.toJSONSchema(WIRE_SCHEMAS[name], { io: 'input', target: 'draft-7' });
  const moved = JSON.stringify(schema).replaceAll('"#/definitions/', `"#/components/schemas/${name}.`);
  const { $schema: _, definitions = {}, ...own } = JSON.parse(moved) as Record<string, unknown>;
  const shared = Object.entries(definitions as object).map(([key, value]) => [`${name}.${key}`, value]);
  return { [name]: own, ...Object.fromEntries(shared) };
}
