import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { clearPartials, partialOf, writeWhole } from '../../src/files/writeWhole.ts';
import { assertRejectsAbout } from '../refusals.ts';

describe('writing a file whole', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-whole-'));
    path = join(folder, 'note.txt');
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('makes a file, replaces one, and leaves nothing beside it', async () => {
    await writeWhole(path, 'first');
    await writeWhole(path, Uint8Array.of(104, 105));
    assert.equal(await readFile(path, 'utf8'), 'hi');
    assert.deepEqual(await readdir(folder), ['note.txt']);
  });

  it('shows the earlier content until the new one is whole, and keeps it if the writer fails', async () => {
    await writeWhole(path, 'earlier');
    const failing = writeWhole(path, async (file) => {
      await file.write('half');
      assert.equal(await readFile(path, 'utf8'), 'earlier');
      throw new Error('no more');
    });
    await assert.rejects(failing, /no more/);
    assert.equal(await readFile(path, 'utf8'), 'earlier');
    assert.deepEqual(await readdir(folder), ['note.txt']);
  });

  it("keeps a file's mode, and writes through a symbolic link", async () => {
    await writeFile(path, 'secret');
    await chmod(path, 0o600);
    const link = join(folder, 'link');
    await symlink('note.txt', link);
    await writeWhole(link, 'new');
    assert.equal(await readFile(path, 'utf8'), 'new');
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual((await readdir(folder)).sort(), ['link', 'note.txt']);
  });

  it('takes a device for what it is', () => writeWhole('/dev/null', 'nothing'));

  for (const [what, at, kind] of [
    ['a folder is there', '.', 'invalid'],
    ['the folder is not there', 'no/such/file', 'missing'],
  ] as const)
    it(`says in a sentence that ${what}`, () => {
      const subject = join(folder, at);
      return assertRejectsAbout(writeWhole(subject, ''), { kind, subject });
    });

  it('clears what ended processes left, and nothing else', async () => {
    const dead = spawnSync(process.execPath, ['-e', '']).pid;
    const named = (pid: number) => `${path}.${pid}-0123456789ab.partial`;
    await mkdir(named(dead));
    await writeFile(join(named(dead), 'file'), '');
    await writeFile(named(process.pid), '');
    const kept = [partialOf(path), named(process.ppid), join(folder, 'run.mcap.partial'), path];
    for (const file of kept) await writeFile(file, '');
    await clearPartials(folder);
    assert.deepEqual((await readdir(folder)).map((name) => join(folder, name)).sort(), kept.sort());
  });
});
