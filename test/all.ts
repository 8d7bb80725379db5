// Runs all tests, or those whose paths contain one of the arguments: a few files of a folder in each process, since loading
// Nalu takes longer than most files; a process on each core, and one more for those that wait.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { unmetWording } from './refusals.ts';

/** Files of a folder in a process. */
const TOGETHER = 6;

/** Milliseconds for a process: one that leaves something running behind a failed test is ended, so that the run ends. */
const LONGEST = 600_000;

const parts = process.argv.slice(2);
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.test.js'))
  .filter((path) => parts.length === 0 || parts.some((part) => path.includes(part)))
  .sort()
  .map((path) => join(import.meta.dirname, path));

if (files.length === 0) throw new Error(`no test's path contains ${parts.join(' or ')}`);

const noted = mkdtempSync(join(tmpdir(), 'nalu-wording-'));
const metFile = join(noted, 'met.txt');
writeFileSync(metFile, '');
process.env.NALU_WORDING_MET = metFile;

/** Says at the end of a whole run which wording no message has: it is left over, or of a test that was skipped. */
function sayUnmet(): void {
  const unmet = parts.length === 0 ? unmetWording(metFile) : [];
  rmSync(noted, { recursive: true });
  if (unmet.length > 0)
    console.log(['No message met these lines of test/wording.txt:', ...unmet].join('\n  '));
}

/** Modules, each of which imports some test files of one folder. */
function processes(): string[] {
  const folders = [...new Set(files.map(dirname))];
  const groups = folders.flatMap((folder) => {
    const inside = files.filter((file) => dirname(file) === folder);
    const count = Math.ceil(inside.length / TOGETHER);
    return Array.from({ length: count }, (_, k) => inside.filter((_, i) => i % count === k));
  });
  return groups.map((group, index) => {
    const path = join(noted, `${index}.mjs`);
    writeFileSync(path, group.map((file) => `await import(${JSON.stringify(file)});\n`).join(''));
    return path;
  });
}

run({ files: processes(), concurrency: availableParallelism() + 1, timeout: LONGEST })
  .on('test:fail', () => (process.exitCode = 1))
  .on('end', sayUnmet)
  .pipe(new spec())
  .pipe(process.stdout);
