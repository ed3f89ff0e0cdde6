import { z } from 'zod';
import { duration } from '../../config/units.ts';
import { explain } from '../../errors.ts';
import { stateRule } from '../state-rule.ts';
import { parseModbusUrl } from './url.ts';

export const TABLES = ['holding', 'input', 'coil', 'discrete'] as const;
export type Table = (typeof TABLES)[number];

export const TYPES = [
  'bool',
  'int16',
  'uint16',
  'int32',
  'uint32',
  'int64',
  'uint64',
  'float32',
  'float64',
  'bcd16',
  'bcd32',
  'string',
] as const;
export type ValueType = (typeof TYPES)[number];

/** ABCD: as the standard has it, high word and high byte first. CDAB: words turned. BADC: bytes turned. DCBA: both. */
export const ORDERS = ['ABCD', 'CDAB', 'BADC', 'DCBA'] as const;
export type Order = (typeof ORDERS)[number];

const raw = z.union([
  z.int(),
  z
    .string()
    .regex(/^-?(0x[0-9a-fA-F]{1,16}|\d{1,20})$/, 'expected a whole number, e.g. 0x8000')
    .transform((text) => (text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text))),
]);

const signal = z.strictObject({
  address: z.int().min(0).max(465_536).describe('Of the first register or bit, counted as `addressing` says'),
  table: z.enum(TABLES).optional().describe('Default holding; the modicon notation implies it'),
  type: z.enum(TYPES).optional().describe('Default uint16; bool for coils, discrete inputs and with `bit`'),
  bit: z.int().min(0).max(31).optional().describe('A bit of the number, 0 is the lowest'),
  bits: z.int().min(1).max(32).optional().describe('So many bits from `bit` on, as a number'),
  length: z.int().min(1).max(250).optional().describe('Characters of a string'),
  order: z.enum(ORDERS).optional().describe('Of words and bytes; default is the machine’s'),
  scale: z.number().optional().describe('The value is raw × scale + offset'),
  offset: z.number().optional().describe('Added after the scale'),
  unit: z.string().min(1).optional().describe('Of the scaled value, e.g. rev/min'),
  sentinels: z.array(raw).min(1).optional().describe('Raw numbers that mean “no value”, e.g. [0x8000]'),
  every: duration({ min: '10ms' }).optional().describe('Its own poll interval'),
});

export type SignalSettings = z.output<typeof signal>;

/** The driver's keys of a machine entry; the reference in docs/config.md is generated from here. */
export const settings = z.object({
  url: z
    .string()
    .superRefine((text, context) => {
      try {
        parseModbusUrl(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: explain(error) });
      }
    })
    .describe(
      'modbus://host:port/unit, modbus+rtutcp://host:port/unit (RTU frames over TCP) or ' +
        'modbus+rtu:///dev/ttyUSB0?baud=19200&parity=even&stop=1&data=8&unit=1',
    ),
  addressing: z
    .enum(['zero', 'one', 'modicon'])
    .default('zero')
    .describe('zero: as sent, from 0; one: from 1; modicon: 40001 or 400001 is the first holding register'),
  order: z.enum(ORDERS).default('ABCD').describe('Of words and bytes, for signals without their own'),
  signals: z
    .record(z.string().min(1), signal)
    .refine((signals) => Object.keys(signals).length > 0, 'expected at least one signal')
    .describe('Our name → where and how it is read'),
  state: stateRule().optional().describe('How `state` follows from the signals'),
  poll: duration({ min: '10ms' }).prefault('1s').describe('Interval from one poll to the next'),
  timeout: duration({ min: '10ms', max: '60s' })
    .prefault('1s')
    .describe('No answer for this long is none; the time on a serial wire comes on top'),
  retries: z.int().min(0).max(5).default(1).describe('Further attempts of a poll after a timeout or a damaged answer'),
  maxRegisters: z.int().min(1).max(125).default(125).describe('Registers that the device gives at once'),
  maxBits: z.int().min(1).max(2000).default(2000).describe('Coils or discrete inputs that it gives at once'),
  bridge: z.int().min(0).max(124).default(8).describe('Unused registers that are read along to save a request'),
  pause: duration({ min: '0ms', max: '10s' }).prefault('0ms').describe('Between two requests on the link'),
  closeAfterRead: z
    .boolean()
    .default(false)
    .describe('Closes the TCP connection after each poll, for a device that allows only one client'),
  requestsInFlight: z.int().min(1).max(16).default(1).describe('TCP: requests under way at once'),
  breaker: z
    .strictObject({
      failures: z.int().min(1).max(100).default(3).describe('Timeouts in a row after which the unit is left alone'),
      min: duration({ min: '100ms' }).prefault('2s').describe('Then it is asked again after this long'),
      max: duration({ min: '100ms' }).prefault('1m').describe('…doubling up to this'),
    })
    .prefault({})
    .describe('How a unit that does not answer is kept from slowing the others on its link'),
});

export type ModbusSettings = z.output<typeof settings>;
