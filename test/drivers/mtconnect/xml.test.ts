import t from 'tap';
import { attributeOf, childOf, childrenOf, nameOf, parseXml, textOf } from '../../../src/drivers/mtconnect/xml.ts';

const parse = (text: string) => parseXml(Buffer.from(text), 'the agent');

t.test('gives local names, attributes and text', async (t) => {
  const root = parse(
    '<?xml version="1.0"?><?pi x?><!-- c --><m:a x:k="1" n=" &lt;&#176;&#xB0;&foo; "> 01 <x:b>t</x:b><![CDATA[&amp;]]></m:a>\n<!-- end -->',
  );
  t.equal(nameOf(root), 'a');
  t.equal(attributeOf(root, 'k'), '1');
  t.equal(attributeOf(root, 'n'), '<°°&foo;');
  t.equal(attributeOf(root, 'absent'), undefined);
  t.same(childrenOf(root).map(nameOf), ['b']);
  t.equal(textOf(root), '01 &amp;');
  t.equal(textOf(childOf(root, 'b') ?? {}), 't');
});

t.test('is lenient to a raw ampersand, which agents send in alarm texts', async (t) => {
  t.equal(textOf(parse('<a>Coolant & chips &lt; 5</a>')), 'Coolant & chips < 5');
});

t.test('keeps byte order marks and other encodings out of the text', async (t) => {
  t.equal(nameOf(parse('\uFEFF<?xml version="1.0"?><a/>')), 'a');
  const latin = Buffer.from('<?xml version="1.0" encoding="ISO-8859-1"?><a>Kühlmittel</a>', 'latin1');
  t.equal(textOf(parseXml(latin, 'the agent')), 'Kühlmittel');
  t.equal(textOf(parse('<?xml version="1.0" encoding="x-unknown"?><a>ü</a>')), 'ü');
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
  t.equal(childrenOf(parse(listed('5 bar'))).length, 2);
  t.throws(() => parse(listed('p < 5 bar')), { name: 'Fault', message: /wrongly nested/ });
  t.throws(() => parse(listed('</p>')), { name: 'Fault', message: /wrongly nested/ });
});

t.test('caps the depth', async (t) => {
  const deep = (levels: number) => `${'<a>'.repeat(levels)}${'</a>'.repeat(levels)}`;
  t.doesNotThrow(() => parse(deep(60)));
  t.throws(() => parse(deep(100_000)), { name: 'Fault', of: 'machine' });
});

t.test('hostile names reach no prototype', async (t) => {
  const root = parse('<a __proto__="1" constructor="2" toString="3"><hasOwnProperty/><x:valueOf y="1"/></a>');
  t.equal(attributeOf(root, '__proto__'), '1');
  t.equal(attributeOf(root, 'constructor'), '2');
  t.throws(() => parse('<a><__proto__ polluted="1"/></a>'), { name: 'Fault' });
  t.equal(({} as Record<string, unknown>)['polluted'], undefined);
  t.equal(({} as Record<string, unknown>)['1'], undefined);
});
