import { DataType, DataValue, Variant, VariantArrayType } from 'node-opcua';
import t from 'tap';
import { decode } from '../../../src/drivers/opcua/decode.ts';

t.test('dimensions without elements do not fill the memory', (test) => {
  for (const dimensions of [
    [30_000_000, 0],
    [0, 4_294_967_295],
    [3000, 3000, 3000, 0],
  ]) {
    const value = new Variant({
      dataType: DataType.Double,
      arrayType: VariantArrayType.Matrix,
      value: [],
      dimensions: [0],
    });
    value.dimensions = dimensions;
    const begun = performance.now();
    test.match(decode({ signal: 's' }, new DataValue({ value }), 0), [{ v: [] }]);
    test.ok(performance.now() - begun < 100);
  }
  test.end();
});
