import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import { UserError } from '../src/errors.ts';
import { chosen, parseJson, parsePythonJson, validate } from '../src/validate.ts';
import { assertThrowsAbout } from './refusals.ts';

const INVALID = { kind: 'invalid', subject: 'x.json' } as const;

describe('JSON', () => {
  it('is read with a byte order mark', () => {
    assert.deepEqual(parseJson('\uFEFF{"a": 1}', 'x.json'), { a: 1 });
  });

  it('of Python’s own is refused with where it is not JSON, and read where that is allowed', () => {
    const text = '{"a": ["NaN", "\\\\", "-Infinity\\"", {"b": -Infinity}, NaN]}';
    assertThrowsAbout(() => parseJson(text, 'x.json'), { ...INVALID, names: ['a[3].b'] });
    const read = { a: ['NaN', '\\', '-Infinity"', { b: -Infinity }, NaN] };
    assert.deepEqual(parsePythonJson(text, 'x.json'), read);
  });

  it('is the same to both readers', () =>
    fc.assert(
      fc.property(fc.json(), (text) =>
        assert.deepEqual(parsePythonJson(text, 'x'), parseJson(text, 'x')),
      ),
    ));

  it('is refused where it is empty, a pointer of Git LFS, or something else', () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n';
    for (const parse of [parseJson, parsePythonJson]) {
      assertThrowsAbout(() => parse(' \n', 'x.json'), INVALID);
      assertThrowsAbout(() => parse(pointer, 'x.json'), { ...INVALID, names: ['git lfs pull'] });
      assertThrowsAbout(() => parse('{"a": nan}', 'x.json'), INVALID);
    }
  });
});

describe('an error', () => {
  it('of a schema has the fields that are wrong, and those that are not known', () => {
    const item = z.strictObject({ kind: z.string(), size: z.number() });
    const schema = z.strictObject({ name: z.string(), items: z.array(chosen(() => item)) });
    const value = { name: 1, items: [{ kind: 'a', size: 'x', colour: 2 }], other: true };
    assertThrowsAbout(() => validate(schema, value, 'x.yaml'), {
      kind: 'invalid',
      subject: 'x.yaml',
      fields: ['name', 'items[0].size', 'items[0].colour', 'other'],
    });
    assert.throws(() => validate(schema, [], 'x.yaml'), { kind: 'invalid', fields: [] });
  });

  it('is of the kind of its cause, and about the same', async () => {
    const cause = await readFile('/nowhere/x').catch((error: unknown) => error);
    const about = { kind: 'missing', subject: '/nowhere/x', fields: [] };
    const error = new UserError('cannot be read', { cause });
    for (const one of [error, new UserError('no policy', { cause: error })])
      assert.deepEqual({ kind: one.kind, subject: one.subject, fields: one.fields }, about);
    const own = new UserError('no policy', { cause, kind: 'invalid', subject: 'y', fields: ['a'] });
    assert.deepEqual([own.kind, own.subject, own.fields], ['invalid', 'y', ['a']]);
  });
});
