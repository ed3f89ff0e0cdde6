import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../../src/config/load.ts';
import { drivers } from '../../../src/drivers/registry.ts';

t.test('the example is a config without a warning', async (test) => {
  const file = join(import.meta.dirname, '../../../src/drivers/modbus/example.yaml');
  const result = loadConfig(file, drivers);
  test.same('errors' in result ? result.errors : [], []);
  test.same(result.warnings, []);
});
