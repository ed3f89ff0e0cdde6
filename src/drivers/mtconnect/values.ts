import type { Instant } from '../../instant.ts';
import type { Quality, Value } from '../../observation.ts';
import type { RawObservation } from './document.ts';
import type { MappedItem } from './mapping.ts';
import { positive } from './model.ts';
import { parseNumber, parseNumbers } from './numbers.ts';
import { before } from './timestamp.ts';

/** What the standard writes where there is no value. */
export const UNAVAILABLE = 'UNAVAILABLE';

/** A value with its quality. */
export interface Reported {
  readonly v: Value;
  readonly q: Quality;
}

export const NOTHING: Reported = { v: null, q: 'bad' };

/** Something to tell of an item. */
export interface Report extends Reported {
  readonly instant: Instant;
  /** Behind the name of its signal. */
  readonly suffix?: string;
}

/** The values of a sample or event that is no data set; several only for a time series, the oldest first. */
export function readValues(raw: RawObservation, item: MappedItem, text: string, instant: Instant): Report[] {
  if (text === UNAVAILABLE) return [{ instant, ...NOTHING }];
  if (raw.type.endsWith('TimeSeries')) return timeSeries(raw, item, text, instant);
  const v = raw.category === 'SAMPLE' ? sampleValue(text) : eventValue(raw, item, text);
  return [{ instant, v, q: v === null ? 'bad' : 'good' }];
}

/** A number, or several for a position in space; `null` where something else stands. */
function sampleValue(text: string): Value {
  return parseNumber(text) ?? several(text);
}

function several(text: string): Value {
  const numbers = parseNumbers(text);
  return numbers === undefined ? null : numbers.length === 1 ? (numbers[0] as number) : numbers;
}

function eventValue({ type, element }: RawObservation, item: MappedItem, text: string): Value {
  switch (type) {
    case 'Message': {
      const code = element.attribute('nativeCode');
      return code ? { code, text } : text;
    }
    case 'AssetAdded':
    case 'AssetChanged':
    case 'AssetRemoved':
      return { assetId: text, assetType: element.attribute('assetType') ?? null };
    // Conditions replaced it in 1.1; some machines still send it.
    case 'Alarm':
      return {
        code: element.attribute('nativeCode') ?? element.attribute('code') ?? null,
        state: element.attribute('state') ?? null,
        severity: element.attribute('severity') ?? null,
        text,
      };
    default:
      return (item.numeric ? parseNumber(text) : undefined) ?? text;
  }
}

/**
 * "timestamp MUST be set to the time the last value was observed"; the rate of the observation goes before that of the
 * data item (https://model.mtconnect.org/Version2.3/ObservationInformationModel/Representations/TimeSeries). Where
 * neither tells a rate, the values stay together as an array.
 */
function timeSeries(raw: RawObservation, item: MappedItem, text: string, instant: Instant): Report[] {
  const values = parseNumbers(text);
  if (values === undefined) return [{ instant, ...NOTHING }];
  const rate = positive(raw.element.attribute('sampleRate')) ?? item.sampleRate;
  if (rate === undefined) return [{ instant, v: values, q: 'good' }];
  const last = values.length - 1;
  return values.map((v, i) => ({ instant: before(instant, Math.round(((last - i) * 1e9) / rate)), v, q: 'good' }));
}
