import t from 'tap';
import { parseModbusUrl } from '../../../src/drivers/modbus/url.ts';

t.test('what a url names', async (test) => {
  test.same(parseModbusUrl('modbus://PLC-3:1502/17'), {
    link: { kind: 'tcp', key: 'plc-3:1502', host: 'plc-3', port: 1502 },
    unit: 17,
  });
  test.match(parseModbusUrl('modbus://10.0.0.5'), { link: { port: 502 }, unit: 1 });
  test.match(parseModbusUrl('modbus://[::1]:502/0'), { link: { host: '::1' }, unit: 0 });
  test.match(parseModbusUrl('modbus+rtutcp://10.0.0.5:4001/3'), { link: { kind: 'rtutcp', port: 4001 }, unit: 3 });
  test.same(parseModbusUrl('modbus+rtu:///dev/serial/by-id/usb-1?baud=9600&parity=none&stop=2&data=8&unit=5'), {
    link: {
      kind: 'rtu',
      key: '/dev/serial/by-id/usb-1',
      path: '/dev/serial/by-id/usb-1',
      line: { baud: 9600, parity: 'none', data: 8, stop: 2 },
    },
    unit: 5,
  });
  test.match(parseModbusUrl('modbus+rtu:///dev/ttyS0').link, {
    line: { baud: 19_200, parity: 'even', data: 8, stop: 1 },
  });
});

t.test('a wrong url is told in one sentence', async (test) => {
  const CASES: [url: string, message: RegExp][] = [
    ['10.0.0.5', /is no URL/],
    ['http://10.0.0.5', /begins with http:/],
    ['modbus://10.0.0.5/256', /has the unit "256".*0 to 255/],
    ['modbus://10.0.0.5/one', /has the unit "one"/],
    ['modbus://10.0.0.5/1?baud=9600', /only a serial line has/],
    ['modbus://u:p@10.0.0.5/1', /user or password/],
    ['modbus+rtu://dev/ttyUSB0', /names a host \(dev\)/],
    ['modbus+rtu:///dev/tty%zz', /a % that begins no escape/],
    ['modbus+rtu:///dev/ttyUSB0?unit=0', /1 to 247/],
    ['modbus+rtu:///dev/ttyUSB0?speed=9600', /unknown setting speed/],
    ['modbus+rtu:///dev/ttyUSB0?parity=mark', /has the parity "mark"/],
    ['modbus+rtu:///dev/ttyUSB0?baud=9600&baud=19200', /baud twice/],
  ];
  for (const [url, message] of CASES) test.throws(() => parseModbusUrl(url), { of: 'config', message }, url);
});
