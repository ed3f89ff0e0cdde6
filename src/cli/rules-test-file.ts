import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { checkAlerts } from '../config/alert-checks.ts';
import { alertsSchema } from '../config/alerts.ts';
import type { Finding } from '../config/finding.ts';
import { type ConfigError, configErrorText } from '../config/load.ts';
import { machineSignals } from '../config/machine-signals.ts';
import { nearest } from '../config/nearest.ts';
import { readBounded } from '../config/read-file.ts';
import { duration } from '../config/units.ts';
import { pathText } from '../config/visit.ts';
import { parseWith } from '../config/words.ts';
import { type ParsedYaml, parseYaml } from '../config/yaml.ts';
import { Fault, messageOf } from '../errors.ts';
import type { Rule } from '../pipeline/rules/rule.ts';
import type { Scenario, SimulatedMachine } from '../pipeline/rules/testing/scenario.ts';
import { type Input, parseSeries } from '../pipeline/rules/testing/series.ts';

/** A file of tests for rules: docs/rules.md shows one. What is larger than this is none. */
const MAX_BYTES = 4 * 1024 * 1024;

/** 0 is written without a unit. */
const offset = () => z.union([z.literal(0), duration({ min: '0ms' })]);
const value = z.union([z.number(), z.string(), z.boolean(), z.null()]);
const state = z.enum(['pending', 'cancelled', 'firing', 'latched', 'acknowledged', 'resolved', 'disabled']);

const series = z.union([z.number().transform(String), z.string(), z.array(z.tuple([offset(), value]))]);

const test = z
  .strictObject({
    name: z.string().min(1),
    start: z.iso.datetime({ offset: true }).default('2026-01-05T00:00:00Z'),
    interval: duration().prefault('1s'),
    until: duration().optional(),
    tolerance: duration({ min: '0ms' }).prefault('1s'),
    machines: z.record(
      z.string(),
      z.strictObject({
        labels: z.record(z.string(), z.string()).optional(),
        series: z.record(z.string(), series),
      }),
    ),
    acknowledge: z
      .array(z.strictObject({ at: offset(), rule: z.string(), machine: z.string().optional() }))
      .default([]),
    expect: z.array(
      z.strictObject({
        at: offset(),
        rule: z.string(),
        state: state.default('firing'),
        machine: z.string().optional(),
      }),
    ),
  })
  .superRefine((one, context) => {
    for (const [id, { series: all }] of Object.entries(one.machines)) {
      for (const [signal, written] of Object.entries(all)) {
        try {
          inputsOf(written, one.interval);
        } catch (error) {
          context.addIssue({ code: 'custom', path: ['machines', id, 'series', signal], message: messageOf(error) });
        }
      }
    }
    for (const key of ['expect', 'acknowledge'] as const) {
      for (const [i, { machine }] of one[key].entries()) {
        const message = machineProblem(machine, Object.keys(one.machines));
        if (message !== undefined) context.addIssue({ code: 'custom', path: [key, i], message });
      }
    }
  });

const file = z
  .strictObject({
    config: z.string().min(1).optional(),
    alerts: alertsSchema.optional(),
    tests: z.array(test).min(1),
  })
  .refine(({ config, alerts }) => (config === undefined) !== (alerts === undefined), {
    path: ['alerts'],
    error: 'expected either config: FILE or alerts, the rules themselves',
  });

/** What of a config is needed here; the rest is the business of `check`. */
const ofConfig = z.looseObject({ alerts: alertsSchema });

export interface RulesTest {
  readonly name: string;
  readonly scenario: Scenario;
}

/**
 * Reads a file of tests and the rules that it names.
 * @returns the tests, or all that is wrong, as `check` tells it
 * @throws Fault for a file that cannot be read
 */
export function loadRulesTests(path: string): { readonly tests: RulesTest[] } | { readonly errors: string[] } {
  const own = readYaml(path, file, () => []);
  if ('errors' in own) return own;
  const { config, alerts, tests } = own.output;
  if (config === undefined) return toTests(path, tests, alerts ?? [], new Map());
  const other = readYaml(resolve(dirname(path), config), ofConfig, checkAlerts);
  if ('errors' in other) return other;
  const machines = machineSignals(other.data['machines']);
  return toTests(path, tests, other.output.alerts, new Map(machines.map(({ id, labels }) => [id, labels])));
}

function toTests(
  path: string,
  tests: readonly z.output<typeof test>[],
  rules: readonly Rule[],
  labels: ReadonlyMap<string, Readonly<Record<string, string>>>,
): { readonly tests: RulesTest[] } | { readonly errors: string[] } {
  const names = rules.map(({ name }) => name);
  const errors = tests.flatMap(({ name, expect, acknowledge }) =>
    [...expect, ...acknowledge].flatMap(({ rule }) => {
      if (names.includes(rule)) return [];
      const meant = nearest(rule, names);
      const hint = meant === undefined ? `expected one of ${names.join(', ')}` : `did you mean ${meant}?`;
      return [`${path}: test “${name}”: there is no rule ${rule}: ${hint}`];
    }),
  );
  return errors.length > 0
    ? { errors: [...new Set(errors)] }
    : { tests: tests.map((one) => toTest(one, rules, labels)) };
}

function readYaml<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
  check: (data: unknown) => Finding[],
): { readonly output: z.output<Schema>; readonly data: Record<string, unknown> } | { readonly errors: string[] } {
  let text: string;
  try {
    text = readBounded(path, MAX_BYTES).toString('utf8');
  } catch (error) {
    throw new Fault('config', `cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
  const yaml = parseYaml(text);
  if (!yaml.usable) return { errors: yaml.errors.map((error) => configErrorText({ file: path, path: '', ...error })) };
  const { output, findings } = parseWith(schema, yaml.data);
  const wrong = [...findings, ...check(yaml.data).filter(({ level }) => level !== 'warning')];
  const errors = [
    ...yaml.errors.map((error) => ({ file: path, path: '', ...error })),
    ...wrong.map((finding) => placed(finding, path, yaml)),
  ];
  if (output === undefined || errors.length > 0)
    return { errors: [...new Set(errors.map((one) => configErrorText(one)))] };
  return { output, data: yaml.data as Record<string, unknown> };
}

function placed({ path, at = 'value', character, message }: Finding, file: string, yaml: ParsedYaml): ConfigError {
  return { file, ...yaml.locate(path, at, character), path: pathText(path), message };
}

function machineProblem(machine: string | undefined, machines: readonly string[]): string | undefined {
  if (machine === undefined)
    return machines.length === 1 ? undefined : 'expected machine: there are several in this test';
  return machines.includes(machine) ? undefined : `expected one of the machines of this test: ${machines.join(', ')}`;
}

function inputsOf(written: z.output<typeof series>, interval: number): Input[] {
  return typeof written === 'string' ? parseSeries(written, interval) : written.map(([t, v]) => ({ t, v }));
}

function toTest(
  one: z.output<typeof test>,
  rules: readonly Rule[],
  labels: ReadonlyMap<string, Readonly<Record<string, string>>>,
): RulesTest {
  const machines = Object.entries(one.machines).map(
    ([id, machine]): SimulatedMachine => ({
      id,
      labels: machine.labels ?? labels.get(id) ?? {},
      series: new Map(Object.entries(machine.series).map(([name, written]) => [name, inputsOf(written, one.interval)])),
    }),
  );
  const only = machines[0]?.id ?? '';
  const acknowledge = one.acknowledge.map(({ at, rule, machine = only }) => ({ at, rule, machine }));
  const expected = one.expect.map(({ at, rule, machine = only, state }) => ({ at, rule, machine, state }));
  const times = [...machines.flatMap(({ series: all }) => [...all.values()].flat().map(({ t }) => t))];
  const last = Math.max(0, ...times, ...[...acknowledge, ...expected].map(({ at }) => at + one.tolerance));
  const scenario = {
    ...{ rules, start: Date.parse(one.start), until: one.until ?? last, machines },
    ...{ acknowledge, expected, tolerance: one.tolerance },
  };
  return { name: one.name, scenario };
}
