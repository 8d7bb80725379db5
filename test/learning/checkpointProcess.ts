import { writeCheckpoint } from '../../src/learning/train/checkpoint.ts';
import { initialState } from '../../src/learning/train/trainer.ts';

/** Writes checkpoint after checkpoint to the path given, until it is killed. */
const path = process.argv[2];
const COUNT = 1_000_000;
const parameters = [{ name: 'weight', shape: [COUNT] }];
for (let step = 1; ; step++) {
  const state = { ...initialState(new Float32Array(COUNT).fill(step)), step };
  await writeCheckpoint(path, { state, run: '' }, parameters);
  console.log(step);
}
