import t from 'tap';
import { describeAgent } from '../../../src/drivers/mtconnect/describe.ts';
import { parseDocument } from '../../../src/drivers/mtconnect/document.ts';
import { mapDevice, mapUnknown } from '../../../src/drivers/mtconnect/mapping.ts';
import { agentModel, type DeviceModel, selectDevice } from '../../../src/drivers/mtconnect/model.ts';
import { explain } from '../../../src/errors.ts';

function probe(devices: string) {
  const xml = `<MTConnectDevices><Header instanceId="1" bufferSize="9"/><Devices>${devices}</Devices></MTConnectDevices>`;
  const document = parseDocument(Buffer.from(xml), 'the agent');
  if (document.kind !== 'devices') throw new Error('no probe');
  return document;
}

function device(components: string): DeviceModel {
  const [only] = agentModel(
    probe(`<Device id="d" name="m" uuid="u"><Components>${components}</Components></Device>`),
  ).devices;
  return only as DeviceModel;
}

let ids = 0;
const item = (category: string, type: string, more = '') =>
  `<DataItem id="${++ids}_" category="${category}" type="${type}" ${more}/>`;
const component = (element: string, attributes: string, ...items: string[]) =>
  `<${element} id="c${++ids}" ${attributes}><DataItems>${items.join('')}</DataItems></${element}>`;

const source = (model: DeviceModel, signal: string) => mapDevice(model, {}).signals.get(signal)?.source;
const RPM = 'units="REVOLUTION/MINUTE"';

t.test('rpm: actual before unqualified before commanded, spindles first, never an override', async (t) => {
  const cases: [string, string[], string | undefined][] = [
    [
      'actual wins',
      [
        component(
          'Rotary',
          'name="S"',
          item('SAMPLE', 'SPINDLE_SPEED', 'name="n"'),
          item('SAMPLE', 'SPINDLE_SPEED', 'name="a" subType="ACTUAL"'),
        ),
      ],
      'a',
    ],
    [
      'unqualified before commanded',
      [
        component(
          'Rotary',
          '',
          item('SAMPLE', 'ROTARY_VELOCITY', 'name="c" subType="COMMANDED"'),
          item('SAMPLE', 'ROTARY_VELOCITY', 'name="n"'),
        ),
      ],
      'n',
    ],
    [
      'a spindle by name',
      [
        component('Rotary', 'name="B"', item('SAMPLE', 'ROTARY_VELOCITY', 'name="b"')),
        component('Rotary', 'name="S2"', item('SAMPLE', 'ROTARY_VELOCITY', 'name="s"')),
      ],
      's',
    ],
    [
      'a spindle by its mode',
      [
        component('Rotary', 'name="B"', item('SAMPLE', 'ROTARY_VELOCITY', 'name="b"')),
        component(
          'Rotary',
          'name="C"',
          item('SAMPLE', 'ROTARY_VELOCITY', 'name="s"'),
          '<DataItem id="rm" category="EVENT" type="ROTARY_MODE"><Constraints><Value>SPINDLE</Value></Constraints></DataItem>',
        ),
      ],
      's',
    ],
    [
      'document order',
      [
        component('Rotary', '', item('SAMPLE', 'ROTARY_VELOCITY', 'name="1st"')),
        component('Rotary', '', item('SAMPLE', 'ROTARY_VELOCITY', 'name="2nd"')),
      ],
      '1st',
    ],
    [
      'no override',
      [component('Rotary', '', item('SAMPLE', 'SPINDLE_SPEED', 'name="o" subType="OVERRIDE" units="PERCENT"'))],
      undefined,
    ],
    [
      'no percentage',
      [component('Rotary', '', item('SAMPLE', 'SPINDLE_SPEED', 'name="o" units="PERCENT"'))],
      undefined,
    ],
    ['no event', [component('Rotary', '', item('EVENT', 'ROTARY_VELOCITY', `name="e" ${RPM}`))], undefined],
  ];
  for (const [claim, components, expected] of cases)
    t.equal(source(device(components.join('')), 'rpm'), expected, claim);
});

t.test('feed_mm_min: the path before an axis, an axis only where it is the only one', async (t) => {
  const path = (...items: string[]) => component('Path', 'name="p"', ...items);
  const axis = (name: string) =>
    component('Linear', `name="${name}"`, item('SAMPLE', 'AXIS_FEEDRATE', `name="${name}f"`));
  t.equal(source(device(axis('X') + path(item('SAMPLE', 'PATH_FEEDRATE', 'name="f"'))), 'feed_mm_min'), 'f');
  t.equal(source(device(axis('X')), 'feed_mm_min'), 'Xf');
  t.equal(source(device(axis('X') + axis('Y')), 'feed_mm_min'), undefined);
  const elsewhere = component('Controller', '', item('SAMPLE', 'PATH_FEEDRATE', 'name="ctl"'));
  t.equal(source(device(elsewhere + path(item('SAMPLE', 'PATH_FEEDRATE', 'name="f"'))), 'feed_mm_min'), 'f');
  const overrides = path(
    item('SAMPLE', 'PATH_FEEDRATE', 'name="o" units="PERCENT"'),
    item('SAMPLE', 'PATH_FEEDRATE', 'name="r" subType="RAPID"'),
  );
  t.equal(source(device(overrides), 'feed_mm_min'), undefined);
});

t.test('feed and speed are converted from the unit that the probe declares', async (t) => {
  const factor = (type: string, units: string, signal: string) => {
    const model = device(component('Path', '', item('SAMPLE', type, units && `units="${units}"`)));
    return mapDevice(model, {})
      .items.get(model.items[0]?.id ?? '')
      ?.targets.find((one) => one.signal === signal)?.factor;
  };
  t.equal(factor('PATH_FEEDRATE', 'MILLIMETER/SECOND', 'feed_mm_min'), 60);
  t.equal(factor('PATH_FEEDRATE', '', 'feed_mm_min'), 60);
  t.equal(factor('PATH_FEEDRATE', 'MILLIMETER/MINUTE', 'feed_mm_min'), 1);
  t.equal(factor('PATH_FEEDRATE', 'INCH/MINUTE', 'feed_mm_min'), 25.4);
  t.equal(factor('ROTARY_VELOCITY', 'REVOLUTION/MINUTE', 'rpm'), 1);
  t.equal(factor('ROTARY_VELOCITY', 'DEGREE/SECOND', 'rpm'), 1 / 6);
});

t.test('every item has a name of its own, and no name takes a canonical one', async (t) => {
  const model = device(
    component(
      'Axes',
      '',
      '<DataItem id="a1" name="load" category="SAMPLE" type="LOAD"/>',
      '<DataItem id="a2" name="load" category="SAMPLE" type="LOAD"/>',
    ) +
      component(
        'Controller',
        '',
        '<DataItem id="rpm" category="EVENT" type="PROGRAM"/>',
        '<DataItem id="k" name="state" category="EVENT" type="BLOCK"/>',
        '<DataItem id="z" name="a1" category="EVENT" type="LINE"/>',
        '<DataItem id="w" name="__proto__" category="EVENT" type="LINE"/>',
      ),
  );
  const mapping = mapDevice(model, {});
  const names = model.items.map(({ id }) =>
    mapping.items
      .get(id)
      ?.targets.map(({ signal }) => signal)
      .join(),
  );
  t.same(names, ['item.a1', 'a2', 'item.rpm', 'k', 'a1', '__proto__']);
  t.equal(mapUnknown('q', 'fresh', mapping).targets[0]?.signal, 'fresh');
  t.equal(mapUnknown('q', 'a2', mapping).targets[0]?.signal, 'q');
  t.equal(mapUnknown('rpm', 'state', mapping).targets[0]?.signal, 'item.rpm');
});

t.test('signals of the config override the choice and rename; both names are sent where both are wanted', async (t) => {
  const model = device(
    component(
      'Rotary',
      'name="S"',
      `<DataItem id="r1" name="Srpm" category="SAMPLE" type="ROTARY_VELOCITY" subType="ACTUAL" ${RPM}/>`,
      `<DataItem id="r2" name="S2rpm" category="SAMPLE" type="ROTARY_VELOCITY" subType="ACTUAL" ${RPM}/>`,
      '<DataItem id="o" name="Sovr" category="SAMPLE" type="ROTARY_VELOCITY" subType="OVERRIDE" units="PERCENT"/>',
    ),
  );
  const signalsOf = (own: Record<string, string>, id: string) =>
    mapDevice(model, own)
      .items.get(id)
      ?.targets.map(({ signal }) => signal);
  t.same(signalsOf({}, 'r1'), ['rpm']);
  t.same(signalsOf({}, 'r2'), ['S2rpm']);
  t.same(signalsOf({ rpm: 'S2rpm' }, 'r1'), ['Srpm']);
  t.same(signalsOf({ rpm: 'S2rpm' }, 'r2'), ['rpm']);
  t.same(signalsOf({ main: 'r1' }, 'r1'), ['rpm', 'main']);
  t.same(signalsOf({ override: 'Sovr' }, 'o'), ['override']);
  const told = (own: Record<string, string>) => {
    try {
      mapDevice(model, own);
      return 'nothing';
    } catch (error) {
      return explain(error);
    }
  };
  t.match(
    told({ rpm: 'S2rmp' }),
    /signals\.rpm: the device has no data item "S2rmp": take one of its items, e\.g\. S2rpm \(r2\)/,
  );
  t.match(told({ rpm: 'Sovr' }), /signals\.rpm: Sovr \(o\) is in PERCENT: .*rev\/min/);
});

t.test('a device is chosen by name or uuid; ambiguity and absence are faults of the config', async (t) => {
  const document = probe(
    '<Agent id="ag" name="Agent" uuid="x"/><Device id="1" name="a" uuid="u1"/><Device id="2" name="a" uuid="u2"/>',
  );
  const agent = agentModel(document);
  t.equal(selectDevice(agent, 'u2', 'it').id, '2');
  t.throws(() => selectDevice(agent, 'a', 'it'), { of: 'config', message: /more than one device "a"/, hint: /u1.*u2/ });
  t.throws(() => selectDevice(agent, undefined, 'it'), { of: 'config', message: /2 devices/ });
  t.throws(() => selectDevice(agentModel(probe('<Agent id="ag"/>')), undefined, 'it'), {
    of: 'machine',
    message: /no device/,
  });
});

t.test('describes an agent for a person', async (t) => {
  const [described] = describeAgent(
    probe(
      `<Device id="d" name="m" uuid="u"><Components>${component('Path', 'name="p"', item('EVENT', 'EXECUTION', 'name="exec"'))}</Components></Device>`,
    ),
  ).devices;
  t.match(described, {
    name: 'm',
    uuid: 'u',
    signals: [
      { signal: 'state', source: 'exec' },
      { signal: 'exec', type: 'EXECUTION' },
    ],
  });
});
