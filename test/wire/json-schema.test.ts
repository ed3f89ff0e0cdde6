import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import t from 'tap';
import { z } from 'zod';
import { WIRE_SCHEMA_NAMES, wireJsonSchema } from '../../src/wire/json-schema.ts';
import { MESSAGES } from './messages.ts';

const folder = join(import.meta.dirname, '../../docs/contract');

t.test('the files of docs/contract are what the code makes', async (t) => {
  for (const name of WIRE_SCHEMA_NAMES) {
    t.strictSame(JSON.parse(readFileSync(join(folder, `${name}.schema.json`), 'utf8')), wireJsonSchema(name), name);
  }
});

t.test('the JSON Schemas take and refuse what the program does', async (t) => {
  for (const name of WIRE_SCHEMA_NAMES) {
    const schema = z.fromJSONSchema(wireJsonSchema(name) as Parameters<typeof z.fromJSONSchema>[0]);
    for (const value of MESSAGES[name].good) t.ok(schema.safeParse(value).success, `${name} ${JSON.stringify(value)}`);
    for (const value of MESSAGES[name].bad)
      t.notOk(schema.safeParse(value).success, `${name} ${JSON.stringify(value)}`);
  }
});

t.test('another validator takes and refuses the same', async (t) => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  for (const name of WIRE_SCHEMA_NAMES) {
    const validate = ajv.compile(wireJsonSchema(name));
    for (const value of MESSAGES[name].good) t.ok(validate(value), `${name} ${JSON.stringify(value)}`);
    for (const value of MESSAGES[name].bad) t.notOk(validate(value), `${name} ${JSON.stringify(value)}`);
  }
});
