import t from 'tap';
import { compareHosts, parseRange } from '../../src/commission/addresses.ts';
import { parsePorts } from '../../src/commission/discovery.ts';

const hosts = (text: string) => [...parseRange(text).hosts()];

t.test('reads CIDR without network and broadcast address, from any address within', async (t) => {
  t.same(
    hosts('192.168.0.77/29'),
    [1, 2, 3, 4, 5, 6].map((n) => `192.168.0.${72 + n}`),
  );
  t.same(hosts('10.0.0.4/31'), ['10.0.0.4', '10.0.0.5'], 'RFC 3021');
  t.same(hosts('10.0.0.4/32'), ['10.0.0.4']);
  const large = parseRange('172.31.255.1/16');
  t.equal(large.size, 65_534);
  t.same([hosts('172.31.0.0/16')[0], hosts('172.31.0.0/16').at(-1)], ['172.31.0.1', '172.31.255.254']);
});

t.test('reads from-to, over the end of an octet, and with the last octet alone', async (t) => {
  t.same(hosts('192.168.0.254-192.168.1.1'), ['192.168.0.254', '192.168.0.255', '192.168.1.0', '192.168.1.1']);
  t.same(hosts('192.168.0.9-11'), ['192.168.0.9', '192.168.0.10', '192.168.0.11']);
  t.same(hosts('255.255.255.255-255.255.255.255'), ['255.255.255.255']);
});

t.test('reads an address and a host name', async (t) => {
  for (const text of ['192.168.0.21', '::1', 'cell-7.plant.example', 'localhost']) t.same(hosts(text), [text]);
});

t.test('the size that is told is the number of hosts', async (t) => {
  for (const text of ['10.1.2.3/24', '10.1.2.3/30', '10.0.0.1-200', 'plc', '10.0.0.0/32']) {
    t.equal(parseRange(text).size, hosts(text).length, text);
  }
});

t.test('refuses what is larger than a /16, ends before it begins, or is no range', async (t) => {
  for (const [text, why] of [
    ['10.0.0.0/15', /131070 addresses: give ranges of at most 65536/],
    ['0.0.0.0/0', /give ranges of at most/],
    ['10.0.0.9-3', /ends before it begins/],
    ['10.0.0.0/33', /\/16 to \/32/],
    ['10.0.0.256/24', /is no range/],
    ['10.0.0.1-999', /is no range/],
    ['300.1.1.1', /is no range/],
    ['a b', /is no range/],
    ['', /is no range/],
  ] as const) {
    t.throws(() => parseRange(text), { message: why }, text);
  }
});

t.test('hosts sort as numbers, names last', async (t) => {
  t.same(['b', '10.0.0.10', 'a', '10.0.0.9', '9.0.0.1', 'a'].sort(compareHosts), [
    '9.0.0.1',
    '10.0.0.9',
    '10.0.0.10',
    'a',
    'a',
    'b',
  ]);
});

t.test('reads lists and ranges of ports', async (t) => {
  t.same(parsePorts('502, 5000-5002'), [502, 5000, 5001, 5002]);
  for (const text of ['', '0', '65536', '5-3', '1-65535', 'http', '1,,2', '70000-70001']) {
    t.equal(parsePorts(text), undefined, text);
  }
});
