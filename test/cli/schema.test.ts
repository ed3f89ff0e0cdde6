import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { WIRE_SCHEMA_NAMES } from '../../src/wire/json-schema.ts';

const root = join(import.meta.dirname, '../..');
const schema = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'src/main.ts'), 'schema', ...args], { encoding: 'utf8' });

t.test('the schema of the config is the default, and the file that editors use', async (t) => {
  const file = readFileSync(join(root, 'config/edge-gateway.schema.json'), 'utf8');
  for (const args of [[], ['config']]) {
    const { status, stdout, stderr } = schema(...args);
    t.equal(status, 0);
    t.equal(stderr, '');
    t.equal(stdout, file);
  }
});

t.test('each message that is published has a schema', async (t) => {
  for (const kind of WIRE_SCHEMA_NAMES) {
    const { status, stdout } = schema(kind);
    t.equal(status, 0);
    t.equal(stdout, readFileSync(join(root, `docs/contract/${kind}.schema.json`), 'utf8'), kind);
  }
});

t.test('all of it is an AsyncAPI document', async (t) => {
  const { status, stdout } = schema('asyncapi');
  t.equal(status, 0);
  t.equal(stdout, readFileSync(join(root, 'docs/contract/asyncapi.json'), 'utf8'));
});

t.test('another name is wrong usage', async (t) => {
  const { status, stdout, stderr } = schema('nope');
  t.equal(status, 64);
  t.equal(stdout, '');
  t.match(stderr, /Choices: "config", "telemetry", "rollup", "alert", "event", "status"/);
});
