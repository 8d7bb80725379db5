import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.ts';
import {
  bytesOf,
  float32Array,
  float64Array,
  isNdArray,
  numbersOf,
  uint8Array,
} from '../../src/openpi/ndarray.ts';
import { type Wire, decode, encode } from '../../src/openpi/wire.ts';
import { assertThrowsAbout } from '../refusals.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');
const ascii = (text: string) => Buffer.from(text).toString('hex');

/** What Python's msgpack writes for numpy's array of 1, 2, 3 as float32 in a dict under `a`. */
const FLOATS = hex(
  `81 a161 84 c40b${ascii('__ndarray__')} c3 c404${ascii('data')} c40c 0000803f 00000040 00004040 c405${ascii('dtype')} a3${ascii('<f4')} c405${ascii('shape')} 91 03`,
);

describe("openpi's messages", () => {
  it('are to the byte what openpi-client writes', () => {
    const array = float32Array(Float32Array.of(1, 2, 3), [3]);
    assert.deepEqual(encode({ a: array }), FLOATS);
    assert.deepEqual(encode({}), hex('80'));
    const pose = [0, -1.5, 1.5];
    assert.deepEqual(
      encode({ reset_pose: pose, ok: true, none: null, text: 'ü' }),
      hex(
        `84 aa${ascii('reset_pose')} 93 00 cbbff8000000000000 cb3ff8000000000000 a2${ascii('ok')} c3 a4${ascii('none')} c0 a4${ascii('text')} a2c3bc`,
      ),
    );
  });

  it('are read with their arrays as views and their numbers of numpy as numbers', () => {
    const message = decode(FLOATS);
    const array = message.get('a');
    assert.ok(isNdArray(array));
    assert.equal(array.data.buffer, FLOATS.buffer);
    assert.deepEqual([...numbersOf(array, 'a')], [1, 2, 3]);
    const scalar = hex(
      `81 a162 83 c40d${ascii('__npgeneric__')} c3 c404${ascii('data')} 07 c405${ascii('dtype')} a3${ascii('<i4')}`,
    );
    assert.equal(decode(scalar).get('b'), 7);
  });

  it('keep every number of every array', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noDefaultInfinity: true, noNaN: true })),
        fc.array(fc.double()),
        fc.uint8Array(),
        (floats, doubles, bytes) => {
          const sent: Wire = {
            floats: float32Array(Float32Array.from(floats), [floats.length]),
            nested: { doubles: float64Array(Float64Array.from(doubles), [1, doubles.length]) },
            list: [uint8Array(bytes, [bytes.length])],
          };
          const {
            floats: f,
            nested,
            list,
          } = Object.fromEntries(decode(encode(sent))) as never as {
            floats: Parameters<typeof numbersOf>[0];
            nested: Map<string, Parameters<typeof numbersOf>[0]>;
            list: Parameters<typeof bytesOf>[0][];
          };
          assert.deepEqual(numbersOf(f, 'f'), Float64Array.from(floats));
          assert.deepEqual(numbersOf(nested.get('doubles')!, 'd'), Float64Array.from(doubles));
          assert.deepEqual(Uint8Array.from(bytesOf(list[0], 'b')), bytes);
        },
      ),
    );
  });

  it('read whole numbers and both byte orders', () => {
    const data = hex('0001 0203');
    assert.deepEqual([...numbersOf({ dtype: '<i2', shape: [2], data }, 'x')], [256, 770]);
    assert.deepEqual([...numbersOf({ dtype: '>i2', shape: [2], data }, 'x')], [1, 515]);
    const most = Buffer.alloc(8, 0xff);
    assert.deepEqual([...numbersOf({ dtype: '<i8', shape: [1], data: most }, 'x')], [-1]);
    assert.deepEqual([...numbersOf({ dtype: '|b1', shape: [2], data: hex('0001') }, 'x')], [0, 1]);
  });

  it('scale images that are fractions, as openpi does', () => {
    const image = float32Array(Float32Array.of(0, 0.5, 1), [3]);
    assert.deepEqual([...bytesOf(image, 'x')], [0, 127, 255]);
  });

  it('say what is wrong with bytes that are none of them', () => {
    const refused: [string, ...string[]][] = [
      ['', '0 bytes'],
      ['c1'],
      ['81a161'],
      ['8080'],
      ['dd01ffffff'],
      ['91'.repeat(100_000)],
      ['d600000000ff'],
      ['81c001', 'null'],
      ['03', 'dict'],
      [`81a161 82 c40b${ascii('__ndarray__')} c3 c404${ascii('data')} 01`, 'numpy'],
    ];
    for (const [bytes, ...names] of refused)
      assertThrowsAbout(() => decode(hex(bytes)), { kind: 'invalid', names });
  });

  it('are read or refused with a sentence, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        for (const message of [bytes, Buffer.concat([hex('81a161'), bytes])])
          try {
            decode(message);
          } catch (error) {
            assert.ok(error instanceof UserError, String(error));
          }
      }),
      { numRuns: 2000 },
    );
  });

  it('name the field of an array that cannot be read', () => {
    const data = new Uint8Array(16);
    const read = (dtype: string, shape: number[]) => () =>
      numbersOf({ dtype, shape, data }, 'state');
    for (const dtype of ['|O', '<c8', '|V16', '<U4', '', 'f'])
      assertThrowsAbout(read(dtype, [2]), { kind: 'invalid', subject: 'state', names: ['dtype'] });
    const short = { kind: 'invalid', subject: 'state' } as const;
    assertThrowsAbout(read('<f8', [3]), { ...short, names: ['16 bytes', '[3]', '<f8', 24] });
    assertThrowsAbout(read('<f8', [2 ** 40, 2 ** 40]), { ...short, names: ['16 bytes'] });
    assertThrowsAbout(() => bytesOf({ dtype: '<i4', shape: [4], data }, 'images.cam_high'), {
      kind: 'invalid',
      subject: 'images.cam_high',
      names: ['<i4', 'uint8'],
    });
  });
});
