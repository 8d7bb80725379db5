import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { invalid } from '../../src/errors.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { loadBundle } from '../../src/policy/bundle/bundle.ts';
import { GOLDEN_FILE } from '../../src/policy/bundle/bundleFiles.ts';
import { makeGolden } from '../../src/policy/bundle/verification.ts';
import { sessionConfigSchema } from '../../src/session/session.ts';
import { finishReplacement, replaceFiles } from '../../src/files/replaceFiles.ts';
import { writeTinyBundle } from '../learning/tiny.ts';
import { withFolder } from '../onnx/run.ts';
import { assertRejectsAbout } from '../refusals.ts';

/** A folder's files and what is in them, without what a killed process has not finished. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => !name.endsWith('.partial')).sort();
  const texts = names.map((name) => readFile(join(folder, name), 'base64'));
  return Object.fromEntries((await Promise.all(texts)).map((text, i) => [names[i], text]));
}

const write = async (folder: string, files: Record<string, string>) => {
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
};

const read = async (folder: string) =>
  Object.fromEntries(
    Object.entries(await contentOf(folder)).map(([name, text]) => [name, atob(text)]),
  );

describe('replacing files', () => {
  it('puts new ones in, takes those away that are named, and leaves the others', () =>
    withFolder(async (folder) => {
      await write(folder, { a: 'old', b: 'old', note: 'mine' });
      const made = await replaceFiles(
        folder,
        async (staging) => {
          await write(staging, { a: 'new', c: 'new' });
          return 'made';
        },
        () => ['a', 'b', 'gone'],
      );
      assert.equal(made, 'made');
      assert.deepEqual(await read(folder), { a: 'new', c: 'new', note: 'mine' });
    }));

  it('changes nothing where the new ones cannot be made, and says so of the folder', () =>
    withFolder(async (folder) => {
      await write(folder, { a: 'old' });
      const failing = replaceFiles(folder, async (staging) => {
        await write(staging, { a: 'new' });
        throw invalid(`${staging}/a`, 'is no good');
      });
      const told = { message: `${folder}/a: is no good`, kind: 'invalid', subject: `${folder}/a` };
      await assert.rejects(failing, told);
      assert.deepEqual(await read(folder), { a: 'old' });
    }));

  it('takes away no folder that has the name of a file', () =>
    withFolder(async (folder) => {
      await mkdir(join(folder, 'a'));
      const replacing = replaceFiles(folder, (staging) => write(staging, { a: 'new' }));
      await assertRejectsAbout(replacing, { kind: 'exists', subject: join(folder, 'a') });
      assert.deepEqual(await readdir(folder), ['a']);
    }));

  it('by two at once gives the files of one of them', () =>
    withFolder(async (folder) => {
      const all = (text: string) => ({ a: text, b: text, c: text });
      for (let round = 0; round < 20; round++) {
        await Promise.all(
          ['x', 'y'].map((text) =>
            replaceFiles(
              folder,
              (staging) => write(staging, all(text)),
              () => ['d'],
            ),
          ),
        );
        const { a, ...others } = await read(folder);
        assert.deepEqual(others, { b: a, c: a });
      }
    }));

  it('is finished by several at once, without a change to what was written since', () =>
    withFolder(async (folder) => {
      for (let round = 0; round < 20; round++) {
        await write(folder, { a: 'old', b: 'old' });
        const commit = join(folder, '.replacement', String(round));
        for (const part of ['new', 'old']) await mkdir(join(commit, part), { recursive: true });
        await write(join(commit, 'new'), { a: 'new' });
        await write(commit, { 'leaving.json': '["b"]' });
        const finish = async (name: string) => {
          await finishReplacement(folder);
          await write(folder, { b: 'since', [name]: 'since' });
        };
        await Promise.all(['p', 'q', 'r'].map(finish));
        const since = { b: 'since', p: 'since', q: 'since', r: 'since' };
        assert.deepEqual(await read(folder), { a: 'new', ...since });
      }
    }));

  it('is finished from wherever it was interrupted', () =>
    withFolder(async (root) => {
      const steps = ['b>old/0', 'new/a>', 'new/c>', 'leaving.json>old/1'];
      for (let taken = 0; taken <= steps.length; taken++) {
        const folder = join(root, String(taken));
        const commit = join(folder, '.replacement/id');
        for (const part of ['new', 'old']) await mkdir(join(commit, part), { recursive: true });
        await write(folder, { a: 'old', b: 'old' });
        await write(join(commit, 'new'), { a: 'new', c: 'new' });
        await write(commit, { 'leaving.json': '["b"]' });
        for (const step of steps.slice(0, taken)) {
          const [from, to] = step.split('>');
          const isIn = from.includes('/') || from.endsWith('.json');
          await rename(
            join(isIn ? commit : folder, from),
            to ? join(commit, to) : join(folder, from.replace('new/', '')),
          );
        }
        await finishReplacement(folder);
        assert.deepEqual(await read(folder), { a: 'new', c: 'new' });
      }
    }));

  it('that ended before it was committed leaves nothing once somebody writes again', () =>
    withFolder(async (folder) => {
      const stale = '.files.1-0123456789ab.partial';
      await mkdir(join(folder, stale));
      const ended = spawn(process.execPath, ['-e', '']);
      await once(ended, 'close');
      await rename(join(folder, stale), join(folder, stale.replace('1', String(ended.pid))));
      await replaceFiles(folder, (staging) => write(staging, { a: 'new' }));
      assert.deepEqual(await read(folder), { a: 'new' });
    }));
});

/** Kills one process after another that writes to a folder, at random moments, and looks at it each time; `longest` is in ms. */
async function killWriters(
  kills: number,
  program: string,
  folder: string,
  longest: number,
  look: () => Promise<void>,
) {
  const draw = uniformNumbers(7);
  for (let kill = 0; kill < kills; kill++) {
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, program), folder, String(kill)],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const closed = once(child, 'close');
    // One in two has replaced the files once when it is left to its last moments.
    for (let lines = kill % 2; lines >= 0; lines--) await once(child.stdout, 'data');
    await setTimeout(draw() * longest);
    child.kill('SIGKILL');
    await closed;
    await look();
  }
}

describe('a writer that is killed', { timeout: 300_000 }, () => {
  it('leaves the earlier files or the later ones, all of them, however often', () =>
    withFolder(async (root) => {
      const seen = new Set<string>();
      const folders = ['p', 'q', 'r', 's'].map((name) => join(root, name));
      const look = async (folder: string) => {
        await finishReplacement(folder);
        const { note, ...files } = await read(folder);
        assert.equal(note, 'mine');
        const { a } = files;
        const last = parseInt(a, 10) % 2 === 0 ? 'even' : 'odd';
        assert.deepEqual(files, { a, b: a, [last]: a });
        seen.add(a);
      };
      await Promise.all(
        folders.map(async (folder) => {
          await mkdir(folder);
          await write(folder, { note: 'mine', a: '0', b: '0', even: '0' });
          await killWriters(12, 'replaceMain.js', folder, 20, () => look(folder));
        }),
      );
      assert.ok(seen.size > 24, `only ${seen.size} generations were seen`);
    }));

  it('leaves the earlier policy bundle or the later one, with golden numbers of its own or none', () =>
    withFolder(async (root) => {
      const folder = join(root, 'bundle');
      const possible = new Map<string, Record<string, string>>();
      for (const seed of [0, 1]) {
        const one = join(root, String(seed));
        await writeTinyBundle(one, seed);
        const bundle = await loadBundle(one);
        await makeGolden(bundle, sessionConfigSchema.parse({ threads: 1 }));
        possible.set(bundle.base, await contentOf(one));
      }
      await cp(join(root, '0'), folder, { recursive: true });
      await killWriters(6, 'bundleMain.js', folder, 100, async () => {
        const { base, hasGolden } = await loadBundle(folder);
        const { [GOLDEN_FILE]: golden, ...others } = possible.get(base)!;
        const whole = hasGolden ? { ...others, [GOLDEN_FILE]: golden } : others;
        assert.deepEqual(await contentOf(folder), whole);
      });
    }));
});
