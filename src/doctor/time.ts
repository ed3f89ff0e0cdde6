import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../clock.ts';
import { ClockSync } from '../clock-sync.ts';
import type { Finding, Section } from './check.ts';
import { time as duration, names } from './words.ts';

/** No gateway of this program ran before. */
const FIRST_YEAR = 2025;
const LAST_YEAR = 2100;
/** A real-time clock that is further off is not set by anybody. */
const RTC_SKEW_MS = 60_000;
const MACHINE_SKEW_MS = 5000;
const LIMIT_MS = 5000;
const SUBJECT = 'clock';

/** What each daemon leaves below /run while it keeps the time. */
const DAEMONS: readonly (readonly [path: string, name: string])[] = [
  ['systemd/timesync', 'systemd-timesyncd'],
  ['chrony', 'chrony'],
  ['chrony-dhcp', 'chrony'],
  ['ntpd.pid', 'ntpd'],
  ['ntpsec', 'ntpsec'],
];

export function timeSection(): Section {
  return {
    group: 'time',
    subject: SUBJECT,
    limit: LIMIT_MS,
    async run(tell, signal) {
      const over = new AbortController();
      const sync = new ClockSync();
      await sync.start(AbortSignal.any([signal, over.signal]));
      over.abort();
      tell(synchronised(sync.quality === 'synced', keeper()));
      tell(year(systemClock.now()));
      tell(realTimeClock(systemClock.now()));
    },
  };
}

/** The clocks of the machines, once they are known: by machine, milliseconds that its time stamps are behind ours. */
export function machineClocksSection(skews: () => ReadonlyMap<string, number>): Section {
  return {
    group: 'time',
    subject: SUBJECT,
    limit: LIMIT_MS,
    async run(tell) {
      const off = [...skews()].filter(([, skew]) => Math.abs(skew) > MACHINE_SKEW_MS).map(([machine]) => machine);
      if (skews().size === 0) return;
      const name = 'machines';
      const worst = Math.max(...[...skews().values()].map(Math.abs));
      const most = `time stamps of the machines are within ${duration(worst)} of this clock`;
      if (off.length === 0) tell({ name, level: 'good', text: most });
      // Each machine's own finding says what to do: many of them together point to this clock.
      else if (off.length > 1 && off.length === skews().size) {
        const text = `no machine agrees with this clock: ${names(off)}`;
        tell({ name, level: 'warn', text, hint: 'this computer’s own clock may be wrong: timedatectl tells it' });
      }
    },
  };
}

function keeper(run = '/run'): string | undefined {
  return DAEMONS.find(([path]) => existsSync(join(run, path)))?.[1];
}

function synchronised(isSynced: boolean, daemon: string | undefined): Finding {
  const name = 'synchronised';
  const by = daemon === undefined ? '' : ` (${daemon})`;
  if (isSynced) return { name, level: 'good', text: `yes${by}` };
  const text = daemon === undefined ? 'no, and no time service runs here' : `no, though ${daemon} runs`;
  const hint =
    daemon === undefined
      ? 'run: sudo timedatectl set-ntp true; data is marked clock: unsynced until then'
      : 'let it reach a time server: one of the plant’s own where there is no internet';
  return { name, level: 'warn', text, hint };
}

/** Pure. `now` in milliseconds since the epoch. */
export function year(now: number): Finding {
  const text = new Date(now).toISOString().replace(/\.\d+/, '');
  const number = new Date(now).getUTCFullYear();
  if (number >= FIRST_YEAR && number <= LAST_YEAR) return { name: 'date', level: 'good', text };
  return {
    name: 'date',
    level: 'bad',
    text: `${text} cannot be right`,
    hint: 'set the clock: sudo timedatectl set-time',
  };
}

/** A clock that goes on without power. */
export function realTimeClock(now: number, sys = '/sys'): Finding {
  const name = 'real-time clock';
  const seconds = read(join(sys, 'class/rtc/rtc0/since_epoch'));
  if (seconds === undefined) {
    const text = 'there is none: after a power cut the clock is wrong until a time server answers';
    return { name, level: 'warn', text, hint: 'fit one where the site has no time server that always answers' };
  }
  const skew = seconds * 1000 - now;
  if (Math.abs(skew) <= RTC_SKEW_MS) return { name, level: 'good', text: 'there is one, and it is right' };
  const text = `it is ${duration(Math.abs(skew))} ${skew > 0 ? 'ahead' : 'behind'}`;
  return { name, level: 'warn', text, hint: 'check its battery, and set it: sudo hwclock --systohc' };
}

function read(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    // No such clock.
    return undefined;
  }
}
