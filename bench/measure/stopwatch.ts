import { performance } from 'node:perf_hooks';
import type { Scale } from './figures.ts';

/**
 * Seconds since it was made: of the clock, or of the processor where a test of ratios runs beside others (all threads of this process
 * together).
 */
export function stopwatch(scale: Scale): () => number {
  if (scale !== 'guard') {
    const from = performance.now();
    return () => (performance.now() - from) / 1000;
  }
  const from = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(from);
    return (user + system) / 1e6;
  };
}
