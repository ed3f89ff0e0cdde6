/**
 * Wilson and Hilferty, 1931: the cube root of a chi-square value by its degrees of freedom is nearly normal.
 * @returns standard deviations above what is usual, negative below
 */
export function normalOf(chiSquare: number, degrees: number): number {
  const variance = 2 / (9 * degrees);
  return (Math.cbrt(chiSquare / degrees) - (1 - variance)) / Math.sqrt(variance);
}
