import type { Config } from '../config/schema.ts';
import type { Budget } from '../outbox/outbox.ts';

/** The budget of the outbox, with the machines that have a policy of their own. */
export function budgetOf({ buffer, machines }: Pick<Config, 'buffer' | 'machines'>): Budget {
  const own = machines.flatMap(({ id, whenFull }) => (whenFull === undefined ? [] : [[id, whenFull] as const]));
  return { ...buffer, machines: Object.fromEntries(own) };
}
