import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { withFolder } from '../onnx/run.ts';
import { nalu } from './nalu.ts';

/** Paths below a folder, and what the files hold. */
async function contents(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of (await readdir(folder, { recursive: true })).sort()) {
    const path = join(folder, name);
    found[name] = (await stat(path)).isFile() ? await readFile(path, 'utf8') : '(folder)';
  }
  return found;
}

/** Runs a command in a folder; commands run one at a time, since the working directory is the process's. */
async function runIn(cwd: string, line: string) {
  const before = process.cwd();
  process.chdir(cwd);
  try {
    return await nalu(line.split(' '));
  } finally {
    process.chdir(before);
  }
}

/** Asserts that a command failed with one sentence, and says to programs of what kind the failure is. */
function assertRefused(
  { code, out, err, failure }: Awaited<ReturnType<typeof nalu>>,
  line: string,
) {
  assert.notEqual(code, 0, `nalu ${line}: exit code 0`);
  assert.equal(err.match(/^nalu: /gm)?.length, 1, `nalu ${line}: ${err}`);
  assert.ok(
    failure?.kind,
    `nalu ${line}: programs are not told what kind of failure it is: ${err}`,
  );
  assert.doesNotMatch(`${out}${err}`, /^\s+at |Error: .*\n\s+at /m, `nalu ${line}`);
  assert.doesNotMatch(err, /\bE[A-Z]{4,}: /, `nalu ${line}: the name of a system error`);
}

/** Asserts that a command fails with one sentence, and leaves everything in its folder as it was. */
async function refused(cwd: string, line: string): Promise<void> {
  const before = await contents(cwd);
  assertRefused(await runIn(cwd, line), line);
  assert.deepEqual(await contents(cwd), before, `nalu ${line} changed what is there`);
}

/** Each command with a file where a folder should be, a folder for a file, or no parent. */
const LINES = [
  'sim --policy file',
  'sim --policy nowhere',
  'sim --expert --record file',
  'sim --expert --record file/below',
  'sim --session folder',
  'sim --scene folder',
  'sim --success-classifier folder',
  'sim --snapshot nowhere/x.png',
  'sim --snapshot file/x.png',
  'sim --snapshot folder',
  'recover folder',
  'recover nowhere.mcap.partial',
  'recover episodes/*.partial',
  'export file --out new',
  'export nowhere --out new',
  'export folder --out new',
  'import-data file --out new',
  'import-data nowhere --out new',
  'import-data folder --out new',
  'import-data folder --calibration nowhere --out new',
  'demos file',
  'demos file/below',
  'demos new --vary folder',
  'imitate file --out new',
  'imitate nowhere --out new',
  'imitate folder --out file',
  'imitate folder --out file/below',
  'imitate folder --from file --out new',
  'adapt file',
  'adapt file/below',
  'adapt new --policy file',
  'adapt new --gap folder',
  'adapt new --config nowhere',
  'learn file',
  'learn file/below',
  'learn new --policy file',
  'learn new --calibration folder',
  'keys file',
  'keys file/below',
  'classifier --out file',
  'classifier --out file/below',
  'classifier --out new --policy file',
  'create file',
  'create file/below',
  'import file --out new',
  'import nowhere --out new',
  'import folder --out new',
  'verify file',
  'verify folder --write',
  'check file',
  'check --calibration folder',
  'calibrate folder',
  'calibrate nowhere/x.yaml',
  'calibrate file/x.yaml',
  'calibrate new.yaml --from folder',
  'doctor file',
  'doctor --session folder',
  'doctor --calibration nowhere',
];

/** Each command with a folder that it may neither read nor write. */
const CLOSED = [
  'sim --expert --record closed/x',
  'sim --snapshot closed/x.png',
  'export closed --out new',
  'import-data closed --out new',
  'demos closed/x',
  'imitate closed --out new',
  'imitate folder --out closed/x',
  'adapt closed/x',
  'learn closed/x',
  'keys closed/x',
  'classifier --out closed/x',
  'create closed/x',
  'import closed --out new',
  'check --calibration closed/x',
  'calibrate closed/x.yaml',
];

const isRoot = process.getuid?.() === 0;

describe('a path that cannot be meant', () => {
  for (const line of LINES)
    it(`is told in a sentence, and nothing is made: nalu ${line}`, () =>
      withFolder(async (cwd) => {
        await writeFile(join(cwd, 'file'), 'kept');
        await mkdir(join(cwd, 'folder'));
        await refused(cwd, line);
      }));

  for (const line of CLOSED)
    it(
      `is told where this user may not: nalu ${line}`,
      { skip: isRoot && 'root may read and write everything' },
      () =>
        withFolder(async (cwd) => {
          const closed = join(cwd, 'closed');
          for (const folder of ['folder', 'closed']) await mkdir(join(cwd, folder));
          const run = async () => {
            await chmod(closed, 0);
            const ended = await runIn(cwd, line);
            await chmod(closed, 0o700);
            assertRefused(ended, line);
          };
          await run();
          assert.deepEqual(await contents(cwd), { closed: '(folder)', folder: '(folder)' });
        }),
    );
});
