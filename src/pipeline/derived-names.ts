const DERIVED = /^(oee|anomaly)\.|\.((mean|stddev|min|max|transitions|time_[^.]*)_\d+(ms|s|m|h|d)|ewma|rate)$/;

/** Whether a signal is one that the engines make, and not one of the machine. */
export function isDerived(signal: string): boolean {
  return DERIVED.test(signal);
}
