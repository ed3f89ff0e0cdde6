import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import t from 'tap';
import { asyncApi } from '../../src/wire/asyncapi.ts';
import { batchTopic, KINDS, statusTopic } from '../../src/wire/contract.ts';
import { WIRE_SCHEMA_NAMES } from '../../src/wire/json-schema.ts';
import { MESSAGES } from './messages.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'));
const document = read('docs/contract/asyncapi.json');

t.test('docs/contract/asyncapi.json is what the code makes', async (t) => {
  t.strictSame(document, asyncApi());
});

t.test('it is an AsyncAPI 3.0 document by AsyncAPI’s own schema, with every binding', async (t) => {
  // The file has the meta-schema of draft 7 in itself.
  const ajv = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false });
  const validate = ajv.compile(read('node_modules/@asyncapi/specs/schemas/3.0.0.json'));
  const isValid = (value: unknown) => validate(value);
  t.ok(isValid(document), ajv.errorsText(validate.errors));
  const damaged = [
    (copy: typeof document) => delete copy.info.version,
    (copy: typeof document) => (copy.operations.sendTelemetry.action = 'publish'),
    (copy: typeof document) => (copy.operations.sendTelemetry.bindings.mqtt.qos = 3),
    (copy: typeof document) => (copy.components.schemas.telemetry.type = 'batch'),
  ];
  for (const damage of damaged) {
    const copy = structuredClone(document);
    damage(copy);
    t.notOk(isValid(copy), String(damage));
  }
});

t.test('every reference leads somewhere, and each parameter of a topic is declared', async (t) => {
  const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path as string);
  t.ok(refs.length > 50);
  for (const ref of new Set(refs)) {
    const target = ref.split('/').reduce((value, key) => value?.[key], document);
    t.type(target, 'object', ref);
  }
  for (const { address, parameters } of Object.values<{ address: string; parameters: object }>(document.channels)) {
    const named = [...address.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    t.strictSame(Object.keys(parameters), named, address);
  }
});

t.test('its topics, QoS and retention are those of the gateway', async (t) => {
  const of = (name: string) => document.channels[name].address;
  for (const kind of KINDS) t.equal(of(kind), batchTopic('{tenant}', '{gateway}', '{machine}', kind));
  t.equal(of('status'), statusTopic('{tenant}', '{gateway}'));
  const { sendTelemetry, sendStatus, sendReply } = document.operations;
  t.match(sendTelemetry.bindings.mqtt, { qos: 1, retain: false });
  t.match(sendStatus.bindings.mqtt, { qos: 1, retain: true });
  t.match(sendReply.bindings.mqtt, { qos: 0, retain: false });
});

t.test('its schemas take and refuse what the program does', async (t) => {
  const ajv = new Ajv({ strict: false, validateFormats: false });
  ajv.addSchema(document, 'asyncapi');
  for (const name of WIRE_SCHEMA_NAMES) {
    const validate = ajv.getSchema(`asyncapi#/components/schemas/${name}`);
    for (const value of MESSAGES[name].good) t.ok(validate?.(value), `${name} ${JSON.stringify(value)}`);
    for (const value of MESSAGES[name].bad) t.notOk(validate?.(value), `${name} ${JSON.stringify(value)}`);
  }
});
