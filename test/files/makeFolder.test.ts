import assert from 'node:assert/strict';
import { mkdir, stat, symlink, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { makeFolder } from '../../src/files/makeFolder.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';

const isFolder = async (path: string) => (await stat(path)).isDirectory();

describe('makeFolder', () => {
  it('makes parents, with the same mode, and leaves what is there as it is', () =>
    withFolder(async (folder) => {
      const deep = join(folder, 'a', 'b', 'c');
      await makeFolder(deep, 0o700);
      await writeFile(join(deep, 'kept'), '');
      await makeFolder(relative('.', deep));
      await makeFolder('/');
      assert.ok(await stat(join(deep, 'kept')));
      for (const path of [join(folder, 'a'), deep])
        assert.equal((await stat(path)).mode & 0o777, 0o700);
    }));

  it('is made by several at once', () =>
    withFolder(async (folder) => {
      const deep = join(folder, 'a', 'b', 'c');
      await Promise.all(Array.from({ length: 8 }, () => makeFolder(deep)));
      assert.ok(await isFolder(deep));
    }));

  it('follows a link to a folder, and refuses a file and what is below one', () =>
    withFolder(async (folder) => {
      const file = join(folder, 'file');
      await writeFile(file, '');
      await mkdir(join(folder, 'target'));
      await symlink(join(folder, 'target'), join(folder, 'link'));
      await makeFolder(join(folder, 'link'));
      await makeFolder(join(folder, 'link', 'x'));
      assert.ok(await isFolder(join(folder, 'target', 'x')));
      await assertRejectsAbout(makeFolder(file), { kind: 'exists', subject: file });
      const below = join(file, 'x', 'y');
      await assertRejectsAbout(makeFolder(below), { kind: 'invalid', subject: below });
    }));
});
