import assert from 'node:assert/strict';
import { mkdtemp, open, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/errors.ts';
import { toFloat32 } from '../../src/tensors/dtype.ts';
import {
  type TensorSource,
  loadSafetensors,
  readSafetensorsHeader,
  readTensor,
  writeSafetensors,
} from '../../src/tensors/safetensors.ts';
import { assertRejectsAbout } from '../refusals.ts';

const QUICK = { numRuns: 60 };

/** A file of this header and so many bytes of data, as a careless writer would make it. */
function fileOf(header: string, dataBytes: number): Buffer {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

const entry = (begin: number, end: number, shape = [(end - begin) / 4], dtype = 'F32') => ({
  dtype,
  shape,
  data_offsets: [begin, end],
});

const shape = fc.array(fc.nat(4), { maxLength: 3 });
const sizeOf = (shape: number[]) => shape.reduce((a, b) => a * b, 1);
const elements = (shape: number[]) => {
  const size = { minLength: sizeOf(shape), maxLength: sizeOf(shape) };
  return fc.oneof(
    fc.float32Array(size).map((data) => ({ data })),
    fc.float64Array(size).map((data) => ({ data })),
    fc.bigInt64Array(size).map((data) => ({ data })),
    fc.int32Array(size).map((data) => ({ data })),
    fc.uint8Array(size).map((data) => ({ data })),
    fc.uint16Array(size).map((data) => ({ data, dtype: 'BF16' as const })),
    fc.uint8Array(size).map((data) => ({ data, dtype: 'BOOL' as const })),
  );
};
const tensor = shape.chain((shape) =>
  fc
    .record({ name: fc.string({ unit: 'binary' }), shape: fc.constant(shape) })
    .chain((named) => elements(shape).map((typed): TensorSource => ({ ...named, ...typed }))),
);
const tensors = fc.uniqueArray(
  tensor.filter(({ name }) => name !== '__metadata__'),
  { selector: ({ name }) => name, maxLength: 6 },
);
const metadata = fc.dictionary(fc.string(), fc.string(), { maxKeys: 3, noNullPrototype: true });

describe('safetensors', () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-safetensors-'));
    path = join(folder, 'model.safetensors');
  });
  after(() => rm(folder, { recursive: true }));

  const refuses = async (content: Uint8Array, fields: string[], ...names: (string | number)[]) => {
    await writeFile(path, content);
    const about = { kind: 'invalid', subject: path, fields, names } as const;
    await assertRejectsAbout(readSafetensorsHeader(path), about);
  };

  it('read what was written, in any type and shape', async () => {
    await fc.assert(
      fc.asyncProperty(tensors, metadata, async (tensors, metadata) => {
        await writeSafetensors(path, tensors, metadata);
        const loaded = await loadSafetensors(path);
        assert.deepEqual(loaded.metadata, metadata);
        assert.equal(loaded.tensors.size, tensors.length);
        for (const { name, shape, data } of tensors) {
          assert.deepEqual(loaded.tensors.get(name)?.shape, shape);
          assert.deepEqual(loaded.tensors.get(name)?.data, data);
        }
      }),
      QUICK,
    );
  });

  it('begin their data at a multiple of 64 bytes, tensors in the order given', async () => {
    await writeSafetensors(path, [
      { name: 'b', shape: [2], data: Float32Array.of(1, 2) },
      { name: 'a', shape: [], dtype: 'F32', data: () => Promise.resolve(Float32Array.of(3)) },
    ]);
    const { tensors } = await readSafetensorsHeader(path);
    assert.deepEqual([...tensors.keys()], ['b', 'a']);
    const { offset } = tensors.get('b')!;
    assert.equal(offset % 64, 0);
    const a = { path, dtype: 'F32', shape: [], offset: offset + 8, bytes: 4 };
    assert.deepEqual(tensors.get('a'), a);
    assert.equal((await readFile(path)).readFloatLE(offset + 8), 3);
  });

  it('reach beyond 4 GiB', async () => {
    const far = 5 * 2 ** 30;
    const header = { hole: entry(0, far, [far], 'U8'), end: entry(far, far + 8) };
    const content = fileOf(JSON.stringify(header), 0);
    const file = await open(path, 'w+');
    try {
      await file.write(content);
      await file.truncate(content.length + far + 8);
      await file.write(Buffer.from(Float32Array.of(0.5, -2).buffer), 0, 8, content.length + far);
      const { tensors } = await readSafetensorsHeader(path);
      assert.deepEqual(await readTensor(file, tensors.get('end')!), Float32Array.of(0.5, -2));
    } finally {
      await file.close();
      await rm(path);
    }
  });

  it('widen half precision exactly', () => {
    const float16 = Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x3555, 0x8000);
    assert.deepEqual(
      toFloat32({ dtype: 'F16', data: float16 }),
      Float32Array.of(1, -2, 2 ** -24, 65504, -Infinity, 0.333251953125, -0),
    );
    assert.ok(Number.isNaN(toFloat32({ dtype: 'F16', data: Uint16Array.of(0x7e00) })[0]));
    const bfloat16 = Uint16Array.of(0x3f80, 0xc049, 0x0001, 0x7f80);
    assert.deepEqual(
      toFloat32({ dtype: 'BF16', data: bfloat16 }),
      Float32Array.of(1, -3.140625, 2 ** -133, Infinity),
    );
  });

  it('are refused where the file is cut short or something else', async () => {
    await refuses(Buffer.alloc(3), [], 3);
    await refuses(Buffer.from('{"this": "is JSON without a length"}'), []);
    await refuses(fileOf('{"a": ', 0), []);
    await refuses(fileOf('[1]', 0), []);
    await refuses(fileOf(JSON.stringify({ a: entry(0, 8) }), 4), ['a'], 4);
    await assertRejectsAbout(readSafetensorsHeader(join(folder, 'none')), {
      kind: 'missing',
      subject: join(folder, 'none'),
    });
    await assert.rejects(readSafetensorsHeader(folder), {
      name: 'UserError',
      message: `${folder}: cannot be read: it is a folder, where a file is needed; give a file`,
    });
  });

  it('are refused where tensors overlap, leave holes or have another size than their shape', async () => {
    const header = (entries: object) => JSON.stringify(entries);
    const overlap = header({ a: entry(0, 8), b: entry(4, 12) });
    await refuses(fileOf(overlap, 12), ['b']);
    const hole = header({ a: entry(0, 8), b: entry(12, 16) });
    await refuses(fileOf(hole, 16), ['b']);
    await refuses(fileOf(header({ a: entry(0, 8) }), 12), [], 4);
    await refuses(fileOf(header({ a: entry(0, 8, [3]) }), 8), ['a'], 8, 12);
    await refuses(fileOf(header({ a: entry(8, 0, [2]) }), 8), ['a']);
    await refuses(fileOf(header({ a: entry(0, 8, [2], 'F99') }), 8), ['a'], 'dtype');
    await refuses(fileOf(header({ a: entry(0, 8, [-2]) }), 8), ['a'], 'shape');
    await refuses(fileOf(header({ a: { dtype: 'F32' } }), 8), ['a'], 'shape');
    await refuses(fileOf(header({ __metadata__: { a: 1 } }), 0), ['__metadata__'], 'a');
  });

  it('are refused where a name comes twice, however it is spelt', async () => {
    const one = JSON.stringify(entry(0, 8));
    await refuses(fileOf(`{"a": ${one}, "a": ${one}}`, 8), ['a']);
    await refuses(fileOf(`{"a": ${one}, "\\u0061": ${one}}`, 8), ['a']);
  });

  it('with any damage are read or refused, never worse', async () => {
    await writeSafetensors(path, [
      { name: 'weight', shape: [2, 2], data: new Float32Array(4) },
      { name: 'bias', shape: [2], data: new Float32Array(2) },
    ]);
    const sound = await readFile(path);
    const damage = fc.array(
      fc.record({ at: fc.nat(sound.length - 1), byte: fc.integer({ min: 0, max: 255 }) }),
      { minLength: 1, maxLength: 4 },
    );
    const length = fc.oneof(fc.constant(sound.length), fc.nat(sound.length));
    await fc.assert(
      fc.asyncProperty(damage, length, async (damage, length) => {
        const broken = Buffer.from(sound);
        for (const { at, byte } of damage) broken[at] = byte;
        await writeFile(path, broken.subarray(0, length));
        await loadSafetensors(path).catch((error: unknown) => {
          assert.ok(error instanceof UserError, String(error));
          assert.ok(error.message.includes(path));
        });
      }),
      { numRuns: 300 },
    );
  });

  it('with any JSON as a header are read or refused, never worse', async () => {
    const value = fc.oneof(
      fc.json(),
      fc
        .dictionary(
          fc.string(),
          fc.record({
            dtype: fc.constantFrom('F32', 'I64', 'x'),
            shape: fc.array(fc.maxSafeInteger(), { maxLength: 3 }),
            data_offsets: fc.array(fc.maxSafeInteger(), { maxLength: 3 }),
          }),
        )
        .map((header) => JSON.stringify(header)),
    );
    await fc.assert(
      fc.asyncProperty(value, fc.nat(64), async (header, bytes) => {
        await writeFile(path, fileOf(header, bytes));
        await readSafetensorsHeader(path).catch((error: unknown) => {
          assert.ok(error instanceof UserError, String(error));
        });
      }),
      { numRuns: 200 },
    );
  });

  it('may have metadata of any length', async () => {
    const note = 'x"'.repeat(2_000_000);
    await writeSafetensors(path, [], { note });
    assert.equal((await readSafetensorsHeader(path)).metadata.note, note);
  });

  it('keep the old file, and leave no other, where writing fails', async () => {
    await writeSafetensors(path, [{ name: 'old', shape: [1], data: Float32Array.of(1) }]);
    const failing: TensorSource = {
      name: 'new',
      shape: [1],
      dtype: 'F32',
      data: () => Promise.reject(new Error('no weights')),
    };
    await assert.rejects(writeSafetensors(path, [failing]), /no weights/);
    const wrong = { name: 'new', shape: [2], data: Float32Array.of(1) };
    await assert.rejects(writeSafetensors(path, [wrong]), /new has 4 bytes.*takes 8/);
    assert.ok((await readSafetensorsHeader(path)).tensors.has('old'));
    assert.deepEqual(await readdir(folder), ['model.safetensors']);
    await assert.rejects(
      writeSafetensors(join(folder, 'no', 'x.safetensors'), []),
      (error) => error instanceof UserError && /cannot be written/.test(error.message),
    );
  });
});
