import t from 'tap';
import { AddressError, advance, begin, parseAddress, parsePath } from '../../../src/drivers/opcua/address.ts';

t.test('node ids by URI, by index and in namespace 0', async (test) => {
  const CASES: [text: string, namespace: number | string, identifier: string][] = [
    ['nsu=http://acme.com/mill;s=Spindle.Speed', 'http://acme.com/mill', 's=Spindle.Speed'],
    ['nsu=urn:x;s=with;semi=colons', 'urn:x', 's=with;semi=colons'],
    ['ns=2;i=5012', 2, 'i=5012'],
    ['i=2258', 0, 'i=2258'],
    ['ns=1;g=72962b91-fa75-4ae6-8d28-b404dc7daf63', 1, 'g=72962b91-fa75-4ae6-8d28-b404dc7daf63'],
    ['ns=1;b=aGVsbG8=', 1, 'b=aGVsbG8='],
  ];
  for (const [text, namespace, identifier] of CASES) {
    test.match(parseAddress(text), { kind: 'id', namespace, identifier }, text);
  }
  for (const text of ['Spindle', 'ns=x;i=1', 'ns=2', 'i=', 'i=abc', 'Objects/Mill', '//x', '/a//b', '/a/', '/']) {
    test.throws(() => parseAddress(text), AddressError, text);
  }
});

/** Whether a path of names, each `index:name` or a name of namespace 1, is reached by the pattern. */
function reaches(pattern: string, path: string): boolean {
  const segments = parsePath(pattern);
  let progress: ReturnType<typeof advance> = begin(segments);
  for (const name of path.split('|')) {
    const [, index = '1', text = ''] = /^(?:(\d):)?(.*)$/.exec(name) ?? [];
    if (progress !== undefined) progress = advance(segments, progress, text, Number(index));
  }
  return progress?.isEnd ?? false;
}

t.test('paths: names, namespaces, * within a name and ** across levels', async (test) => {
  const YES: [string, string][] = [
    ['Objects/Mill', 'Objects|Mill'],
    ['Objects/*/Speed', 'Objects|Mill|Speed'],
    ['Objects/M*l/S*d', 'Objects|Mill|Speed'],
    ['0:Objects/2:Mill', '0:Objects|2:Mill'],
    ['Objects/**/Speed', 'Objects|Speed'],
    ['Objects/**/Speed', 'Objects|a|b|c|Speed'],
    ['Objects/**/a/**/Speed', 'Objects|a|a|b|Speed'],
    ['Objects/**', 'Objects|a|b'],
    ['**', 'a'],
    ['a&/b/c&:d', 'a/b|c:d'],
    ['1:c:d', 'c:d'],
    ['a&*', 'a*'],
    ['a.b(c)', 'a.b(c)'],
    ['*&**', 'x*y'],
  ];
  const NO: [string, string][] = [
    ['Objects/Mill', 'Objects|Mill|Speed'],
    ['Objects/*', 'Objects'],
    ['Objects/*/Speed', 'Objects|a|b|Speed'],
    ['0:Objects', '1:Objects'],
    ['a&*', 'ab'],
    ['a.b', 'axb'],
    ['Objects/**/Speed', 'Objects|a|b'],
  ];
  for (const [pattern, path] of YES) test.ok(reaches(pattern, path), `${pattern} reaches ${path}`);
  for (const [pattern, path] of NO) test.notOk(reaches(pattern, path), `${pattern} does not reach ${path}`);
});
