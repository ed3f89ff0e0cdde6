import type { BinaryStream, ReadResponse } from 'node-opcua';
import { DataType, DataValue, Variant, VariantArrayType } from 'node-opcua';
import t from 'tap';
import { decode } from '../../../src/drivers/opcua/decode.ts';
import { Fault } from '../../../src/errors.ts';
import { intercept } from './intercept.ts';
import { MILL, millFor } from './server.ts';
import { collect, driverFor, folderOf } from './support.ts';

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

t.test('variants in variants without end break the connection, nothing else', async (test) => {
  const mill = await millFor(test);
  const DEPTH = 200_000;
  intercept(mill, 'Read', {
    change: (response: ReadResponse) => {
      response.encode = (stream: BinaryStream) => {
        response.responseHeader.encode(stream);
        stream.writeInteger(1);
        stream.writeUInt8(1);
        for (let i = 0; i < DEPTH; i++) {
          stream.writeUInt8(0x98);
          stream.writeInteger(1);
        }
        stream.writeUInt8(0);
        stream.writeInteger(-1);
      };
    },
  });
  const driver = driverFor(folderOf(test), { url: mill.url, signals: { mode: `nsu=${MILL};s=Mill.Mode` } });
  await test.rejects(collect(driver, { within: 6000, until: () => false }), Fault);
});
