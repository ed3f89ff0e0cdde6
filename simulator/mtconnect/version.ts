/** A version of the standard, e.g. `1.3` or `2.7`. */
export type Version = `${number}.${number}`;

/** Whether `version` is `other` or newer; 1.10 is newer than 1.9. */
export function atLeast(version: Version, other: Version): boolean {
  const [major, minor] = parts(version);
  const [otherMajor, otherMinor] = parts(other);
  return major === otherMajor ? minor >= otherMinor : major > otherMajor;
}

function parts(version: Version): [number, number] {
  return version.split('.').map(Number) as [number, number];
}
