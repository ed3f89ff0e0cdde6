import t from 'tap';
import { parseDocument } from '../../../src/drivers/mtconnect/document.ts';

const parse = (xml: string) => parseDocument(Buffer.from(xml), 'the agent');
const HEADER = '<Header creationTime="2026-01-01T00:00:00Z" instanceId="7" version="1.3" bufferSize="10"';
const RANGE = 'firstSequence="1" lastSequence="9" nextSequence="10"';

t.test('the local name of the root decides, whatever prefix and version it has', async (t) => {
  const body = `${HEADER} ${RANGE}/><Streams/>`;
  for (const [open, close] of [
    ['MTConnectStreams', 'MTConnectStreams'],
    ['MTConnectStreams xmlns="urn:mtconnect.org:MTConnectStreams:9.9"', 'MTConnectStreams'],
    ['m:MTConnectStreams xmlns:m="urn:mtconnect.org:MTConnectStreams:1.1"', 'm:MTConnectStreams'],
  ]) {
    t.match(parse(`<${open}>${body}</${close}>`), {
      kind: 'streams',
      header: { instanceId: '7', nextSequence: 10 },
      devices: [],
    });
  }
});

t.test('error documents of all versions give the same codes', async (t) => {
  const head = `${HEADER}/>`;
  const cases: [string, string, string][] = [
    [`<Error errorCode="OUT_OF_RANGE">too far</Error>`, 'OUT_OF_RANGE', 'too far'],
    [`<Errors><Error errorCode="NO_DEVICE">no 'x'</Error></Errors>`, 'NO_DEVICE', "no 'x'"],
    [
      `<Errors><OutOfRange errorCode="OUT_OF_RANGE"><ErrorMessage>from</ErrorMessage><URI>/s</URI></OutOfRange></Errors>`,
      'OUT_OF_RANGE',
      'from',
    ],
    [`<Errors><InvalidXPath><ErrorMessage>bad</ErrorMessage></InvalidXPath></Errors>`, 'INVALID_XPATH', 'bad'],
    [`<Errors><NoDevice><ErrorMessage/></NoDevice></Errors>`, 'NO_DEVICE', ''],
  ];
  for (const [body, code, text] of cases) {
    t.same(parse(`<MTConnectError>${head}${body}</MTConnectError>`), { kind: 'error', errors: [{ code, text }] }, body);
  }
  t.same(parse('<MTConnectError/>'), { kind: 'error', errors: [] });
});

t.test('a header that cannot be used is a clear fault, and names what is wrong', async (t) => {
  const cases: [string, RegExp][] = [
    [`${HEADER} firstSequence="1=" lastSequence="9" nextSequence="10"/>`, /has firstSequence="1="/],
    [`${HEADER} firstSequence="1" lastSequence="9"/>`, /lacks nextSequence/],
    [`${HEADER} firstSequence="1" lastSequence="9" nextSequence="99999999999999999"/>`, /nextSequence="9{17}"/],
    [`<Header ${RANGE}/>`, /lacks instanceId/],
    ['', /lacks (firstSequence|instanceId)/],
  ];
  for (const [head, message] of cases) {
    t.throws(() => parse(`<MTConnectStreams>${head}<Streams/></MTConnectStreams>`), {
      name: 'Fault',
      of: 'machine',
      message,
    });
  }
});

t.test('assets are read, other XML is refused by the name of its root', async (t) => {
  const assets = `<MTConnectAssets>${HEADER}/><Assets><CuttingTool assetId="T1"/><x:Own assetId="O"/></Assets></MTConnectAssets>`;
  t.match(parse(assets), { kind: 'assets', assets: [{ assetId: 'T1', type: 'CuttingTool' }, { type: 'Own' }] });
  t.throws(() => parse('<rss><channel/></rss>'), { message: /its root is <rss>/, hint: /agent/ });
});
