import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { parse } from 'yaml';
import { Fault } from '../../src/errors.ts';
import { serving } from './support.ts';

const ROOT = join(import.meta.dirname, '../..');
/** A line of the text format: name, labels, value. */
const SAMPLE = /^([a-zA-Z_:][\w:]*)\{([^}]*)\} (\S+)$/;
const EVERYWHERE = ['tenant', 'gateway', 'le'];

interface Served {
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

/** What is served, by the name that is documented. */
function families(text: string): Map<string, Served> {
  const found = new Map<string, Served>();
  for (const block of text.trim().split('\n\n')) {
    const [, name = '', help = ''] = /^# HELP (\S+) (.*)$/m.exec(block) ?? [];
    const [, type = ''] = /^# TYPE \S+ (\S+)$/m.exec(block) ?? [];
    const labels = [...block.matchAll(/([a-z]+)="/g)].flatMap(([, label]) => label ?? []);
    found.set(name, { type, help, labels: [...new Set(labels)].filter((label) => !EVERYWHERE.includes(label)) });
  }
  return found;
}

/** Values by name and labels without those of the gateway. */
function samples(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const [, name, labels = '', value] = SAMPLE.exec(line) ?? [];
      const own = labels.replace(/,?tenant="acme",gateway="gw-01"/, '');
      return [own === '' ? `${name}` : `${name}{${own}}`, Number(value)];
    }),
  );
}

t.test('what the gateway counts is served under the names that are promised', async (t) => {
  const { get } = await serving(t);
  const { status, headers, body } = await get('/metrics');
  t.equal(status, 200);
  t.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
  t.match(Object.fromEntries(samples(body)), {
    'ingest_messages_total{machine="vmc-3"}': 1000,
    'parse_error_total{machine="vmc-3"}': 1,
    'backlog_size{lane="live"}': 500,
    'quota_usage_percent{quota="pointsPerHour"}': 45,
    'ingest_lag_ms_bucket{le="100"}': 3,
    'ingest_lag_ms_bucket{le="1000"}': 5,
    'ingest_lag_ms_bucket{le="+Inf"}': 6,
    ingest_lag_ms_sum: 2500,
    ingest_lag_ms_count: 6,
    'edge_gateway_gaps_total{machine="vmc-3",cause="agent-overrun"}': 2,
    'edge_gateway_machine_up{machine="saw-1"}': 0,
    'edge_gateway_machine_data_age_seconds{machine="vmc-3"}': 1.5,
    'edge_gateway_alerts_open{severity="warning",acknowledged="false"}': 1,
    'edge_gateway_buffer_shed_observations_total{how="thinned"}': 4,
    edge_gateway_backlog_oldest_age_seconds: 8,
    edge_gateway_uplink_connected: 1,
    edge_gateway_host_throttled: 0,
  });
  const told = samples(body);
  t.notOk(told.has('edge_gateway_machine_data_age_seconds{machine="saw-1"}'), 'what is not known has no sample');
  t.notOk(told.has('edge_gateway_backlog_empty_in_seconds{lane="live"}'));
  t.ok((told.get('edge_gateway_process_resident_memory_bytes') ?? 0) > 20e6);
  t.ok((told.get('edge_gateway_process_open_fds') ?? 0) > 5);
  const age = Date.now() / 1000 - (told.get('edge_gateway_process_start_time_seconds') ?? 0);
  t.ok(age > 0 && age < 120, `${age}`);
});

t.test('every series says whose it is, and each is there once', async (t) => {
  const { get } = await serving(t);
  const { body } = await get('/metrics');
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  t.strictSame(
    lines.filter((line) => !/[{,]tenant="acme",gateway="gw-01"\} \S+$/.test(line)),
    [],
  );
  t.equal(new Set(lines.map((line) => line.replace(/ \S+$/, ''))).size, lines.length);
});

t.test('docs/metrics.md tells exactly what is served', async (t) => {
  const { get } = await serving(t);
  const { body } = await get('/metrics');
  const rows = [...families(body)].map(
    ([name, { type, help, labels }]) => `| \`${name}\` | ${type} | ${labels.join(', ')} | ${help} |`,
  );
  const documented = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8')
    .split('\n')
    .filter((line) => /^\| `\w+` \|/.test(line));
  t.strictSame(documented.sort(), rows.sort());
});

t.test('the dashboard and the alerts ask for nothing that is not served', async (t) => {
  const { get } = await serving(t);
  const { body } = await get('/metrics');
  const names = new Set([...samples(body).keys()].map((series) => series.replace(/\{.*/, '')));
  for (const name of families(body).keys()) names.add(name);
  const dashboard = readFileSync(join(ROOT, 'examples/grafana/edge-gateway.json'), 'utf8');
  const { panels, templating } = JSON.parse(dashboard);
  const asked: string[] = panels.flatMap(({ targets = [] }) => targets.map(({ expr }: { expr: string }) => expr));
  t.ok(asked.length > 20);
  asked.push(...templating.list.flatMap(({ definition }: { definition?: string }) => definition ?? []));
  const { groups } = parse(readFileSync(join(ROOT, 'examples/prometheus/alerts.yaml'), 'utf8'));
  const rules: { alert: string; expr: string; annotations: Record<string, string> }[] = groups.flatMap(
    ({ rules }: { rules: unknown[] }) => rules,
  );
  t.ok(rules.length >= 10);
  asked.push(...rules.map(({ expr }) => expr));
  for (const expression of asked) {
    const used = expression.match(/\b(edge_gateway|ingest|parse_error|backlog|quota_usage)_\w+|\bup\b/g) ?? [];
    t.ok(used.length > 0, expression);
    for (const name of used) t.ok(name === 'up' || names.has(name), `${name} in ${expression}`);
  }
  for (const { alert, annotations } of rules) t.ok(annotations['summary'] && annotations['description'], alert);
});

t.test('scrapes in quick succession get the same text', async (t) => {
  const { get, view } = await serving(t);
  let counted = 0;
  const counters = view.counters();
  view.counters = () => {
    counted++;
    return counters;
  };
  const answers = await Promise.all(Array.from({ length: 30 }, () => get('/metrics')));
  t.equal(new Set(answers.map(({ body }) => body)).size, 1);
  t.equal(counted, 1);
  t.equal(view.asked, 1);
});

t.test('while the buffer cannot be read, everything else is still told', async (t) => {
  const { get, view } = await serving(t);
  t.match(samples((await get('/metrics')).body).get('edge_gateway_buffer_readable'), 1);
  view.state = () => Promise.reject(new Fault('disk', 'the disk is gone'));
  await sleep(1100);
  const told = samples((await get('/metrics')).body);
  t.equal(told.get('edge_gateway_buffer_readable'), 0);
  t.notOk(told.has('edge_gateway_buffer_bytes'));
  t.equal(told.get('ingest_messages_total{machine="vmc-3"}'), 1000);
  t.type(told.get('edge_gateway_event_loop_delay_p99_seconds'), 'number');
});

t.test('names of machines and rules with any characters stay one label', async (t) => {
  const { get, view } = await serving(t);
  const { alerts: _, ...counters } = view.counters();
  const rule = 'a"b\\c\nd{e="f"}';
  view.counters = () => ({ ...counters, alerts: [{ rule, severity: 'x', state: 'firing', count: 3 }] });
  const { body } = await get('/metrics');
  t.match(body, /^edge_gateway_alert_steps_total\{rule="a\\"b\\\\c\\nd\{e=\\"f\\"\}",severity="x",.*\} 3$/m);
});
