import type { NetworkInterfaceInfo } from 'node:os';
import t from 'tap';
import { localRanges } from '../../src/commission/discovery.ts';
import { localNetworks } from '../../src/commission/networks.ts';

const at = (cidr: string, more: Partial<NetworkInterfaceInfo> = {}) =>
  ({
    address: cidr.split('/')[0],
    cidr,
    family: 'IPv4',
    internal: false,
    netmask: '',
    mac: '',
    ...more,
  }) as NetworkInterfaceInfo;

const networks = (...cidrs: string[]) => localNetworks({ eth0: cidrs.map((cidr) => at(cidr)) });
const texts = (...cidrs: string[]) => networks(...cidrs).map(({ range }) => range.text);

t.test('takes private IPv4 networks only, each once', async (t) => {
  t.same(
    texts('192.168.0.21/24', '192.168.0.22/24', '8.8.8.8/24', '172.15.0.1/24', '172.31.9.1/20', '169.254.3.4/16'),
    ['192.168.0.0/24', '172.31.0.0/20', '169.254.0.0/16'],
  );
  const internal = { lo: [at('10.0.0.1/8', { internal: true })], v6: [at('fd00::1/64', { family: 'IPv6' })] };
  t.same(localNetworks(internal as never), []);
});

t.test('of a network larger than a /16 takes the /24 around this computer', async (t) => {
  t.same(texts('10.20.30.40/8'), ['10.20.30.0/24']);
});

t.test('scans nothing that a person did not agree to', async (t) => {
  const asked: string[] = [];
  const says =
    (...answers: boolean[]) =>
    async (question: string) => {
      asked.push(question);
      return answers.shift() ?? false;
    };
  const two = networks('192.168.0.21/24', '192.168.7.21/24');
  t.match(await localRanges(two, false, says(false, true)), { ranges: [{ text: '192.168.7.0/24' }] });
  t.match(asked[0], /192\.168\.0\.0\/24, 254 addresses \(eth0, this computer is 192\.168\.0\.21\)/);
  t.match(await localRanges(two, false, says(false, false)), { refused: 'nothing is scanned', isUsage: false });
});

t.test('asks twice for a network larger than a /22', async (t) => {
  const large = networks('10.1.0.1/21');
  t.match(await localRanges(large, false, async (question) => !/is large/.test(question)), { isUsage: false });
  t.match(await localRanges(large, false, async () => true), { ranges: [{ text: '10.1.0.0/21' }] });
  t.match(await localRanges(large, true, undefined), { refused: /too large .*10\.1\.0\.0\/21/, isUsage: true });
  t.match(await localRanges(networks('10.1.0.1/22'), true, undefined), { ranges: [{ size: 1022 }] });
});

t.test('without a person and without --yes it says what to do', async (t) => {
  t.match(await localRanges(networks('10.1.0.1/24'), false, undefined), {
    refused: /name ranges \(here: 10\.1\.0\.0\/24\) or give --yes/,
    isUsage: true,
  });
  t.match(await localRanges([], true, undefined), { refused: /name a range/, isUsage: true });
});
