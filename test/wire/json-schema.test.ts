import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import { WIRE_SCHEMA_NAMES, wireJsonSchema } from '../../src/wire/json-schema.ts';
import { eventBatch, GAP, rollup, telemetry } from '../consumer/support.ts';

const folder = join(import.meta.dirname, '../../docs/contract');

t.test('the files of docs/contract are what the code makes', async (t) => {
  for (const name of WIRE_SCHEMA_NAMES) {
    t.strictSame(JSON.parse(readFileSync(join(folder, `${name}.schema.json`), 'utf8')), wireJsonSchema(name), name);
  }
});

t.test('the JSON Schemas take and refuse what the program does', async (t) => {
  const status = { v: 1, tenant: 'acme', gateway: 'gw-01', status: 'online', reason: 'birth', t: 1, later: true };
  const good = {
    telemetry: [telemetry(1), { ...telemetry(1), later: 1 }],
    rollup: [rollup(1)],
    event: [eventBatch(1, [GAP]), eventBatch(1, [{ type: 'later', t: 1 }])],
    status: [status],
  };
  const bad = {
    rollup: [telemetry(1), { ...rollup(1), rollups: { rpm: { window: 0 } } }],
    telemetry: [{}, telemetry(0), telemetry(1, { clock: 'x' as never }), eventBatch(1, [])],
    event: [eventBatch(1, [{ ...GAP, cause: 7 }]), eventBatch(1, [{ t: 1 }]), telemetry(1)],
    status: [{ ...status, status: 'asleep' }],
  };
  for (const name of WIRE_SCHEMA_NAMES) {
    const schema = z.fromJSONSchema(wireJsonSchema(name) as Parameters<typeof z.fromJSONSchema>[0]);
    for (const value of good[name]) t.ok(schema.safeParse(value).success, `${name} ${JSON.stringify(value)}`);
    for (const value of bad[name]) t.notOk(schema.safeParse(value).success, `${name} ${JSON.stringify(value)}`);
  }
});
