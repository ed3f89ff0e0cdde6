import type { Run, Section } from './measure/figures.ts';

/** The parts in the order of the page. Each is loaded when it runs: what one loads must not weigh on another. */
export const PARTS: Readonly<Record<string, () => Promise<(run: Run) => Promise<Section>>>> = {
  ingest: async () => (await import('./ingest.ts')).ingest,
  drain: async () => (await import('./drain.ts')).drain,
  mtconnect: async () => (await import('./mtconnect.ts')).mtconnect,
  latency: async () => (await import('./latency.ts')).latency,
  alert: async () => (await import('./alert.ts')).alert,
  machines: async () => (await import('./machines.ts')).machines,
  bytes: async () => (await import('./bytes.ts')).bytes,
  start: async () => (await import('./start.ts')).start,
  stall: async () => (await import('./stall.ts')).stall,
  registers: async () => (await import('./registers.ts')).registers,
};
