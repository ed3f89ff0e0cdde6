import type { HostFiles } from './host-files.ts';

/** Where there is no /proc: the same through the tools of the system. @throws whatever these do */
export async function askSystem(): Promise<HostFiles> {
  const { cpuTemperature, mem, networkInterfaces, networkStats } = await import('systeminformation');
  const [{ main }, { total, available }, interfaces, stats] = await Promise.all([
    cpuTemperature(),
    mem(),
    networkInterfaces(),
    networkStats('*'),
  ]);
  const outside = [interfaces].flat().filter(({ internal }) => !internal);
  return {
    temperature: main,
    throttled: null,
    throttledSinceBoot: null,
    underVoltage: null,
    underVoltageSinceBoot: null,
    memory: { total, available },
    network: outside.flatMap(({ iface, operstate }) => {
      const of = stats.find((one) => one.iface === iface);
      if (of === undefined) return [];
      const errors = of.rx_errors + of.rx_dropped + of.tx_errors + of.tx_dropped;
      return [{ name: iface, up: operstate === 'up', rxBytes: of.rx_bytes, txBytes: of.tx_bytes, errors }];
    }),
  };
}
