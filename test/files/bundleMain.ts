// Replaces a bundle by two others in turn, and adds their golden numbers, until it is killed.
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GOLDEN_FILE } from '../../src/policy/bundle/bundleFiles.ts';
import { writeWhole } from '../../src/files/writeWhole.ts';
import { writeTinyBundle } from '../learning/tiny.ts';

const [folder, first] = process.argv.slice(2);
for (let turn = Number(first); ; turn++) {
  console.log(turn);
  const seed = turn % 2;
  await writeTinyBundle(folder, seed);
  const golden = await readFile(join(dirname(folder), String(seed), GOLDEN_FILE));
  await writeWhole(join(folder, GOLDEN_FILE), golden);
}
