import { h, type Node } from './render.ts';

/** Drawn with lines, on a field of 24 by 24. */
const LINES = {
  good: 'M4 12.5l5.5 5.5L20 7',
  warn: 'M12 4v10M12 18.5v.5',
  bad: 'M6 6l12 12M18 6L6 18',
  off: 'M6 12h12',
  back: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
  cloud: 'M7 18h10a4 4 0 0 0 .6-7.95A6 6 0 0 0 6.1 9.6 4.3 4.3 0 0 0 7 18z',
  queue: 'M4 6h16M4 12h16M4 18h10',
  disk: 'M4 7c0-1.7 3.6-3 8-3s8 1.3 8 3-3.6 3-8 3-8-1.3-8-3zM4 7v10c0 1.7 3.6 3 8 3s8-1.3 8-3V7M4 12c0 1.7 3.6 3 8 3s8-1.3 8-3',
  computer: 'M7 7h10v10H7zM10 3v4M14 3v4M10 17v4M14 17v4M3 10h4M3 14h4M17 10h4M17 14h4',
} as const;

export type IconName = keyof typeof LINES;

/** A picture beside words that say the same. */
export function icon(name: IconName): Node {
  return h(
    'svg',
    { class: `icon icon-${name}`, viewBox: '0 0 24 24', 'aria-hidden': 'true' },
    h('path', { d: LINES[name] }),
  );
}
