import { readFileSync } from 'node:fs';

/** What Linux counts in (`getconf CLK_TCK`). */
export const TICKS_PER_SECOND = 100;

/** Share of all cores that others used between two moments. */
export class OthersLoad {
  readonly #before = moment();

  /** Since it was made; this process and its children that have ended do not count. */
  get share(): number {
    const now = moment();
    const total = now.total - this.#before.total;
    const others = now.busy - this.#before.busy - (now.own - this.#before.own);
    return total === 0 ? 0 : Math.max(0, others / total);
  }
}

/** Ticks since the boot, of all cores together; `own` of this process and its ended children. */
function moment(): { total: number; busy: number; own: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  // user nice system idle iowait irq softirq steal (proc_stat(5)); guests are counted in user already.
  const ticks = line.split(/\s+/).slice(1, 9).map(Number);
  const total = ticks.reduce((sum, one) => sum + one, 0);
  const [, , , idle = 0, iowait = 0] = ticks;
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? [];
  // utime stime cutime cstime
  const own = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { total, busy: total - idle - iowait, own };
}
