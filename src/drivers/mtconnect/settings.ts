import { z } from 'zod';
import { filePath } from '../../config/secrets.ts';
import { duration, size } from '../../config/units.ts';

/** The driver's keys of a machine entry; the reference in docs/config.md is generated from here. */
export const settings = z.object({
  url: z
    .url({ protocol: /^https?$/, error: 'expected the agent’s address, e.g. http://192.168.0.21:5000' })
    .refine((text) => !/\/\/[^/]*@/.test(text), 'an agent takes no user and password: leave them out of the URL')
    .describe('Address of the agent'),
  ca: filePath().optional().describe('PEM file of the CA, for an https agent whose CA the system does not know'),
  device: z.string().min(1).optional().describe('Name or uuid of the device, where the agent serves several'),
  signals: z
    .record(z.string().min(1), z.string().min(1))
    .default({})
    .describe('Our name → the agent’s data item (id or name), e.g. rpm: S2rpm; overrides the automatic choice'),
  mode: z
    .enum(['auto', 'stream', 'poll'])
    .default('auto')
    .describe('auto streams, falls back to polling where the agent cannot, and tries streaming again later'),
  interval: duration().prefault('250ms').describe('Pause between two documents of a stream'),
  heartbeat: duration().prefault('10s').describe('The agent sends an empty document after this much silence'),
  pollInterval: duration().prefault('1s').describe('When polling; shortened where the agent’s buffer would overflow'),
  streamRetry: duration().prefault('10m').describe('After a fallback to polling, streaming is tried again this often'),
  count: z.int().min(1).max(100_000).default(2000).describe('Observations asked for in one document'),
  requestTimeout: duration().prefault('10s').describe('No answer for this long: the agent counts as down'),
  maxDocument: size().prefault('16MiB').describe('Largest document that is accepted'),
});

export type MtconnectSettings = z.output<typeof settings>;
