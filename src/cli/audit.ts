import type { CommandModule } from 'yargs';
import type { AuditLine } from '../audit/entry.ts';
import { printable } from '../commission/printable.ts';
import { Fault, messageOf } from '../errors.ts';
import { findBuffer, PLACE_OPTIONS, type Place } from './buffer-place.ts';

interface Arguments extends Place {
  verify: boolean;
  has: string | undefined;
  json: boolean;
}

/** `audit`: what was done to a gateway; works while it runs, and where it does not. */
export const auditCommand: CommandModule<object, Arguments> = {
  command: 'audit',
  describe:
    'What was done to this gateway, by whom and when; --verify: exit code 1 when a line was changed or is missing',
  builder: {
    ...PLACE_OPTIONS,
    verify: { type: 'boolean', default: false, describe: 'Prove that nothing was changed, and print no lines' },
    has: {
      type: 'string',
      requiresArg: true,
      implies: 'verify',
      describe: 'Also prove that the line with this hash is there: `audit` of a heartbeat that was kept elsewhere',
    },
    json: { type: 'boolean', default: false, describe: 'As JSON, one object a line' },
  },
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    const { lines, torn, problems, isCut } = await read(place.dataDir);
    const isThere = args.has === undefined || lines.some(({ hash }) => hash === args.has);
    const all = isThere ? problems : [...problems, { place: 'audit.ndjson', problem: `has no line ${args.has}` }];
    if (!args.verify) {
      for (const line of lines) process.stdout.write(args.json ? `${JSON.stringify(line)}\n` : lineText(line));
    } else if (args.json) {
      const figures = { sound: all.length === 0, lines: lines.length, isCut, torn, problems: all };
      process.stdout.write(`${JSON.stringify({ ...figures, last: lines.at(-1)?.hash ?? null })}\n`);
    } else if (all.length === 0) {
      const cut = isCut ? ', older ones are gone by rotation' : '';
      const last = lines.at(-1);
      const newest = last === undefined ? '' : `; the newest is ${last.hash}`;
      process.stdout.write(`${lines.length} lines, none changed and none missing${cut}${newest}\n`);
    }
    for (const at of torn) process.stderr.write(`${at}: a line was torn by a power cut or a full disk\n`);
    for (const { place: at, problem } of all) process.stderr.write(`${at}: ${problem}\n`);
    if (args.verify && all.length > 0) throw new Fault('us', `the audit log is not sound: ${all.length} faults`);
  },
};

async function read(dataDir: string) {
  const { verifyAudit } = await import('../audit/verify.ts');
  try {
    return await verifyAudit(dataDir);
  } catch (cause) {
    throw new Fault('config', `the audit log cannot be read: ${messageOf(cause)}`, {
      cause,
      hint: 'check the data folder, and run as its owner or root',
    });
  }
}

/** `2025-11-20T12:00:00.000Z  trust-accept  uid 0 (sudo: pi)  {"thumbprint":"…"}` Pure. */
export function lineText({ t, what, who, detail, missed }: AuditLine): string {
  const lost = missed === undefined ? '' : `  (${missed} lines before it could not be written)`;
  return `${new Date(t).toISOString()}  ${what.padEnd(16)}  ${printable(who)}  ${JSON.stringify(detail)}${lost}\n`;
}
