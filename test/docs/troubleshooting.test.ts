import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ROOT, readPage } from './pages.ts';

/** Pieces that are shorter say nothing. */
const LEAST_CHARACTERS = 6;
/** What other programs print. */
const OTHERS = [/^…status=78\/CONFIG$/, /^Watchdog timeout /];

const source = [...globSync('src/**/*.ts', { cwd: ROOT }), 'bin/launch.cjs']
  .map((path) => readFileSync(join(ROOT, path), 'utf8'))
  .join('\n')
  .toLowerCase();

t.test('what the page says that the program prints, it prints', async (t) => {
  const rows = [...readPage('docs/troubleshooting.md').text.matchAll(/^\| (`.*?) \| /gm)];
  const messages = rows.flatMap(([, cell = '']) => [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text));
  t.ok(messages.length > 80, `${messages.length} messages`);
  for (const message of messages.filter((text) => !OTHERS.some((other) => other.test(text)))) {
    const pieces = message.split('…').map((piece) => piece.replace(/^[\s:(),]+|[\s:(,]+$/g, ''));
    for (const piece of pieces.filter(({ length }) => length >= LEAST_CHARACTERS)) {
      t.ok(source.includes(piece.toLowerCase()), `${piece} (of: ${message})`);
    }
  }
});
