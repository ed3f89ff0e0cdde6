import t from 'tap';
import { parse, type Tree } from '../../src/expression/parse.ts';

/** The tree as text with a bracket around everything that is made of parts. */
function grouped(tree: Tree): string {
  switch (tree.kind) {
    case 'literal':
      return tree.isDuration ? `${tree.value} s` : JSON.stringify(tree.value);
    case 'name':
      return tree.name;
    case 'unary':
      return `(${tree.operator} ${grouped(tree.operand)})`;
    case 'binary':
      return `(${grouped(tree.left)} ${tree.operator} ${grouped(tree.right)})`;
    case 'choice':
      return `(${grouped(tree.test)} ? ${grouped(tree.yes)} : ${grouped(tree.no)})`;
    case 'member':
      return `(${grouped(tree.one)} in ${tree.items.map(grouped).join(' ')})`;
    case 'call':
      return `${tree.name}(${tree.args.map(grouped).join(', ')})`;
  }
}

/** Text and how it is understood. */
const CASES: readonly (readonly [string, string])[] = [
  ['NOT a > 1', '(! (a > 1))'],
  ["not state == 'x' and b", '((! (state == "x")) && b)'],
  ['a and not b == c or d', '((a && (! (b == c))) || d)'],
  ['not not a', '(! (! a))'],
  ['not(a) and b', '((! a) && b)'],
  ['!a == b', '((! a) == b)'],
  ['a or b and c', '(a || (b && c))'],
  ['a > b ? not c : d', '((a > b) ? (! c) : d)'],
  ['notes > 1', '(notes > 1)'],
  ['notü > 1', '(notü > 1)'],
  ['age(rpm) > 30s', '(age(rpm) > 30 s)'],
  ['avg(x, 1.5h) < 2d', '(avg(x, 5400 s) < 172800 s)'],
  ['250ms', '0.25 s'],
  ["x in ['5m', 5]", '(x in "5m" 5)'],
];

for (const [text, expected] of CASES) t.equal(grouped(parse(text)), expected, text);

t.test('each part knows where it stands in the text', async (test) => {
  const text = "x >  1 AND   not max( load , 5m ) OR b == 'y z'";
  const parts: string[] = [];
  const visit = (tree: Tree): void => {
    parts.push(text.slice(tree.at, tree.end));
    if (tree.kind === 'unary') visit(tree.operand);
    if (tree.kind === 'call') tree.args.forEach(visit);
    if (tree.kind === 'binary') [tree.left, tree.right].forEach(visit);
  };
  visit(parse(text));
  test.same(parts, [
    ...[text, 'x >  1 AND   not max( load , 5m )', 'x >  1', 'x', '1'],
    ...['not max( load , 5m )', 'max( load , 5m )', 'load', '5m', "b == 'y z'", 'b', "'y z'"],
  ]);
});

/** Text that is no expression, the column where that shows, and the word of the message that tells. */
const WRONG: readonly (readonly [string, number, RegExp])[] = [
  ['a and b not c', 7, /brackets around/],
  ['x == not y', 1, /brackets around/],
  ['rpm > 1 and [2]', 13, /behind “in”/],
  ['not', 1, /needs something behind it/],
  ['rpm > 1 and NOT', 13, /needs something behind it/],
  ['a or not )', 10, /Expected expression after not/],
  ['5x > 1', 2, /cannot start with a number/],
  ['max(a,,b)', 8, /Unexpected/],
  ['x in [1,,2]', 1, /missing between two commas/],
  [`${'('.repeat(5000)}`, 4000, /longer than/],
];

for (const [text, column, message] of WRONG) {
  t.throws(() => parse(text), { column, message }, `refuses: ${text.slice(0, 40)}`);
}
