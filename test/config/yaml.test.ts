import t from 'tap';
import { parseYaml } from '../../src/config/yaml.ts';

const told = (text: string) =>
  parseYaml(text).errors.map(({ line, column, message }) => `${line}:${column}: ${message}`);

/** What is not YAML, or not the YAML of a config: the text and all that is told of it. */
const BAD: Readonly<Record<string, readonly [text: string, ...errors: string[]]>> = {
  'a tab': ['a:\n\tb: 1', '2:1: this line is indented with a tab: use spaces'],
  'a key given twice': ['a: 1\nb: 2\na: 3', '3:1: this key is given twice, first on line 1'],
  'a key given three times': [
    '- { a: 1,\n  a: 2,\n  a: 3 }',
    '2:3: this key is given twice, first on line 1',
    '3:3: this key is given twice, first on line 1',
  ],
  'a second document': ['a: 1\n---\nb: 2', '2:1: a second document starts here (---): a config is one document'],
  'an open quote': [
    'a: "x\nb: 1\n',
    '3:1: something is missing: a space, a comma, a colon, or the closing quote or bracket',
  ],
  'a missing colon': ['a: 1\nbcd\ne: 2', '2:1: expected “key: value” in one line: is a colon or a quote missing?'],
  'two colons': ['a: b: c', '1:4: two colons in one line: a value with “: ” in it must be in quotes'],
  'wrong indentation': [
    'a:\n  b: 1\n c: 2',
    '3:1: the indentation does not fit: keys of a mapping and items of a list start in the same column',
  ],
  'text after a quote': [
    'a: "x" y',
    '1:8: this does not belong here: is a quote, a bracket or a comma missing before it?',
  ],
  'a value with @': ['a: @x', '1:4: a value that starts with @, ` or % must be in quotes'],
  'an alias of nothing': ['a: *hunter2', '1:4: a value that starts with * must be in quotes'],
  'an alias inside of its anchor': ['a: &x\n  - *x', '2:5: an alias must not stand inside of its anchor'],
  'a tag': ['a: !hunter2 x', '1:4: tags (!name) mean nothing here: a value that starts with ! must be in quotes'],
  'a tag that does not fit': [
    'a: !!int x',
    '1:4: tags (!name) mean nothing here: a value that starts with ! must be in quotes',
  ],
  'a bad escape': [
    'a: "\\hunter2"',
    '1:5: a backslash in double quotes starts an escape: double it, or use single quotes',
  ],
  'a mapping as a key': ['? { a: 1 }\n: 2', '1:3: expected a name before the colon'],
  'an empty key': [': 2', '1:1: expected a name before the colon'],
  'a reference inside of braces': [
    'a: { b: ${env:X} }',
    '1:10: inside { } a reference must be in quotes: "${env:NAME}"',
    '1:11: this does not belong here: is a quote, a bracket or a comma missing before it?',
    '1:18: this does not belong here: is a quote, a bracket or a comma missing before it?',
  ],
  'a directive': ['%HUNTER2\n---\na: 1', '1:1: a line that starts with % does not belong in a config'],
};

for (const [name, [text, ...errors]] of Object.entries(BAD)) {
  t.test(`${name} is told at its place in plain words`, async (t) => t.same(told(text), errors));
}

t.test('many syntax errors are told as the first few', async (t) => {
  t.equal(told('a: @\n'.repeat(500)).length, 10);
});

t.test('an alias bomb is refused, an honest alias is a copy', async (t) => {
  const bomb = ['a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]'];
  for (const [i, name] of [...'bcdefghij'].entries()) {
    bomb.push(`${name}: &${name} [${Array(9).fill(`*${'abcdefghi'[i]}`).join(', ')}]`);
  }
  const { usable, errors } = parseYaml(bomb.join('\n'));
  t.notOk(usable);
  t.match(errors, [{ line: 1, column: 1, message: /grow into too much data/ }]);
  t.same(parseYaml('a: &x { b: 1 }\nc: *x').data, { a: { b: 1 }, c: { b: 1 } });
});

t.test('what nests too deeply ends in an error, not in a crash', async (t) => {
  for (const text of [
    '['.repeat(20_000),
    '{'.repeat(20_000),
    '- '.repeat(20_000),
    '? '.repeat(20_000),
    '{a: '.repeat(20_000),
  ]) {
    const { usable, errors } = parseYaml(text);
    t.notOk(usable);
    t.ok(errors.length > 0);
  }
});

t.test('twice the same key leaves the rest usable', async (t) => {
  const { usable, data } = parseYaml('a: 1\na: 2');
  t.ok(usable);
  t.same(data, { a: 2 });
});

t.test('a path is found through aliases, lists and mappings', async (t) => {
  const { locate } = parseYaml('a: &x\n  b:\n    - c\n    - { d: 1 }\ne: *x\nf:\n');
  t.same(locate(['a', 'b', 1, 'd'], 'key'), { line: 4, column: 9 });
  t.same(locate(['a', 'b', 1, 'd'], 'value'), { line: 4, column: 12 });
  t.same(locate(['e', 'b', 1, 'd'], 'value'), { line: 4, column: 12 }, 'where it is written');
  t.same(locate(['f'], 'key'), { line: 6, column: 1 });
  t.same(locate(['a', 'b', 1, 'nope', 'deeper'], 'value'), { line: 4, column: 7 }, 'a list item has no key');
  t.same(locate(['a', 'nope'], 'value'), { line: 1, column: 1 }, 'the key of the parent');
  t.same(locate(['nope'], 'value'), { line: 1, column: 1 });
});
