import { recordEpisode } from '../../src/episodes/recordEpisode.ts';
import { simulatedEmbodiment } from '../../src/sim/embodiment.ts';
import { stampOf } from '../episodes/recording.ts';

const EPISODES = 2;
const CHUNKS = 3;
/** Control steps of a chunk, all of which are played. */
const ROWS = 40;

/**
 * Writes two demonstrations of transfer cube as `nalu demos` names them, in no time: the arms stay near home, and each
 * picture is of one grey. For tests of what is done with demonstrations, not of what is learned.
 */
export async function writeDemonstrations(folder: string): Promise<void> {
  const embodiment = await simulatedEmbodiment();
  const prompt = 'Transfer cube';
  for (let seed = 0; seed < EPISODES; seed++) {
    const id = `transfer-cube-00000${seed}`;
    const header = { id, embodiment, task: 'transfer-cube', prompt, seed, policy: 'expert' };
    const positionAt = (step: number) =>
      Float64Array.from(embodiment.joints, ({ home }) => home + 0.01 * Math.sin(seed + step / 10));
    const recorder = await recordEpisode(folder, header);
    for (let index = 0; index < CHUNKS; index++) {
      const first = index * ROWS;
      const stamp = stampOf(first);
      const frames = embodiment.cameras.map(({ name, width, height }) => ({
        ...{ camera: name, stamp, width, height },
        pixels: () => Promise.resolve(new Uint8Array(3 * width * height).fill(80 + first)),
      }));
      const rows = Array.from({ length: ROWS }, (_, row) => positionAt(first + row + 1));
      const actions = Float32Array.from(rows.flatMap((row) => [...row]));
      const joints = { stamp, position: positionAt(first) };
      recorder.sampled({ joints, frames, prompt }, actions);
      for (const [row, position] of rows.entries()) {
        recorder.joints({ stamp: stampOf(first + row), position: positionAt(first + row) });
        recorder.command(stampOf(first + row), position);
      }
      recorder.played({
        ...{ index, policyVersion: 'expert', observationStamp: stamp, state: joints.position },
        frameStamps: Object.fromEntries(embodiment.cameras.map(({ name }) => [name, stamp])),
        ...{ horizon: ROWS, actions, noise: new Float32Array(0), delay: 0 },
        ...{ executedFrom: 0, executedTo: ROWS, held: 0 },
      });
    }
    await recorder.finish({ outcome: 'success', reward: 1, stagedReward: 4, steps: CHUNKS * ROWS });
  }
}
