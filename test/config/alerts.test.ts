import t from 'tap';
import { z } from 'zod';
import { checkAlerts } from '../../src/config/alert-checks.ts';
import { alertsSchema } from '../../src/config/alerts.ts';
import { channelsSchema } from '../../src/config/channels.ts';
import type { Finding } from '../../src/config/finding.ts';
import { pathText } from '../../src/config/visit.ts';
import { parseWith } from '../../src/config/words.ts';
import { parseYaml } from '../../src/config/yaml.ts';

const MACHINES = `
channels:
  slack: { type: log }
  email: { type: log }
machines:
  - { id: vmc-3, driver: mtconnect, labels: { line: A } }
  - id: press-2
    driver: modbus
    signals: { load: { address: 1, type: float32 }, door: { table: coil, address: 3 }, mode: { address: 4 } }
    state: "mode == 2 ? 'running' : 'idle'"
alerts:
`;

const schema = z.looseObject({ alerts: alertsSchema, channels: channelsSchema });

/** `line:column: path: message`, as `check` prints it, of the rules behind the machines above. */
function check(alerts: string): string[] {
  const yaml = parseYaml(`${MACHINES.trimStart()}${alerts}`);
  const findings = [...parseWith(schema, yaml.data).findings, ...checkAlerts(yaml.data)];
  const text = ({ path, at = 'value', character, message, level }: Finding) => {
    const { line, column } = yaml.locate(path, at, character);
    return `${line}:${column}: ${level === 'warning' ? 'warning: ' : ''}${pathText(path)}: ${message}`;
  };
  return [...new Set(findings.map(text))];
}

t.test('both forms of the issue work as they stand', async (test) => {
  const text = `
  - name: rpm_high
    condition: rpm > 5000
    duration: 30s
    severity: warning
    channels: [slack, email]
  - name: machine_stopped_long
    condition: state == 'stopped' AND duration > 600
    severity: warning
    channels:
      - { type: slack, webhook: "\${env:SLACK_WEBHOOK}" }
      - { type: webhook, url: "https://example.com/alerts" }
`;
  test.same(check(text), []);
  const { alerts } = schema.parse(parseYaml(`${MACHINES}${text}`).data);
  test.match(alerts, [
    { name: 'rpm_high', for: 30_000, severity: 'warning', machines: ['*'], channels: ['slack', 'email'] },
    { name: 'machine_stopped_long', for: 0, channels: [{ type: 'slack' }, { type: 'webhook' }] },
  ]);
  test.equal(alerts[0]?.condition.text, 'rpm > 5000');
});

t.test('every key is read', async (test) => {
  const text = `
  - { name: a, condition: load > 1, clear: load < 0.5, for: 1m, severity: critical, machines: [press-*], labels: {},
      summary: "{{ machine }}", latch: true, flapping: { changes: 5, within: 10m }, shadow: true, repeat: 1h,
      quietHours: [{ days: [fri, sat], from: "22:00", to: "06:30", timeZone: Europe/Zurich }] }
`;
  test.same(check(text), []);
  const { alerts } = schema.parse(parseYaml(`${MACHINES}${text}`).data);
  test.match(alerts[0], {
    ...{ for: 60_000, latch: true, shadow: true, repeat: 3_600_000, summary: '{{ machine }}' },
    flapping: { changes: 5, within: 600_000 },
    quietHours: [{ days: [5, 6], from: 1320, to: 390, timeZone: 'Europe/Zurich' }],
  });
});

/** Rules that are broken, and what is told of them. */
const WRONG: readonly (readonly [string, string])[] = [
  ['{ name: a, condition: rpm >> 5 }', '11:27: alerts[0].condition: at character 1: there is no operator >>'],
  [
    '{ name: a, condition: "rpm > 5 and avgg(rpm, 5m) > 1" }',
    '11:40: alerts[0].condition: at character 13: there is no function avgg: did you mean avg?',
  ],
  [
    `{ name: a, condition: "load > 1 and state == 'stoped'" }`,
    "11:41: alerts[0].condition: at character 14: is never 'stoped': expected running, idle, stopped: did you mean stopped?",
  ],
  [
    '{ name: a, condition: rpm > 1, machines: [press-2] }',
    '11:27: alerts[0].condition: at character 1: no machine of this rule is known to have a signal rpm',
  ],
  [
    '{ name: a, condition: mode > 1, clear: lod < 1, machines: [press-2] }',
    '11:44: alerts[0].clear: at character 1: no machine of this rule is known to have a signal lod: did you mean load?',
  ],
  [
    '{ name: a, condition: rmp > 1, machines: [vmc-3] }',
    '11:27: warning: alerts[0].condition: at character 1: no machine of this rule is known to have a signal rmp: did you mean rpm?',
  ],
  [
    '{ name: a, condition: rpm > 1 and durration > 5, machines: [vmc-3] }',
    '11:39: warning: alerts[0].condition: at character 13: no machine of this rule is known to have a signal durration: did you mean duration?',
  ],
  [
    `{ name: a, condition: "load > 'high'", machines: [press-2] }`,
    '11:27: alerts[0].condition: at character 1: a number is compared with a text: expected the same on both sides',
  ],
  [
    `{ name: a, condition: "signal('pres-2', 'load') > 1" }`,
    '11:27: alerts[0].condition: at character 1: there is no machine pres-2: did you mean press-2?',
  ],
  [
    '{ name: a, condition: rpm > 1, machines: [vmc3] }',
    '11:47: alerts[0].machines[0]: there is no such machine: did you mean vmc-3?',
  ],
  [
    '{ name: a, condition: rpm > 1, labels: { line: B } }',
    '11:5: warning: alerts[0]: no machine of this config fits its machines and labels: it will never be evaluated',
  ],
  [
    '{ name: a, condition: rpm > 1, channels: [slak] }',
    '11:47: alerts[0].channels[0]: there is no such channel: did you mean slack?',
  ],
  [
    '{ name: a, condition: rpm > 1, duration: 1s, for: 2s }',
    '11:55: alerts[0].for: means the same as duration: give one of them',
  ],
  [
    '{ name: a b, condition: rpm > 1 }',
    '11:13: alerts[0].name: expected 1 to 64 letters, digits, dots, dashes or underscores',
  ],
  [
    '{ name: a, condition: rpm > 1, serverity: info }',
    '11:36: alerts[0].serverity: unknown key: did you mean severity?',
  ],
  ['{ name: a }', '11:5: alerts[0].condition: is missing: expected text'],
  [
    '{ name: a, condition: rpm > 1, quietHours: [{ from: "22:00", to: "24:00", timeZone: Mars }] }',
    '11:70: alerts[0].quietHours[0].to: expected a time of day in quotes, e.g. "22:00"',
  ],
];

for (const [rule, told] of WRONG) {
  t.test(`is told: ${rule}`, async (test) => {
    const [first] = check(`  - ${rule}\n`);
    test.equal(first, told);
  });
}

t.test('the same name twice is told with the line of the first', async (test) => {
  const text = '  - { name: a, condition: rpm > 1 }\n  - { name: a, condition: rpm > 2 }\n';
  test.same(check(text), ['12:13: alerts[1].name: the same name as alerts[0]']);
});

t.test('a rule for all machines is right where one of them can tell it', async (test) => {
  test.same(check('  - { name: a, condition: door and load > 1 }\n  - { name: b, condition: Xload > 5 }\n'), []);
});
