import type { z } from 'zod';
import type { Cursor, Reading } from '../../observation.ts';
import type { Driver, DriverContext } from '../driver.ts';
import type { settings } from './settings.ts';

export class MtconnectDriver implements Driver {
  constructor(_own: z.output<typeof settings>, _context: DriverContext) {}
  async *observe(_from: Cursor | undefined, _signal: AbortSignal): AsyncIterable<Reading> {}
}
