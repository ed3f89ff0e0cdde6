/** Twenty conditions of mixed kinds over the signals s0 … s19 and the state. */
export const CONDITIONS: readonly string[] = [
  ...['s0 > 5000', 's1 > 80 and s2 < 20', 's3 in [1, 2, 3]', "state == 'stopped' and duration > 600", 'age(s4) > 30s'],
  ...['avg(s5, 5m) > 95', 'stddev(s6, 1m) > 40', 'max(s7, 5m) - min(s7, 5m) > 99.9', 'count(s8, 1m) < 10'],
  ...['percentile(s9, 95, 5m) > 99', 'zscore(s10, 5m) > 4', 'ewma(s11, 5m) > 90', 'rate(s12, 1m) > 10'],
  ...['trend(s13, 5m) > 1', 'changes(state, 1h) > 100', "time_in(state, 'running', 1h) < 60"],
  ...['not s14 > 1 or s15 > 200', 's16 * 2 + s17 > 1000', 's18 == 50', "signal('s19.mean_5m') > 99"],
];
