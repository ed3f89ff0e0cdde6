import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import { drivers } from '../../../src/drivers/registry.ts';

t.test('the example is a config without a warning', async (test) => {
  process.env['MILL_PASSWORD'] = 'secret';
  test.teardown(() => delete process.env['MILL_PASSWORD']);
  const file = join(import.meta.dirname, '../../../src/drivers/opcua/example.yaml');
  const result = loadConfig(file, drivers);
  test.same('errors' in result ? result.errors : [], []);
  test.same(result.warnings, []);
});
