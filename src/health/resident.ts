/** Memory of this process (RSS), bytes; null where the system does not tell: no /proc in a bare chroot. */
export function residentBytes(): number | null {
  try {
    return process.memoryUsage.rss();
  } catch {
    return null;
  }
}
