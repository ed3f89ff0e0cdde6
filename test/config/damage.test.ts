import { randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { drivers } from '../../src/drivers/registry.ts';
import { seededRandom } from '../support/random.ts';
import { environment } from './support.ts';

const ROUNDS = 1500;
const SECRET = 'hunter2-hunter2';
const EXAMPLE = readFileSync(new URL('../../config/example.yaml', import.meta.url), 'utf8').replaceAll('#|', '');

const SPLINTERS = [
  ...'{}[]:,"\'#&*!|>%@`-?\\\t\n \0\uFEFF\uD800€',
  ': ',
  '- ',
  '\n\n',
  '\r\n',
  '${',
  '${env:',
  '${file:/}',
  '<<: *a',
  '&a ',
  '*a',
  '!!int ',
  '---\n',
  '...\n',
  '%YAML 1.1\n',
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  '.nan',
  '0x10',
  '{}',
  '[]',
  '~',
  '__proto__: 1',
  '? ',
  '1s',
  '5GiB',
  'mqtt://x',
  '""',
];

function damage(text: string, pick: (below: number) => number): string {
  const at = pick(text.length + 1);
  const to = Math.min(text.length, at + pick(40));
  switch (pick(5)) {
    case 0:
      return text.slice(0, at) + text.slice(to);
    case 1:
      return text.slice(0, at) + SPLINTERS[pick(SPLINTERS.length)] + text.slice(at);
    case 2:
      return text.slice(0, at) + SPLINTERS[pick(SPLINTERS.length)] + text.slice(to);
    case 3:
      return text.slice(0, to) + text.slice(at);
    default: {
      const lines = text.split('\n');
      const [line = ''] = lines.splice(pick(lines.length), 1);
      lines.splice(pick(lines.length), 0, pick(2) === 0 ? line : ` ${line}`);
      return lines.join('\n');
    }
  }
}

t.test('whatever is done to a config, it loads or all that is wrong has a place', async (t) => {
  const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
  t.comment(`SEED=${seed}`);
  environment(t, { MQTT_PASSWORD: SECRET });
  const random = seededRandom(seed);
  const pick = (below: number) => Math.floor(random() * below);
  const file = join(t.testdir(), 'gateway.yaml');
  let loaded = 0;
  for (let round = 0; round < ROUNDS; round++) {
    let text = EXAMPLE;
    for (let blows = 1 + pick(4); blows > 0; blows--) text = damage(text, pick);
    writeFileSync(file, text);
    const lines = text.toWellFormed().split('\n');
    const result = loadConfig(file, drivers, { absent: 'warning' });
    const findings = 'errors' in result ? result.errors : result.warnings;
    loaded += 'config' in result ? 1 : 0;
    const wrong = [
      ...('errors' in result && result.errors.length === 0 ? ['refused without a reason'] : []),
      ...findings.filter(
        ({ line, column }) => !(line >= 1 && column >= 1 && column <= (lines[line - 1] ?? '').length + 1),
      ),
      ...findings.filter(({ message }) => message === '' || /undefined|\[object|Invalid|received/.test(message)),
      ...(JSON.stringify(result).includes(SECRET) ? ['the secret is shown'] : []),
      ...findings.filter((finding, i) => i > 0 && finding.line < (findings[i - 1]?.line ?? 0)),
    ];
    if (wrong.length > 0) t.same(wrong, [], `seed ${seed}, round ${round}:\n${text}`);
  }
  t.ok(loaded > 0 && loaded < ROUNDS, `${loaded} of ${ROUNDS} damaged configs were still right`);
});
