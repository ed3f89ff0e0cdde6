import t from 'tap';
import { guesses } from '../../../../src/drivers/modbus/tools/guesses.ts';
import { nameOf, objectsOf } from '../../../../src/drivers/modbus/tools/identification.ts';
import { lineText, targetOf, urlOf, withLine } from '../../../../src/drivers/modbus/tools/target.ts';
import { parseModbusUrl } from '../../../../src/drivers/modbus/url.ts';

t.test('what a URL leaves open is looked for, what it says is kept', async (t) => {
  t.match(targetOf('modbus://10.0.0.5'), { unit: undefined, lines: [] });
  t.match(targetOf('modbus://10.0.0.5/0'), { unit: 0 });
  const open = targetOf('modbus+rtu:///dev/ttyUSB0');
  t.equal(open.unit, undefined);
  t.same(open.lines.slice(0, 2).map(lineText), ['19200 baud, 8E1', '9600 baud, 8N1']);
  const byBaud = targetOf('modbus+rtu:///dev/ttyUSB0?baud=9600&unit=4');
  t.equal(byBaud.unit, 4);
  t.same(byBaud.lines.map(lineText), ['9600 baud, 8N1', '9600 baud, 8E1']);
  t.same(targetOf('modbus+rtu:///dev/ttyUSB0?baud=9600&parity=odd&stop=2').lines.map(lineText), ['9600 baud, 8O2']);
  t.same(targetOf('modbus+rtu:///dev/ttyUSB0?baud=1200').lines.map(lineText), ['1200 baud, 8E1'], 'an unusual rate');
});

t.test('the URL of what was found names the same unit on the same link', async (t) => {
  for (const url of [
    'modbus://plc.example:1502/17',
    'modbus://[::1]:502/0',
    'modbus+rtutcp://10.0.0.5:4001/3',
    'modbus+rtu:///dev/serial/by-id/usb-FTDI%20A?baud=9600&parity=none&data=7&stop=2&unit=5',
    'modbus+rtu:///dev/tty%231%3f%25?baud=9600&parity=none&unit=5',
  ]) {
    const { link, unit } = parseModbusUrl(url);
    t.same(parseModbusUrl(urlOf(withLine(link, link.kind === 'rtu' ? link.line : undefined), unit)), { link, unit });
  }
});

t.test('identifications are read as far as they are whole, and only text is taken', async (t) => {
  const object = (id: number, text: string) => [id, text.length, ...Buffer.from(text, 'latin1')];
  const pdu = (count: number, ...objects: number[][]) => Buffer.of(0x2b, 0x0e, 2, 0x83, 0, 0, count, ...objects.flat());
  const facts = objectsOf(pdu(4, object(0, 'Acme\0'), object(1, 'P\x1b[1m'), object(3, ''), object(99, 'own')));
  t.same(facts, { manufacturer: 'Acme', product: 'P[1m' });
  t.equal(nameOf(facts), 'Acme P[1m');
  t.equal(nameOf({}), undefined);
  t.throws(() => objectsOf(pdu(3, object(0, 'Acme'))), /cut short/);
  t.throws(() => objectsOf(Buffer.of(0x2b, 0x0d, 2)), /without its header/);
});

t.test('floats and texts are guessed, integers and zeros are not', async (t) => {
  const floats = Buffer.alloc(8);
  floats.writeFloatBE(1523.5, 0);
  const text = Buffer.from('O1001 HOUSING\0\0\0');
  const integers = Buffer.from([0, 1, 0, 2, 0, 0, 3, 4, 0, 7, 0, 0]);
  const run = (bytes: Buffer, address: number) => ({ table: 'holding', address, before: bytes, after: bytes }) as const;
  t.same(guesses([run(floats, 10), run(text, 20), run(integers, 40)]), [
    'holding register 10 may be a float32, ABCD: 1523.5 (a guess)',
    'holding register 20 may be a string of length 14: O1001 HOUSING (a guess)',
  ]);
});
