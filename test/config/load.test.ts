import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { loadConfig } from '../../src/config/load.ts';
import { drivers } from '../../src/drivers/registry.ts';
import { environment, load, loadGood, MINIMAL, withUplink } from './support.ts';

const DRIVERS = Object.keys(drivers).join(' or ');
const URL_LINE = 'url: mqtts://broker.example.com:8883';
const machines = (...entries: string[]) =>
  MINIMAL.replace(/ {2}- .*\n/, entries.map((entry) => `  - { ${entry} }\n`).join(''));

/** A file that is wrong, and all that is told of it. */
const CASES: Readonly<Record<string, readonly [text: string, ...errors: string[]]>> = {
  'an empty file': ['', '1:1: is empty: expected at least gateway, machines and uplink'],
  'a file of comments': ['# soon\n', '1:1: is empty: expected at least gateway, machines and uplink'],
  'a list': ['- a', '1:1: expected a mapping with gateway, machines, uplink'],
  'a word': ['gateway', '1:1: expected a mapping with gateway, machines, uplink'],
  'a file without machines and uplink': [
    '# gw\ngateway: { id: a, tenant: b }',
    '2:1: machines: is missing: The machines to read',
    '2:1: uplink: is missing: expected a mapping with url',
  ],
  'an unknown key with a slip': [`${MINIMAL}bufer: {}`, '5:1: bufer: unknown key: did you mean buffer?'],
  'an unknown key with swapped letters': [`${MINIMAL}lgo: {}`, '5:1: lgo: unknown key: did you mean log?'],
  'an unknown key': [
    `${MINIMAL}buffer:\n  size: 1GiB`,
    '6:3: buffer.size: unknown key: expected one of flushInterval, maxBytes, minFreeDisk, whenFull, keep, maxAge',
  ],
  'a missing key in a mapping': [
    MINIMAL.replace('id: gw-01, ', ''),
    '1:1: gateway.id: is missing: Name of this gateway, unique within the tenant',
  ],
  'a missing key in a list item': [
    machines('driver: mtconnect, url: "http://a"'),
    '3:5: machines[0].id: is missing: Name of the machine, unique within the gateway',
  ],
  'an empty value': [MINIMAL.replace('gw-01', ''), '1:12: gateway.id: is empty: expected text'],
  'an empty section': [
    `${MINIMAL}buffer:\n  # maxAge: 7d`,
    '5:1: buffer: is empty: expected a mapping: “key: value” lines',
  ],
  'a number for a name': [MINIMAL.replace('gw-01', '5'), '1:16: gateway.id: expected text: put it in quotes'],
  'a truth for a name': [MINIMAL.replace('acme', 'true'), '1:31: gateway.tenant: expected text: put it in quotes'],
  'a number for a label': [
    machines('id: a, driver: mtconnect, url: "http://a", labels: { line: 3 }'),
    '3:66: machines[0].labels.line: expected text: put it in quotes',
  ],
  'an id with a slash': [
    MINIMAL.replace('gw-01', 'gw/01'),
    '1:16: gateway.id: expected 1 to 64 letters, digits, dots, dashes or underscores',
  ],
  'an id of the gateway’s own': [
    MINIMAL.replace('vmc-3', '_gateway'),
    '3:11: machines[0].id: ids that start with an underscore are the gateway’s own',
  ],
  'no machines': [
    'gateway: { id: a, tenant: b }\nmachines: []\nuplink: { url: "mqtts://a" }',
    '2:11: machines: expected at least one machine',
  ],
  'machines as a mapping': [
    MINIMAL.replace('  - {', '  vmc: {'),
    '3:3: machines: expected a list: items that start with “- ”',
  ],
  'a machine without a driver': [
    machines('id: a, url: "http://a"'),
    `3:5: machines[0].driver: is missing: expected ${DRIVERS}`,
  ],
  'an unknown driver, and what all machines have': [
    machines('id: _x, driver: mtconect, labels: { a: 1 }, url: "http://a"'),
    '3:11: machines[0].id: ids that start with an underscore are the gateway’s own',
    `3:23: machines[0].driver: there is no such driver: expected ${DRIVERS}: did you mean mtconnect?`,
    '3:46: machines[0].labels.a: expected text: put it in quotes',
  ],
  'a driver’s own key': [
    machines('id: a, driver: mtconnect, url: "http://a", intervall: 5s'),
    '3:50: machines[0].intervall: unknown key: did you mean interval?',
  ],
  'a driver’s own choice': [
    machines('id: a, driver: mtconnect, url: "http://a", mode: strem'),
    '3:56: machines[0].mode: expected one of auto, stream, poll: did you mean stream?',
  ],
  'a driver’s own number': [
    machines('id: a, driver: mtconnect, url: "http://a", count: 0'),
    '3:57: machines[0].count: expected at least 1',
  ],
  'a driver’s own address': [
    machines('id: a, driver: mtconnect, url: "mqtt://a"'),
    '3:38: machines[0].url: expected the agent’s address, e.g. http://192.168.0.21:5000',
  ],
  'the same id twice': [
    machines(
      'id: a, driver: mtconnect, url: "http://a"',
      'id: b, driver: mtconnect, url: "http://b"',
      'id: a, driver: mtconnect, url: "http://c"',
    ),
    '5:11: machines[2].id: the same id as machines[0] on line 3',
  ],
  'the same agent twice': [
    machines('id: a, driver: mtconnect, url: "http://HOST:80"', 'id: b, driver: mtconnect, url: "http://host/"'),
    '4:38: machines[1].url: the same url and device as machine a',
  ],
  'a url without a host': [
    withUplink('url: mqtt://'),
    '5:8: uplink.url: expected mqtt://, mqtts://, ws:// or wss:// with a host, e.g. mqtts://broker.example.com:8883',
  ],
  'a url of another protocol': [
    withUplink('url: tcp://broker:1883'),
    '5:8: uplink.url: expected mqtt://, mqtts://, ws:// or wss:// with a host, e.g. mqtts://broker.example.com:8883',
  ],
  'a password in the url': [
    withUplink('url: mqtts://me:hunter2@broker'),
    '5:8: uplink.url: user and password do not belong in the URL: use uplink.auth',
  ],
  'a wrong version': [withUplink(URL_LINE, 'version: 4'), '6:12: uplink.version: expected one of auto, 5, 3.1.1'],
  'a fraction': [withUplink(URL_LINE, 'window: 1.5'), '6:11: uplink.window: expected a whole number'],
  'a number that is too large': [withUplink(URL_LINE, 'window: 70000'), '6:11: uplink.window: expected at most 65535'],
  'a duration without unit': [
    withUplink(URL_LINE, 'keepalive: 15'),
    '6:14: uplink.keepalive: expected a duration with its unit (ms, s, m, h, d), e.g. 250ms',
  ],
  'a duration with the unit of a size': [
    withUplink(URL_LINE, 'keepalive: 15MB'),
    '6:14: uplink.keepalive: expected a duration with its unit (ms, s, m, h, d), e.g. 250ms',
  ],
  'a size with a wrong unit': [
    `${MINIMAL}buffer: { maxBytes: 8G }`,
    '5:21: buffer.maxBytes: expected a size with its unit (B, kB, MB, GB, KiB, MiB, GiB), e.g. 8GiB',
  ],
  'a backoff upside down': [
    withUplink(URL_LINE, 'backoff: { min: 2m }'),
    '6:3: uplink.backoff.max: expected no less than min',
  ],
  'an empty text': [withUplink(URL_LINE, 'clientId: ""'), '6:13: uplink.clientId: is empty'],
  'a certificate without a key': [
    withUplink(URL_LINE, 'tls: { cert: gone.pem, serverName: a }'),
    '6:3: uplink.tls.key: is missing: expected the private key of cert',
    '6:16: uplink.tls.cert: cannot read FOLDER/gone.pem: there is no such file',
  ],
  'a key without a certificate': [
    withUplink(URL_LINE, 'tls: { key: "${env:KEY}" }'),
    '6:3: uplink.tls.cert: is missing: expected the certificate of key',
    '6:15: uplink.tls.key: expected a path, or ${credential:NAME}',
  ],
  'tls that would be ignored': [
    withUplink('url: ws://broker', 'tls: { serverName: a }'),
    '6:3: uplink.tls: would be ignored, as ws:// is not encrypted: use wss://, or remove tls',
  ],
  'password and token': [
    withUplink(URL_LINE, 'auth: { password: "${env:HOME}", token: "${env:HOME}" }'),
    '6:43: uplink.auth.token: give a password or a token, not both',
  ],
  'a folder by reference': [
    MINIMAL.replace('acme', 'acme, dataDir: "${env:HOME}"'),
    '1:46: gateway.dataDir: expected a path: references are for secrets and files',
  ],
  'a merge key': [`${MINIMAL}log: { <<: { level: info } }`, '5:8: log.<<: unknown key: expected one of level, format'],
  'a key named as of every object': [
    `${MINIMAL}log: { __proto__: { level: warn }, constructor: 1 }`,
    '5:8: log.__proto__: unknown key: expected one of level, format',
    '5:36: log.constructor: unknown key: expected one of level, format',
  ],
};

for (const [name, [text, ...errors]] of Object.entries(CASES)) {
  t.test(`${name} is told at its place`, async (t) => {
    const folder = t.testdir();
    t.strictSame(
      load(folder, text).errors.map((error) => error.replace(folder, 'FOLDER')),
      errors,
    );
  });
}

t.test('all mistakes of a file are told at once, in the order of the file', async (t) => {
  const text = `gateway: { id: gw 01 }
machines:
  - { id: a, driver: mtconnect, url: "http://a" }
  - { id: a, driver: profinet }
uplink:
  url: mqtt://broker
  tls: { ca: gone.pem, cafile: x }
  keepalive: 5 min
buffer: { maxbytes: 2GiB }
buffer: { maxAge: 7 }
`;
  const { errors } = load(t.testdir(), text);
  t.strictSame(
    errors.map((error) => error.replace(/ \/\S+/, '')),
    [
      '1:1: gateway.tenant: is missing: Owner of the data: the second level of every topic',
      '1:16: gateway.id: expected 1 to 64 letters, digits, dots, dashes or underscores',
      '4:11: machines[1].id: the same id as machines[0] on line 3',
      `4:22: machines[1].driver: there is no such driver: expected ${DRIVERS}`,
      '7:3: uplink.tls: would be ignored, as mqtt:// is not encrypted: use mqtts://, or remove tls',
      '7:14: uplink.tls.ca: cannot read there is no such file',
      '7:24: uplink.tls.cafile: unknown key: expected one of ca, cert, key, serverName',
      '8:14: uplink.keepalive: expected a duration with its unit (ms, s, m, h, d), e.g. 250ms',
      '10:1: this key is given twice, first on line 9',
      '10:19: buffer.maxAge: expected a duration with its unit (ms, s, m, h, d), e.g. 250ms',
    ],
  );
});

t.test('a file that cannot be read is one error', async (t) => {
  const folder = t.testdir();
  const message = (file: string) => {
    const result = loadConfig(file, drivers);
    if ('config' in result) throw new Error('it was read');
    t.match(result.errors, [{ file, line: 1, column: 1, path: '' }]);
    return result.errors.map((error) => error.message).join();
  };
  t.equal(message(join(folder, 'gone.yaml')), 'cannot read the config: there is no such file');
  t.equal(message(folder), 'cannot read the config: it is a folder, not a file');
  writeFileSync(join(folder, 'a.yaml'), MINIMAL);
  t.equal(message(join(folder, 'a.yaml/b.yaml')), 'cannot read the config: there is no such file');
  symlinkSync('loop.yaml', join(folder, 'loop.yaml'));
  t.match(message(join(folder, 'loop.yaml')), /^cannot read the config: ELOOP/);
  t.equal(message('/dev/zero'), 'cannot read the config: it is larger than 1024 KiB');
  const binary = {
    'nul.yaml': 'a: \0',
    'latin1.yaml': Buffer.from('a: \xe4', 'latin1'),
    'utf16.yaml': Buffer.from('\uFEFFa: 1', 'utf16le'),
  };
  for (const [name, bytes] of Object.entries(binary)) {
    writeFileSync(join(folder, name), bytes);
    t.equal(message(join(folder, name)), 'cannot read the config: it is not text in UTF-8', name);
  }
});

t.test('a config with defaults only is complete, with absolute paths', async (t) => {
  const folder = t.testdir();
  environment(t, { STATE_DIRECTORY: undefined });
  const config = loadGood(folder, `\uFEFF${MINIMAL.replaceAll('\n', '\r\n')}`);
  t.strictSame(config, {
    gateway: {
      id: 'gw-01',
      tenant: 'acme',
      dataDir: join(folder, 'edge-gateway-data'),
      heartbeat: 30_000,
      watchdog: 60_000,
      maxMemory: 512 * 2 ** 20,
      quota: {},
    },
    machines: [
      { ...config.machines[0], id: 'vmc-3', driver: 'mtconnect', url: 'http://192.168.0.21:5000', labels: {} },
    ],
    uplink: {
      url: 'mqtts://broker.example.com:8883',
      version: 'auto',
      keepalive: 15_000,
      connectTimeout: 10_000,
      ackTimeout: 20_000,
      window: 64,
      backoff: { min: 1000, max: 60_000 },
      compression: 'none',
      commands: false,
      backfill: { order: 'oldest' },
    },
    buffer: {
      flushInterval: 1000,
      maxBytes: 2 ** 31,
      minFreeDisk: 200 * 2 ** 20,
      whenFull: 'thin',
      keep: ['state', 'available'],
      maxAge: 604_800_000,
    },
    alerts: [],
    channels: {},
    oee: [],
    http: { listen: '127.0.0.1:8080' },
    log: { level: 'info', format: 'auto' },
  });
});

t.test('the data folder is relative to the config file, or what systemd says', async (t) => {
  const folder = t.testdir();
  mkdirSync(join(folder, 'etc'));
  const dataDir = (text: string) => loadGood(join(folder, 'etc'), text).gateway.dataDir;
  t.equal(dataDir(MINIMAL.replace('acme', 'acme, dataDir: ../data')), join(folder, 'data'));
  environment(t, { STATE_DIRECTORY: '/var/lib/edge-gateway:/var/lib/other' });
  t.equal(dataDir(MINIMAL), '/var/lib/edge-gateway');
  t.equal(dataDir(MINIMAL.replace('acme', 'acme, dataDir: /mnt/ssd')), '/mnt/ssd');
});

t.test('the MQTT version may be written as the number that YAML takes it for', async (t) => {
  t.equal(loadGood(t.testdir(), withUplink(URL_LINE, 'version: 5')).uplink.version, '5');
  t.equal(loadGood(t.testdir(), withUplink(URL_LINE, 'version: 3.1.1')).uplink.version, '3.1.1');
});

t.test('several devices of one agent are several machines', async (t) => {
  const text = machines(
    'id: a, driver: mtconnect, url: "http://a", device: X',
    'id: b, driver: mtconnect, url: "http://a", device: Y',
  );
  t.equal(loadGood(t.testdir(), text).machines.length, 2);
});

t.test('a password that would cross the network in the clear is warned about', async (t) => {
  const warnings = (url: string) =>
    load(t.testdir(), withUplink(`url: ${url}`, 'auth: { username: me, password: "${env:HOME}" }')).warnings;
  for (const url of [
    'mqtt://broker',
    'ws://10.0.0.1:9001',
    'mqtt://localhost.example.com',
    'mqtt://127.0.0.1.example.com',
  ]) {
    t.match(warnings(url), [/^6:3: uplink.auth: anyone on the network can read the password/], url);
  }
  for (const url of ['mqtts://broker', 'mqtt://localhost', 'mqtt://127.0.0.1:1883', 'ws://[::1]:9001']) {
    t.same(warnings(url), [], url);
  }
});
