import type { Vital } from '../driver.ts';
import { TOLERANCE_MS } from './clock-skew.ts';
import type { BufferForecast } from './forecast.ts';
import type { MtconnectSettings } from './settings.ts';

/** A restart of the gateway or of a switch takes this long: what rolls over sooner is lost by it. */
const SHORT_BUFFER_MS = 60_000;

/** What is known of a connection that runs. */
export interface Running {
  readonly agentVersion: string | undefined;
  readonly schemaVersion: string | undefined;
  /** Undefined until the first answer. */
  readonly state: 'streaming' | 'polling' | undefined;
  /** Why it does not stream. */
  readonly barReason: string | undefined;
  readonly mode: MtconnectSettings['mode'];
  readonly forecast: BufferForecast;
  /** Milliseconds that the last poll took. */
  readonly roundTrip: number;
  /** Milliseconds by which the agent's clock is ahead; undefined until it has told its time. */
  readonly skew: number | undefined;
}

/** How reading an agent goes: its version, the way of reading, its buffer and its clock. */
export function vitalsOf(running: Running): Vital[] {
  return [...agent(running), ...way(running), ...buffer(running), ...clock(running)];
}

function agent({ agentVersion, schemaVersion }: Running): Vital[] {
  const parts = [
    ...(agentVersion === undefined ? [] : [`version ${agentVersion}`]),
    ...(schemaVersion === undefined ? [] : [`MTConnect ${schemaVersion}`]),
  ];
  return parts.length === 0 ? [] : [{ name: 'agent', level: 'good', text: parts.join(', ') }];
}

function way({ state, barReason, mode }: Running): Vital[] {
  if (state === undefined) return [];
  const name = 'way of reading';
  if (state === 'streaming' || mode === 'poll' || barReason === undefined)
    return [{ name, level: 'good', text: state }];
  const hint = 'update the agent, or set mode: poll when it is to stay so';
  return [{ name, level: 'warn', text: `polling, since it cannot stream: ${barReason}`, hint }];
}

function buffer({ forecast, roundTrip }: Running): Vital[] {
  const { rate, bufferSize } = forecast;
  if (bufferSize === undefined) return [];
  const name = 'agent buffer';
  const hint = 'raise the agent’s BufferSize';
  if (rate === undefined || rate === 0) {
    return [{ name, level: 'good', text: `keeps ${bufferSize} observations; nothing new comes in` }];
  }
  const text = forecast.describe();
  if (forecast.isAtRisk(roundTrip)) return [{ name, level: 'bad', text: `${text}, before it can be read`, hint }];
  if (forecast.fillTime >= SHORT_BUFFER_MS) return [{ name, level: 'good', text }];
  return [{ name, level: 'warn', text: `${text}: a short break of the link loses data`, hint }];
}

function clock({ skew }: Running): Vital[] {
  if (skew === undefined) return [];
  const name = 'clock skew';
  const text = `the agent’s clock is ${(Math.abs(skew) / 1000).toFixed(1)} s ${skew > 0 ? 'ahead' : 'behind'}`;
  if (Math.abs(skew) <= TOLERANCE_MS) return [{ name, level: 'good', text }];
  return [
    { name, level: 'warn', text, hint: 'let the agent’s computer and the gateway take their time from one server' },
  ];
}
