import type { CommandModule } from 'yargs';
import type { ApiState } from '../http/api.ts';
import { findBuffer, PLACE_OPTIONS, type Place } from './buffer-place.ts';
import { bytes, span, table, time } from './figures.ts';

/** `status`: asks the running gateway. */
export const statusCommand: CommandModule<object, Place & { json: boolean }> = {
  command: 'status',
  describe: 'How the running gateway is: uplink, what waits in each lane, buffer; exit code 1 when it is not connected',
  builder: {
    ...PLACE_OPTIONS,
    json: { type: 'boolean', default: false, describe: 'As JSON; times in ms' },
  },
  handler: async (args) => {
    const place = await findBuffer(args);
    if (place === undefined) return;
    const { ask } = await import('../control/client.ts');
    const status = await ask<ApiState>(place.dataDir, { command: 'status' });
    process.stdout.write(args.json ? `${JSON.stringify(status, null, 2)}\n` : statusText(status));
    if (status.uplink?.state !== 'connected') process.exitCode = 1;
  },
};

/** For people. Pure. */
export function statusText(status: ApiState): string {
  const { version, tenant, gateway, uptime, machines, clock, uplink } = status;
  const since = uplink === null ? '' : ` since ${time(uplink.since)}`;
  const why = uplink?.error === undefined ? '' : `: ${uplink.error}`;
  return [
    `${tenant}/${gateway}: edge-gateway ${version}, up ${span(uptime)}, ${machines.length} machines\n`,
    `uplink: ${uplink === null ? 'is being replaced' : uplink.state}${since}${why}\n`,
    ...(clock === 'synced' ? [] : ['clock: not synchronised; times are corrected once it is\n']),
    bufferText(status),
  ].join('');
}

/** What waits, what room there is, and what the disk has to bear. Pure. */
export function bufferText({ lanes, buffer }: ApiState): string {
  const { fullIn, written, writtenPerDay, commits, shed } = buffer;
  const full = fullIn === null ? '' : `; full in ${span(fullIn)} if nothing were delivered`;
  const perDay = writtenPerDay === null ? '' : `, ${bytes(Math.round(writtenPerDay))} a day`;
  const wear = written === null ? '' : `; ${bytes(written)} written since the start${perDay}`;
  return [
    `buffer: ${bytes(buffer.bytes)} of ${bytes(buffer.maxBytes)} in use${full}\n`,
    ...(shed.thinned + shed.dropped === 0
      ? []
      : [`given up for want of room since the start: ${shed.thinned} observations thinned, ${shed.dropped} dropped\n`]),
    `disk: ${commits} commits${wear}\n\n`,
    table(
      [
        ['lane', 'batches', 'observations', 'bytes', 'empty in'],
        ...lanes.map(({ lane, batches, observations, bytes: size, emptyIn }) => [
          lane,
          `${batches}`,
          `${observations}`,
          bytes(size),
          emptyIn === null ? '?' : emptyIn === 0 ? '-' : span(emptyIn),
        ]),
      ],
      [1, 2, 3, 4],
    ),
  ].join('');
}
