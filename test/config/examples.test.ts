import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { configJsonSchema, type JsonSchema } from '../../src/config/json-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { configReference } from '../../src/config/reference-docs.ts';
import { isMapping } from '../../src/config/visit.ts';
import { parseYaml } from '../../src/config/yaml.ts';
import { drivers } from '../../src/drivers/registry.ts';
import { environment, load, loadGood, MINIMAL } from './support.ts';

const root = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const schema = configJsonSchema(drivers);
/** The example with the settings that only a gateway has, too. */
const whole = read('config/example.yaml').replaceAll('#|', '');

/** Every key of a schema, as `machines.url`; the keys of all drivers are those of a machine. */
function keysOf(part: JsonSchema, path = ''): string[] {
  const options = part.items?.oneOf ?? [part];
  return options.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([key, value]) => [`${path}${key}`, ...keysOf(value, `${path}${key}.`)]),
  );
}

function keysIn(data: unknown, path = ''): string[] {
  if (Array.isArray(data)) return data.flatMap((item) => keysIn(item, path));
  if (!isMapping(data)) return [];
  return Object.entries(data).flatMap(([key, value]) => [`${path}${key}`, ...keysIn(value, `${path}${key}.`)]);
}

t.test('the examples load as they are', async (t) => {
  for (const name of ['minimal', 'example', 'demo']) {
    const result = loadConfig(join(root, `config/${name}.yaml`), drivers);
    t.same('errors' in result ? result.errors : [], [], name);
    t.same(result.warnings, [], name);
  }
});

t.test('the example is right with the settings that only a gateway has, too', async (t) => {
  environment(t, { MQTT_PASSWORD: 'x', MILL_PASSWORD: 'x', CREDENTIALS_DIRECTORY: undefined });
  const { errors, warnings } = load(t.testdir(), whole, { absent: 'warning' });
  t.same(errors, []);
  t.match(warnings, [/machines\[0\].ca/, /tls.ca/, /tls.cert/, /tls.key/]);
});

t.test('the example shows every key', async (t) => {
  const shown = new Set(keysIn(parseYaml(whole).data));
  // Of the two ways to log in it can show one.
  t.same(
    keysOf(schema).filter((key) => !shown.has(key)),
    ['uplink.auth.token'],
  );
});

t.test('where the example shows what is optional, it shows the default', async (t) => {
  const folder = t.testdir();
  const { uplink, buffer, log, gateway, machines } = loadGood(folder, read('config/example.yaml'));
  const bare = loadGood(folder, MINIMAL);
  t.strictSame({ ...uplink, clientId: undefined }, { ...bare.uplink, clientId: undefined });
  t.strictSame({ buffer, log }, { buffer: bare.buffer, log: bare.log });
  t.equal(gateway.dataDir, bare.gateway.dataDir);
  const [shown, plain] = [machines[0], bare.machines[0]];
  const chosen = { whenFull: undefined, device: undefined, labels: undefined, signals: undefined };
  t.strictSame({ ...shown, ...chosen }, { ...plain, ...chosen });
});

t.test('every key is described, in the schema and in the reference', async (t) => {
  const reference = configReference(drivers);
  const look = (part: JsonSchema): void => {
    for (const option of part.items?.oneOf ?? [part]) {
      for (const [key, value] of Object.entries(option.properties ?? {})) {
        if (value.properties === undefined || value.default === undefined) t.ok(value.description, key);
        if (part !== schema) t.ok(reference.includes(`| \`${key}\` |`), key);
        look(value);
      }
    }
  };
  look(schema);
});

t.test('the JSON Schema takes what the gateway takes, and is the same on every computer', async (t) => {
  const fromJson = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  for (const text of [MINIMAL, whole]) t.ok(fromJson.safeParse(parseYaml(text).data).success);
  for (const wrong of [`${MINIMAL}bufer: {}`, MINIMAL.replace('gw-01', '5'), MINIMAL.replace('mtconnect', 'opcua')]) {
    t.notOk(fromJson.safeParse(parseYaml(wrong).data).success, wrong);
  }
  environment(t, { STATE_DIRECTORY: '/var/lib/edge-gateway' });
  t.same(configJsonSchema(drivers), schema);
});

t.test('the generated files are up to date', async (t) => {
  t.same(JSON.parse(read('config/edge-gateway.schema.json')), schema);
  t.equal(read('docs/config.md'), configReference(drivers));
});
