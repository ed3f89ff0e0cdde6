import type { ApiState } from '../api.ts';
import { isPressing, isSilent } from './judge-machine.ts';
import type { Language } from './language.ts';

/** Machines that are named in one sentence. */
const MAX_NAMES = 3;
/** Shares of 1 of the buffer, the memory and a quota from which on somebody should know. */
const BUFFER_FULL = 0.8;
const MEMORY_FULL = 0.92;
const QUOTA_FULL = 0.8;
const MIN_DISK_FREE = 500 * 1024 ** 2;
/** What waits for so short a time, or is so little, is no backlog. */
const MIN_BACKLOG = 1000;

/** One thing that is not as it should be. */
export interface Finding {
  readonly level: 'bad' | 'warn';
  readonly what: string;
  readonly todo: string;
}

/** Everything that is not as it should be, the most urgent first; none: everything flows. Pure. */
export function findings(state: ApiState, language: Language): Finding[] {
  const ours = [
    ...stageFindings(state, language),
    ...uplinkFindings(state, language),
    ...machineFindings(state, language),
    ...bufferFindings(state, language),
    ...computerFindings(state, language),
    ...quotaFindings(state, language),
  ];
  const flows = ours.every(({ level }) => level !== 'bad');
  const all = [...ours, ...alertFindings(state, language, flows)];
  return [...all.filter(({ level }) => level === 'bad'), ...all.filter(({ level }) => level === 'warn')];
}

function stageFindings({ health }: ApiState, { texts, formats }: Language): Finding[] {
  const { verdict } = texts;
  return health.stages.flatMap(({ stage, machine, state, stalledFor, message }): Finding[] => {
    // Drivers are told as machines, in the words of their links.
    if (machine !== undefined) return [];
    const name = texts.stageNames[stage] ?? stage;
    if (state === 'recovering') {
      return [{ level: 'warn', what: verdict.recovering(name), todo: message ?? verdict.stalledTodo }];
    }
    if (state !== 'stalled') return [];
    const what = verdict.stalled(name, formats.span(stalledFor));
    return [{ level: 'bad', what, todo: message ?? verdict.stalledTodo }];
  });
}

function uplinkFindings({ t, uplink, buffer }: ApiState, { texts, formats }: Language): Finding[] {
  const { verdict } = texts;
  if (uplink === null) return [{ level: 'warn', what: verdict.uplinkReplaced, todo: verdict.uplinkKeeps }];
  if (uplink.state === 'connected') return [];
  const room = buffer.fullIn === null ? [] : [verdict.uplinkRoom(formats.span(buffer.fullIn))];
  const why = uplink.error === undefined ? [] : [sentence(uplink.error)];
  const what = verdict.uplink(formats.moment(uplink.since, t));
  return [{ level: 'bad', what, todo: [...why, verdict.uplinkKeeps, ...room].join(' ') }];
}

function machineFindings(state: ApiState, { texts, formats }: Language): Finding[] {
  const { machines, health } = state;
  const { verdict } = texts;
  if (machines.length === 0) return [{ level: 'warn', what: texts.noMachines, todo: texts.noMachinesTodo }];
  const failed = machines.filter(({ link }) => link === 'failed');
  const silent = machines.filter((machine) => isSilent(machine, state));
  const stalled = health.stages.find(({ machine }) => machine === silent[0]?.id)?.message;
  const starting = machines.filter(({ link }) => link === 'starting');
  const [first] = failed;
  return [
    ...(first === undefined
      ? []
      : [
          {
            level: 'bad' as const,
            what: verdict.unread(
              failed.length,
              formats.count(failed.length),
              formats.count(machines.length),
              namesOf(failed),
            ),
            todo: first.message === undefined ? verdict.silentTodo : sentence(first.message),
          },
        ]),
    ...(silent.length === 0
      ? []
      : [
          {
            level: 'warn' as const,
            what: verdict.silent(namesOf(silent)),
            todo: [...(stalled === undefined ? [] : [sentence(stalled)]), verdict.silentTodo].join(' '),
          },
        ]),
    ...(starting.length === 0
      ? []
      : [{ level: 'warn' as const, what: `${texts.starting}: ${namesOf(starting)}`, todo: texts.startingTodo }]),
  ];
}

function bufferFindings({ buffer, uplink, lanes, host }: ApiState, { texts, formats }: Language): Finding[] {
  const { verdict } = texts;
  const share = buffer.maxBytes === 0 ? 0 : (buffer.bytes - buffer.delivered.bytes) / buffer.maxBytes;
  const shed = buffer.shed.thinned + buffer.shed.dropped;
  const backfill = lanes.find(({ lane }) => lane === 'backfill');
  const all: (Finding | false)[] = [
    share >= BUFFER_FULL && { level: 'bad', what: verdict.full(formats.percent(share)), todo: verdict.fullTodo },
    shed > 0 && { level: 'warn', what: verdict.shed(formats.count(shed)), todo: verdict.shedTodo },
    buffer.held > 0 && {
      level: 'warn',
      what: verdict.held(buffer.held, formats.count(buffer.held)),
      todo: verdict.heldTodo,
    },
    uplink?.state === 'connected' &&
      backfill !== undefined &&
      backfill.observations >= MIN_BACKLOG && {
        level: 'warn',
        what: verdict.behind(
          formats.count(backfill.observations),
          backfill.emptyIn === null ? undefined : formats.span(backfill.emptyIn),
        ),
        todo: verdict.behindTodo,
      },
    typeof host?.disk?.free === 'number' &&
      host.disk.free < MIN_DISK_FREE && {
        level: 'bad',
        what: verdict.disk(formats.bytes(host.disk.free)),
        todo: verdict.diskTodo,
      },
  ];
  return all.filter((finding) => finding !== false);
}

function computerFindings({ clock, host }: ApiState, { texts, formats }: Language): Finding[] {
  const { verdict } = texts;
  const memory = host?.memory ?? undefined;
  const used = memory === undefined || memory.total === 0 ? 0 : 1 - memory.available / memory.total;
  const all: (Finding | false)[] = [
    clock === 'unsynced' && { level: 'warn', what: verdict.clock, todo: verdict.clockTodo },
    host?.underVoltage === true && { level: 'warn', what: verdict.voltage, todo: verdict.voltageTodo },
    host?.throttled === true && { level: 'warn', what: verdict.throttled, todo: verdict.throttledTodo },
    used >= MEMORY_FULL && { level: 'warn', what: verdict.memory(formats.percent(used)), todo: verdict.memoryTodo },
  ];
  return all.filter((finding) => finding !== false);
}

function quotaFindings({ quota }: ApiState, { texts, formats }: Language): Finding[] {
  return quota
    .filter(({ quota: name, used, limit }) => (name === 'machines' ? used > limit : used >= limit * QUOTA_FULL))
    .map(({ quota: name, used, limit }) => ({
      level: 'warn',
      what: texts.verdict.quota(texts.quotaNames[name] ?? name, formats.percent(used / limit)),
      todo: texts.verdict.quotaTodo,
    }));
}

/** A machine's troubles are not the gateway's: where data flows, that is said. */
function alertFindings({ alerts }: ApiState, { texts, formats }: Language, flows: boolean): Finding[] {
  const open = alerts.filter(isPressing);
  if (open.length === 0) return [];
  const machines = [...new Set(open.map(({ machine }) => machine))].map((id) => ({ id }));
  const what = texts.verdict.alerts(open.length, formats.count(open.length), namesOf(machines));
  const level = open.some(({ severity }) => severity === 'critical') ? 'bad' : 'warn';
  return [{ level, what: flows ? texts.verdict.flowsBut(what) : what, todo: texts.verdict.alertsTodo }];
}

function namesOf(machines: readonly { readonly id: string }[]): string {
  const names = machines.slice(0, MAX_NAMES).map(({ id }) => id);
  const more = machines.length - names.length;
  return `${names.join(', ')}${more === 0 ? '' : ` +${more}`}`;
}

/** What the gateway says, as a sentence. What begins with an address is left as it is. */
function sentence(text: string): string {
  const capital = /^[a-z]+\s/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
