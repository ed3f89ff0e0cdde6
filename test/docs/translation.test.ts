import t from 'tap';
import { readPage } from './pages.ts';

const [english, portuguese] = [readPage('docs/install.md'), readPage('docs/install.pt-BR.md')];

/** What each line that `pattern` finds has in its first group, in order. */
function all(text: string, pattern: RegExp): string[] {
  return [...text.matchAll(pattern)].map(([, group = '']) => group);
}

t.test('the installation is the same in both languages, step by step', async (t) => {
  const shapes: readonly (readonly [string, RegExp])[] = [
    ['headings and their numbers', /^(#+(?: \d+\.)?)/gm],
    ['steps', /^(\d+\.) /gm],
    ['items of lists', /^(- (?:\[ \])?)/gm],
  ];
  for (const [what, pattern] of shapes) {
    t.same(all(portuguese.text, pattern), all(english.text, pattern), what);
  }
  const code = (text: string) => [...new Set(all(text.replace(/```[\s\S]*?```/g, ''), /`([^`\n]+)`/g))].sort();
  t.same(missing(code(english.text), code(portuguese.text)), [], 'every piece of code in the text');
  const rows = ({ text }: { text: string }) => all(text, /^(\|).*\|$/gm).length;
  t.equal(rows(portuguese), rows(english), 'rows of tables');
});

t.test('what is typed, and what the program answers, is the same in both languages', async (t) => {
  t.same(portuguese.code, english.code);
});

function missing(wanted: readonly string[], there: readonly string[]): string[] {
  return wanted.filter((one) => !there.includes(one));
}
