import { AuditLog } from '../../src/audit/audit-log.ts';

// A process of its own that writes lines: `append.ts FOLDER COUNT`.
const [dataDir = '', count = '0'] = process.argv.slice(2);
const audit = new AuditLog({ dataDir, log: { warn: console.error } });
for (let n = 0; n < Number(count); n++)
  await audit.add({ what: 'trust-accept', who: `pid ${process.pid}`, detail: { n } });
