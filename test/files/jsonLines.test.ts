import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { appendJsonLines, readJsonLines } from '../../src/files/jsonLines.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';

const value = fc.record(
  { name: fc.string({ unit: 'binary' }), count: fc.integer() },
  { noNullPrototype: true },
);
const values = fc.array(value, {
  minLength: 1,
  maxLength: 5,
});

describe('JSON lines', { timeout: 60_000 }, () => {
  it('cut off anywhere are read as far as they are whole, and gone on with', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'log.jsonl');
      await fc.assert(
        fc.asyncProperty(
          values,
          values,
          fc.double({ min: 0, max: 1, noNaN: true }),
          async (written, more, share) => {
            // prettier-ignore
            const lines = written.map((value) => Buffer.from(`${JSON.stringify(value)}\n`));
            const bytes = Buffer.concat(lines);
            const cut = Math.round(share * bytes.length);
            await writeFile(path, bytes.subarray(0, cut));
            let end = 0;
            // A line counts from its last brace on.
            const whole = written.filter((_, i) => (end += lines[i].length) - 1 <= cut);
            const isTorn = ![0, -1].includes(lines.slice(0, whole.length).reduce((left, { length }) => left - length, cut)); // prettier-ignore
            const said: string[] = [];
            assert.deepEqual(await readJsonLines(path, (line) => said.push(line)), whole);
            assert.equal(said.length, Number(isTorn));
            await appendJsonLines(path, more);
            assert.deepEqual(await readJsonLines(path, assert.fail), [...whole, ...more]);
          },
        ),
        { numRuns: 300 },
      );
    }));

  it('go on after a last line of zeros, as a power cut leaves', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'log.jsonl');
      await writeFile(path, '{"a":1}\n\0\0\0\0');
      assert.deepEqual(await readJsonLines(path), [{ a: 1 }]);
      await appendJsonLines(path, [{ a: 2 }]);
      assert.equal(await readFile(path, 'utf8'), '{"a":1}\n{"a":2}\n');
    }));

  it('are refused, by file and line, where one between is broken, and left as they are', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'log.jsonl');
      for (const broken of ['{"a":', '7', 'null', '{"a":1{"b":2}']) {
        const text = `{"a":1}\n${broken}\n{"a":3}\n`;
        await writeFile(path, text);
        await assertRejectsAbout(readJsonLines(path), {
          kind: 'invalid',
          subject: 'log.jsonl',
          names: ['line 2'],
        });
        assert.equal(await readFile(path, 'utf8'), text);
      }
    }));

  it('are none where there is no file, and refused where there is a folder', () =>
    withFolder(async (folder) => {
      const path = join(folder, 'log.jsonl');
      assert.deepEqual(await readJsonLines(path), []);
      await mkdir(path);
      const aFolder = { kind: 'invalid', subject: 'log.jsonl' } as const;
      await assertRejectsAbout(readJsonLines(path), aFolder);
      await assertRejectsAbout(appendJsonLines(path, [{}]), aFolder);
    }));
});
