import { readFileSync } from 'node:fs';
import t from 'tap';
import { parseXml } from '../../../src/drivers/mtconnect/xml.ts';
import { Fault } from '../../../src/errors.ts';
import { heapInUse } from '../../support/heap.ts';

const parse = (text: string) => parseXml(Buffer.from(text), 'the agent');

t.test('gives local names, attributes and text', async (t) => {
  const root = parse(
    '<?xml version="1.0"?><?pi x?><!-- c --><m:a x:k="1" n=" &lt;&#176;&#xB0;&foo; "> 01 <x:b>t</x:b><![CDATA[&amp;]]></m:a>\n<!-- end -->',
  );
  t.equal(root.name, 'a');
  t.equal(root.attribute('k'), '1');
  t.equal(root.attribute('n'), '<°°&foo;');
  t.equal(root.attribute('absent'), undefined);
  t.same(
    root.children.map(({ name }) => name),
    ['b'],
  );
  t.equal(root.text, '01 &amp;');
  t.equal(root.child('b')?.text, 't');
});

t.test('is lenient to a raw ampersand, which agents send in alarm texts', async (t) => {
  t.equal(parse('<a>Coolant & chips &lt; 5</a>').text, 'Coolant & chips < 5');
});

t.test('keeps byte order marks and other encodings out of the text', async (t) => {
  t.equal(parse('\uFEFF<?xml version="1.0"?><a/>').name, 'a');
  const latin = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>Kühlmittel</a>', 'latin1');
  t.equal(parseXml(latin, 'the agent').text, 'Kühlmittel');
  t.equal(parse('<?xml version="1.0" encoding="x-unknown"?><a>ü</a>').text, 'ü');
});

t.test('refuses a document type declaration, so there is nothing to expand', async (t) => {
  const bomb = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "lol"><!ENTITY y "${'&x;'.repeat(10)}">]><a>&y;</a>`;
  t.throws(() => parse(bomb), { name: 'Fault', of: 'machine', message: /document type declaration/ });
});

t.test('a web page, another text, nothing at all and a cut document are clear faults', async (t) => {
  t.throws(() => parse('<!DOCTYPE html><html><body><br></body></html>'), { message: /web page/, hint: /port/ });
  t.throws(() => parse('  <HTML></HTML>'), { message: /web page/ });
  t.throws(() => parse('220 ftp ready'), { message: /not XML: "220 ftp ready"/, hint: /agent/ });
  t.throws(() => parse(''), { message: /not XML/ });
  t.throws(() => parse('{"a":1}'), { message: /not XML/ });
  t.throws(() => parse('<a><b>1</b><b>2</'), { name: 'Fault' });
  t.throws(() => parse('<a><b>1</b><b>2</b>'), { message: /of 19 bytes that is cut off/ });
  t.throws(() => parse('<a><b x="1'), { name: 'Fault' });
});

t.test('a raw < shifts the levels, which is refused and not half read', async (t) => {
  const listed = (text: string) => `<s><c><Fault>${text}</Fault></c><c><x/></c></s>`;
  t.equal(parse(listed('5 bar')).children.length, 2);
  t.throws(() => parse(listed('p < 5 bar')), { name: 'Fault', message: /wrongly nested/ });
  t.throws(() => parse(listed('</p>')), { name: 'Fault', message: /wrongly nested/ });
});

t.test('tags that do not fit together are refused, and the fault says where', async (t) => {
  const cases: [string, RegExp][] = [
    ['<a><b>1</c></a>', /<\/b> is due at character 9: "c><\/a>"/],
    ['<a><x:b>1</b></a>', /<\/x:b> is due/],
    ['<a><bb>1</b></a>', /<\/bb> is due/],
    ['<a><b>1</bb></a>', /<\/b> is due/],
    ['<a></a></a>', /an end tag too much/],
    ['<a><b></b <c/></a>', /an end tag without its >/],
    ['<a></a ', /an end tag without its >/],
    ['<a></a', /an end tag without its >/],
    ['<a>1 <2</a>', /no name of an element/],
    ['<a>1 < 2</a>', /a < that begins no tag/],
    ['<a></></a>', /a < that begins no tag/],
    ['<a><b<c/></a>', /no name of an element/],
    ['<a><b <c="1"/></a>', /no name of an attribute/],
    ['<a><b "c="1"/></a>', /no name of an attribute/],
    ['<a b="1" c/>', /an attribute without a quoted value/],
    ['<a b=1/>', /an attribute without a quoted value/],
    ['<a b="1><c d="2"/></a>', /no name of an attribute|without a quoted value/],
    ['<a><![CDATA[x]]</a>', /a CDATA section without its end/],
    ['<a><!-- x --</a>', /a comment without its end/],
    ['<a><!-- x --!> y --></a>', /a comment without its end/],
    ['<a><!ELEMENT b></a>', /a declaration/],
    ['<!-- nothing -->', /it has no element/],
  ];
  for (const [text, message] of cases) {
    t.throws(() => parse(text), { name: 'Fault', of: 'machine', message }, text);
    t.throws(() => parse(text), { message: `of ${text.length} bytes that is cut off or wrongly nested` }, text);
  }
});

t.test('a document is refused wherever it is cut, and whichever > or quote is missing', async (t) => {
  const text = readFileSync(new URL('./cases/milling/2-sample.xml', import.meta.url), 'utf8').trimEnd();
  const isTaken = (spoilt: string) => {
    try {
      parse(spoilt);
      return true;
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return false;
    }
  };
  t.ok(isTaken(text));
  const places = Array.from({ length: text.length }, (_, i) => i);
  t.same(
    places.filter((i) => isTaken(text.slice(0, i))),
    [],
    'cut',
  );
  const marks = places.filter((i) => /[">]/.test(text.charAt(i)) && i > text.indexOf('?>') + 1);
  t.same(
    marks.filter((i) => isTaken(text.slice(0, i) + text.slice(i + 1))),
    [],
    'missing',
  );
  t.ok(marks.length > 250);
});

t.test('behind the root there may be comments and instructions, and nothing else, also cut', async (t) => {
  t.equal(parse('<a/> <!-- c -->\n<?pi?>\n').name, 'a');
  for (const rest of [
    'x',
    '<b/>',
    '<b',
    '</b',
    '</a>',
    '<',
    '<!-- c',
    '<?pi',
    '<![CDATA[',
    '<![CDATA[x]]>',
    '&#32;x',
  ]) {
    t.throws(() => parse(`<a/>${rest}`), { name: 'Fault', message: /cut off or wrongly nested/ }, rest);
  }
});

t.test('an attribute goes by its local name; what declares a namespace is none', async (t) => {
  const root = parse('<a xmlns="u" xmlns:name="v" x:id="1" sid="2" x:="3" k="<5"/>');
  t.equal(root.attribute('name'), undefined);
  t.equal(root.attribute('id'), '1');
  t.equal(root.attribute('d'), undefined);
  t.equal(root.attribute('k'), '<5');
  t.equal(parse('<a k="1" k="2"/>').attribute('k'), '2', 'the last of several');
  const children = parse('<a k="1"><b/><c k="3"/></a>').children.map((child) => child.attribute('k'));
  t.same(children, [undefined, '3'], 'each has its own');
});

t.test('text is put together over what stands within it, with line ends as XML has them', async (t) => {
  const root = parse('<a>1<!-- c -->2<b>x</b>&lt;<![CDATA[<&lt;]]><?pi?>3\r\n4\r5</a>');
  t.equal(root.text, '12<<&lt;3\n4\n5');
});

t.test('caps the depth at 64 levels', async (t) => {
  const deep = (levels: number) => `${'<a>'.repeat(levels)}${'</a>'.repeat(levels)}`;
  t.equal(parse(deep(64)).name, 'a');
  t.throws(() => parse(deep(65)), { name: 'Fault', of: 'machine', message: /more than 64 levels/ });
  t.throws(() => parse('<a>'.repeat(5_000_000)), { message: /more than 64 levels/ });
});

t.test('hostile names are names like any other and reach no prototype', async (t) => {
  const root = parse('<a __proto__="1" constructor="2" toString="3"><hasOwnProperty/><x:valueOf y="1"/></a>');
  t.equal(root.attribute('__proto__'), '1');
  t.equal(root.attribute('constructor'), '2');
  t.equal(root.attribute('hasOwnProperty'), undefined);
  t.same(
    root.children.map(({ name }) => name),
    ['hasOwnProperty', 'valueOf'],
  );
  t.equal(parse('<a><__proto__ polluted="1"/></a>').child('__proto__')?.attribute('polluted'), '1');
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
  t.equal(({} as Record<string, unknown>)['1'], undefined);
  const strange = parse('<a><#text>1</#text><:@ k="1">2</:@></a>');
  t.same(
    strange.children.map(({ name, text }) => [name, text]),
    [
      ['#text', '1'],
      ['@', '2'],
    ],
  );
  t.equal(strange.text, '');
});

/** What takes more than its length in time is not done within the test's: quadratic would be hours, exponential for ever. */
t.test('a large hostile document takes time in proportion to its length', async (t) => {
  const filled = (piece: string) => piece.repeat(4_000_000 / piece.length);
  const attributes = Array.from({ length: 300_000 }, (_, i) => `a${i}="1"`).join(' ');
  t.equal(parse(`<a ${attributes}/>`).attribute('a0'), '1');
  t.equal(parse(`<a>${filled('<b/>')}</a>`).children.length, 1_000_000);
  for (const piece of ['&', '&amp;', '&a', 'x ', '\r', '<![CDATA[x]]>', '<!---->', '<?p?>']) {
    t.equal(parse(`<a>${filled(piece)}</a>`).name, 'a', piece);
  }
  for (const piece of [
    '<!---->',
    '<!--',
    '<![CDATA[',
    '<?',
    '<b ',
    '<b x="',
    '<',
    '</',
    '</a ',
    '"',
    ' ',
    ']]',
    '--',
  ]) {
    t.throws(() => parse(`<a/>${filled(piece)}x`), { name: 'Fault' }, piece);
    t.throws(() => parse(`<a>${filled(piece)}`), { name: 'Fault' }, piece);
    t.throws(() => parse(`<a ${filled(piece)}`), { name: 'Fault' }, piece);
  }
});

t.test('what is remembered of a document does not keep it in memory', async (t) => {
  const before = heapInUse();
  const remembered: (string | undefined)[] = [];
  for (let i = 0; i < 50; i++) {
    const value = `longer than V8 copies anyway ${i}`;
    const name = `an-element-of-document-${i}`;
    const root = parse(`<${name} k="${value}">${value}<!--${'x'.repeat(1_000_000)}--></${name}>`);
    remembered.push(root.attribute('k'), root.text, root.name);
  }
  t.ok(heapInUse() - before < 10_000_000, 'each document is 1 MB');
  t.equal(new Set(remembered).size, 100);
});
