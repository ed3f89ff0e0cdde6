/**
 * Units of the standard (MTConnect Part 2, `units`) in the words of the wire contract. What is not listed passes as it
 * is: a vendor's own unit is better than none.
 */
const WORDS: Readonly<Record<string, string>> = {
  AMPERE: 'A',
  CELSIUS: '°C',
  COUNT: 'count',
  'COUNT/SECOND': 'count/s',
  CUBIC_MILLIMETER: 'mm³',
  'CUBIC_MILLIMETER/SECOND': 'mm³/s',
  CUBIC_METER: 'm³',
  DECIBEL: 'dB',
  DEGREE: '°',
  'DEGREE/SECOND': '°/s',
  'DEGREE/SECOND^2': '°/s²',
  DEGREE_3D: '°',
  HERTZ: 'Hz',
  JOULE: 'J',
  KILOGRAM: 'kg',
  LITER: 'l',
  'LITER/SECOND': 'l/s',
  METER: 'm',
  'METER/SECOND': 'm/s',
  'METER/SECOND^2': 'm/s²',
  MICRO_RADIAN: 'µrad',
  MICROMETER: 'µm',
  MILLIGRAM: 'mg',
  'MILLIGRAM/CUBIC_MILLIMETER': 'mg/mm³',
  MILLILITER: 'ml',
  MILLIMETER: 'mm',
  'MILLIMETER/MINUTE': 'mm/min',
  'MILLIMETER/REVOLUTION': 'mm/rev',
  'MILLIMETER/SECOND': 'mm/s',
  'MILLIMETER/SECOND^2': 'mm/s²',
  'MILLIMETER/SECOND^3': 'mm/s³',
  MILLIMETER_3D: 'mm',
  NEWTON: 'N',
  NEWTON_METER: 'N·m',
  OHM: 'Ω',
  PASCAL: 'Pa',
  'PASCAL/SECOND': 'Pa/s',
  PASCAL_SECOND: 'Pa·s',
  PERCENT: '%',
  PH: 'pH',
  REVOLUTION: 'rev',
  'REVOLUTION/MINUTE': 'rev/min',
  'REVOLUTION/SECOND': 'rev/s',
  'REVOLUTION/SECOND^2': 'rev/s²',
  SECOND: 's',
  'SIEMENS/METER': 'S/m',
  VOLT: 'V',
  VOLT_AMPERE: 'VA',
  VOLT_AMPERE_REACTIVE: 'var',
  WATT: 'W',
  WATT_SECOND: 'W·s',
  UNIT_VECTOR_3D: '',
};

/** `REVOLUTION/MINUTE` → `rev/min`; undefined for an item without a unit. */
export function unitWord(units: string | undefined): string | undefined {
  if (units === undefined) return undefined;
  return (Object.hasOwn(WORDS, units) ? WORDS[units] : units) || undefined;
}

/** What a rotary speed is multiplied with to be in rev/min. Without a unit it is taken as rev/min, as the standard says. */
const TO_REV_MIN: Readonly<Record<string, number>> = {
  '': 1,
  'REVOLUTION/MINUTE': 1,
  'REVOLUTION/SECOND': 60,
  'DEGREE/SECOND': 1 / 6,
  'DEGREE/MINUTE': 1 / 360,
  'RADIAN/SECOND': 30 / Math.PI,
};

/** What a feedrate is multiplied with to be in mm/min. Without a unit it is taken as mm/s, as the standard says. */
const TO_MM_MIN: Readonly<Record<string, number>> = {
  '': 60,
  'MILLIMETER/SECOND': 60,
  'MILLIMETER/MINUTE': 1,
  'METER/SECOND': 60_000,
  'METER/MINUTE': 1000,
  'INCH/SECOND': 25.4 * 60,
  'INCH/MINUTE': 25.4,
  'FOOT/SECOND': 304.8 * 60,
  'FOOT/MINUTE': 304.8,
};

/** Factor to rev/min, or undefined where the unit is of another kind (a percentage is an override). */
export function toRevMin(units: string | undefined): number | undefined {
  return Object.hasOwn(TO_REV_MIN, units ?? '') ? TO_REV_MIN[units ?? ''] : undefined;
}

/** Factor to mm/min, or undefined where the unit is of another kind (a percentage is an override). */
export function toMmMin(units: string | undefined): number | undefined {
  return Object.hasOwn(TO_MM_MIN, units ?? '') ? TO_MM_MIN[units ?? ''] : undefined;
}
