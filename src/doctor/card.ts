import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './check.ts';

/** Cards and eMMC; not their boot and RPMB partitions. */
const CARD = /^mmcblk\d+$/;
/** JEDEC 84-B51, EXT_CSD [268] and [269]: 0x01 is 0–10 % of the life used … 0x0a 90–100 %, 0x0b is beyond it. */
const WORN_STEP = 8;
const DEAD_STEP = 11;
/** EXT_CSD [267] PRE_EOL_INFO: 0x02 when 80 % of the reserved blocks are used, 0x03 when 90 % are. */
const PRE_EOL = { warning: 2, urgent: 3 } as const;

/** What the kernel tells of the wear of SD cards and eMMC (Linux: Documentation/driver-api/mmc/mmc-dev-attrs.rst). */
export function cards(sys = '/sys'): Finding[] {
  const folder = join(sys, 'block');
  const found = list(folder).filter((name) => CARD.test(name));
  if (found.length === 0)
    return [{ name: 'card wear', level: 'good', text: 'this computer has no SD card and no eMMC' }];
  return found.map((device) => wear(device, join(folder, device, 'device')));
}

function wear(device: string, folder: string): Finding {
  const name = 'card wear';
  const about = ['type', 'name', 'date'].flatMap((file) => read(join(folder, file)) ?? []).join(' ');
  const who = about === '' ? device : `${device} (${about})`;
  const steps = (read(join(folder, 'life_time')) ?? '')
    .split(' ')
    .map(Number)
    .filter((step) => step > 0);
  const reserve = Number(read(join(folder, 'pre_eol_info')) ?? 0);
  if (steps.length === 0 && reserve === 0) {
    return { name, level: 'good', text: `${who} tells nothing of its wear, as SD cards do` };
  }
  const step = Math.max(0, ...steps);
  const used = step >= DEAD_STEP ? 'more than its whole life' : `up to ${step * 10} % of its life`;
  const text = `${who} has used ${used}`;
  const hint = 'put in a new card or module, and keep the data folder';
  if (step >= DEAD_STEP || reserve >= PRE_EOL.urgent) return { name, level: 'bad', text, hint };
  if (step >= WORN_STEP || reserve >= PRE_EOL.warning) return { name, level: 'warn', text, hint };
  return { name, level: 'good', text };
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // Without sysfs nothing is known of cards.
    return [];
  }
}

/** Undefined where the kernel does not tell it. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return undefined;
  }
}
