import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { serialPorts } from '../../src/commission/serial-ports.ts';

t.test('ports are told by their lasting names; links that lead nowhere are left out', async (t) => {
  const dev = t.testdir();
  const byId = join(dev, 'serial/by-id');
  mkdirSync(byId, { recursive: true });
  for (const name of ['ttyUSB0', 'ttyUSB1', 'tty1', 'ttyACM0']) writeFileSync(join(dev, name), '');
  symlinkSync('../../ttyUSB0', join(byId, 'usb-adapter'));
  symlinkSync('../../ttyUSB7', join(byId, 'usb-pulled-out'));
  symlinkSync('/nowhere', join(dev, 'ttyUSB2'));
  t.same(serialPorts(dev, join(dev, 'sys')), [join(byId, 'usb-adapter'), join(dev, 'ttyACM0'), join(dev, 'ttyUSB1')]);
});
