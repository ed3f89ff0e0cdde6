import t from 'tap';
import { cncDevice } from '../../simulator/mtconnect/cnc-device.ts';
import { itemsOf } from '../../simulator/mtconnect/device.ts';
import { selectItems } from '../../simulator/mtconnect/path.ts';

const items = itemsOf([cncDevice({ name: 'a' }, '2.0'), cncDevice({ name: 'b' }, '2.0')]);
const ids = (path: string) => [...selectItems(path, items)].map(({ spec }) => spec.id).sort();

t.test('selects data items by the XPath that clients use', async (t) => {
  t.same(ids('//DataItem[@type="EXECUTION"]'), ['a_execution', 'b_execution']);
  t.same(ids("//Device[@name='b']//Path/DataItems/DataItem[@type='PROGRAM' or @type='LINE']"), ['b_line', 'b_program']);
  t.same(ids('//DataItem[@type="ROTARY_VELOCITY" and @subType="ACTUAL"]'), ['a_Srpm', 'b_Srpm']);
  t.same(ids('/MTConnectDevices/Devices/Device[@uuid="sim-a"]/DataItems/DataItem[@name="avail"]'), ['a_avail']);
  t.same(ids('//Electric|//Coolant//DataItem[@category="CONDITION"]'), [
    'a_cool_level',
    'a_power',
    'b_cool_level',
    'b_power',
  ]);
});

t.test('an element selects everything beneath it', async (t) => {
  t.same(ids('//Linear[@name="X"]'), ['a_Xabs', 'a_Xload', 'b_Xabs', 'b_Xload']);
  t.equal(ids('//Device[@name="a"]').length, items.length / 2);
  t.equal(ids('//*').length, items.length);
});

t.test('refuses what it cannot read and what selects nothing', async (t) => {
  for (const path of ['//[', 'Axes', '', '//DataItem[position()=1]', '//DataItem[@type="NO_SUCH"]', '//Path |']) {
    t.throws(() => selectItems(path, items), { code: 'INVALID_XPATH' }, path);
  }
});
