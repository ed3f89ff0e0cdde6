import { assetItems, type Component, type DataItem, type SimulatedDevice } from './device.ts';
import { atLeast, type Version } from './version.ts';

/** A CNC that the agent builds and, with a rate, runs. */
export interface CncSpec {
  readonly name: string;
  /** Default: made from the name. */
  readonly uuid?: string;
  /** `legacy`: a spindle speed as machines of 1.1 and 1.2 report it. Default: by the agent's version. */
  readonly style?: 'modern' | 'legacy';
}

/** A three-axis milling machine as an agent of that version describes it; the names of its items are those of `Cnc`. */
export function cncDevice({ name, uuid = `sim-${name}`, style }: CncSpec, version: Version): SimulatedDevice {
  const legacy = (style ?? (atLeast(version, '1.3') ? 'modern' : 'legacy')) === 'legacy';
  const id = (short: string) => `${name}_${short}`;
  const item = (
    category: DataItem['category'],
    short: string,
    type: string,
    more: Partial<DataItem> = {},
  ): DataItem => ({
    id: id(short),
    category,
    type,
    name: short,
    ...more,
  });
  const sample = (short: string, type: string, units: string, more: Partial<DataItem> = {}) =>
    item('SAMPLE', short, type, { units, nativeUnits: units, ...more });
  const event = (short: string, type: string, more: Partial<DataItem> = {}) => item('EVENT', short, type, more);
  const condition = (short: string, type: string) => item('CONDITION', short, type);
  const since = (first: Version, ...items: DataItem[]) => (atLeast(version, first) ? items : []);
  const actual = { subType: 'ACTUAL' };

  const linear = (axis: string): Component => ({
    element: 'Linear',
    id: id(`axis_${axis}`),
    name: axis,
    dataItems: [
      sample(`${axis}abs`, 'POSITION', 'MILLIMETER', { ...actual, coordinateSystem: 'MACHINE' }),
      sample(`${axis}load`, 'LOAD', 'PERCENT'),
    ],
  });

  const spindleSpeed = legacy ? 'SPINDLE_SPEED' : 'ROTARY_VELOCITY';
  const spindle: Component = {
    element: 'Rotary',
    id: id('axis_C'),
    name: 'C',
    dataItems: [
      sample('Srpm', spindleSpeed, 'REVOLUTION/MINUTE', actual),
      sample('Scmd', spindleSpeed, 'REVOLUTION/MINUTE', { subType: 'COMMANDED' }),
      sample('Sload', 'LOAD', 'PERCENT'),
      sample('Stemp', 'TEMPERATURE', 'CELSIUS'),
      event('Sovr', legacy ? 'SPINDLE_SPEED_OVERRIDE' : 'ROTARY_VELOCITY_OVERRIDE', { units: 'PERCENT' }),
      ...since(
        '1.2',
        sample('Svib', 'ACCELERATION', 'MILLIMETER/SECOND^2', { representation: 'TIME_SERIES', sampleRate: 100 }),
      ),
      ...since('1.1', condition('Sload_cond', 'LOAD')),
    ],
  };

  const path: Component = {
    element: 'Path',
    id: id('path'),
    name: 'path',
    dataItems: [
      sample('Fact', 'PATH_FEEDRATE', 'MILLIMETER/SECOND', { ...actual, nativeUnits: 'MILLIMETER/MINUTE' }),
      event('Fovr', 'PATH_FEEDRATE_OVERRIDE', { subType: 'PROGRAMMED', units: 'PERCENT' }),
      event('execution', 'EXECUTION'),
      event('mode', 'CONTROLLER_MODE'),
      event('program', 'PROGRAM'),
      event('block', 'BLOCK'),
      event('line', 'LINE'),
      event('tool', atLeast(version, '1.2') ? 'TOOL_NUMBER' : 'TOOL_ID'),
      event('part_count', 'PART_COUNT'),
      ...since('1.5', event('vars', 'VARIABLE', { representation: 'DATA_SET' })),
      ...since('1.6', event('offsets', 'WORK_OFFSET', { representation: 'TABLE' })),
    ],
  };

  const systems: Component[] = [
    {
      element: 'Electric',
      id: id('electric'),
      name: 'electric',
      dataItems: [sample('power', atLeast(version, '1.2') ? 'WATTAGE' : 'WATTS', 'WATT')],
    },
    {
      element: 'Coolant',
      id: id('coolant'),
      name: 'coolant',
      dataItems: [
        sample('cool_temp', 'TEMPERATURE', 'CELSIUS'),
        ...since('1.1', condition('cool_level', atLeast(version, '1.2') ? 'FILL_LEVEL' : 'LEVEL')),
      ],
    },
  ];

  const controller: Component = {
    element: 'Controller',
    id: id('cont'),
    name: 'controller',
    dataItems: [
      event('estop', 'EMERGENCY_STOP'),
      event('message', 'MESSAGE', atLeast(version, '1.5') ? { discrete: true } : {}),
      ...since('1.1', condition('system', 'SYSTEM'), condition('motion', 'MOTION_PROGRAM')),
    ],
    components: [path],
  };

  const axes: Component = {
    element: 'Axes',
    id: id('axes'),
    name: 'axes',
    components: [linear('X'), linear('Y'), linear('Z'), spindle],
  };

  return {
    element: 'Device',
    id: name,
    name,
    uuid,
    description: { manufacturer: 'Edge Gateway Project', model: 'Simulated VMC', serialNumber: `SN-${name}` },
    dataItems: [event('avail', 'AVAILABILITY'), ...assetItems(name, version)],
    components: [
      axes,
      controller,
      ...(atLeast(version, '1.2') ? [{ element: 'Systems', id: id('systems'), components: systems }] : systems),
    ],
  };
}
