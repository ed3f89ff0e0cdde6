import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const BUILT = join(import.meta.dirname, '../../dist/page');
const STYLES = join(import.meta.dirname, '../../src/http/page/styles/base.css');
const MAX_BYTES = 150_000;
/** WCAG 2.2, 1.4.3: contrast of text, level AA. */
const LEAST_CONTRAST = 4.5;
const TEXTS = ['--text', '--muted', '--good', '--warn', '--bad', '--accent'];
const GROUNDS = ['--bg', '--card', '--raised'];
const TINTED = [
  ['--text', '--good-bg'],
  ['--text', '--warn-bg'],
  ['--text', '--bad-bg'],
  ['--muted', '--good-bg'],
  ['--muted', '--warn-bg'],
  ['--muted', '--bad-bg'],
  ['--warn', '--warn-bg'],
  ['--bad', '--bad-bg'],
  ['--on-accent', '--accent'],
] as const;

t.test('the built page is small, and asks nobody but the gateway for anything', (t) => {
  const files = readdirSync(BUILT);
  t.strictSame(files.sort(), ['icon.svg', 'index.html', 'page.css', 'page.js']);
  const texts = files.map((file) => readFileSync(join(BUILT, file), 'utf8'));
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  t.ok(bytes < MAX_BYTES, `${bytes} bytes`);
  for (const text of texts) {
    const elsewhere = text.match(/https?:\/\/[^\s"'`)]+/g)?.filter((url) => !url.startsWith('http://www.w3.org/'));
    t.strictSame(elsewhere ?? [], []);
    t.notMatch(text, /innerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, 'and makes no text markup');
  }
  const html = readFileSync(join(BUILT, 'index.html'), 'utf8');
  t.notMatch(html, /<script(?! type="module" src=)|<style|\sstyle=|\son\w+=/, 'nothing inline: the policy forbids it');
  t.end();
});

t.test('every text can be read on its ground, by day and by night', (t) => {
  const [light, dark] = readFileSync(STYLES, 'utf8').split('@media (prefers-color-scheme: dark)').map(coloursIn);
  for (const colours of [light, { ...light, ...dark }]) {
    for (const [text, ground] of [...TEXTS.flatMap((text) => GROUNDS.map((ground) => [text, ground])), ...TINTED]) {
      const ratio = contrast(colours?.[text as string], colours?.[ground as string]);
      t.ok(ratio >= LEAST_CONTRAST, `${text} on ${ground}: ${ratio.toFixed(2)}`);
    }
  }
  t.end();
});

function coloursIn(css: string): Record<string, string> {
  return Object.fromEntries([...css.matchAll(/(--[\w-]+):\s*#([0-9a-f]+);/g)].map(([, name, hex]) => [name, hex]));
}

/** WCAG 2.2, definition of contrast ratio. */
function contrast(a = '', b = ''): number {
  const [darker = 0, lighter = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(hex: string): number {
  const six = hex.length === 3 ? hex.replace(/./g, '$&$&') : hex;
  const [r = 0, g = 0, b = 0] = [0, 2, 4].map((at) => {
    const share = Number.parseInt(six.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
