import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseJson, parsePythonJson } from '../src/validate.ts';

describe('JSON', () => {
  it('is read with a byte order mark', () => {
    assert.deepEqual(parseJson('\uFEFF{"a": 1}', 'x.json'), { a: 1 });
  });

  it('of Python’s own is refused with where it is not JSON, and read where that is allowed', () => {
    const text = '{"a": ["NaN", "\\\\", "-Infinity\\"", {"b": -Infinity}, NaN]}';
    assert.throws(
      () => parseJson(text, 'x.json'),
      /x\.json is not JSON: a\[3\]\.b is NaN or infinite, which Python writes/,
    );
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
      assert.throws(() => parse(' \n', 'x.json'), /^UserError: x\.json is empty$/);
      assert.throws(() => parse(pointer, 'x.json'), /x\.json is a Git LFS pointer.*git lfs pull/);
      assert.throws(() => parse('{"a": nan}', 'x.json'), /x\.json is not JSON: Unexpected token/);
    }
  });
});
