import type { ChunkRecord, EpisodeHeader, EpisodeResult } from '../../src/episodes/episode.ts';
import type { EpisodeRecorder } from '../../src/episodes/recordEpisode.ts';
import type { Observation } from '../../src/policy/chunkPolicy.ts';
import type { Embodiment, SpaceRules } from '../../src/robot/embodiment.ts';

export const embodiment: Embodiment = {
  name: 'stub',
  controlRate: 50,
  joints: [
    { name: 'shoulder', kind: 'arm', lower: -1, upper: 1, velocity: 5, acceleration: 500, home: 0 },
    {
      name: 'hand',
      kind: 'gripper',
      lower: 0,
      upper: 1,
      velocity: 10,
      acceleration: 1000,
      home: 0,
    },
  ],
  cameras: [{ name: 'cam_high', width: 16, height: 12 }],
};

export const space: SpaceRules = {
  arms: [{ name: 'left', joints: [0, 0, 0, 0, 0, 0], base: [0, 0.3, 0, 1.5] }],
  workspace: { lower: [-1, -1, 0], upper: [1, 1, 1] },
  leastDistance: 0.08,
};

export const headerOf = (id: string): EpisodeHeader => ({
  id,
  embodiment,
  task: 'reach',
  prompt: 'reach out',
  seed: 3,
  policy: 'fake@v1',
});

export const success: EpisodeResult = {
  outcome: 'success',
  reward: 1,
  stagedReward: 4,
  steps: 0,
};

const START = 1_700_000_000_123_456_789n;
export const HORIZON = 10;
export const STEPS = 5;

export const stampOf = (step: number) => START + BigInt(step) * 20_000_000n;

/** Pixels that differ from frame to frame. */
export const pixelsOf = (step: number) =>
  Uint8Array.from({ length: 16 * 12 * 3 }, (_, index) => (index * 31 + step * 57) % 256);

export const observationAt = (step: number): Observation => ({
  joints: { stamp: stampOf(step), position: Float64Array.of(step / 100, 0.5) },
  frames: [
    {
      camera: 'cam_high',
      stamp: stampOf(step),
      width: 16,
      height: 12,
      pixels: () => Promise.resolve(pixelsOf(step)),
    },
  ],
  prompt: 'reach out',
});

export const recordAt = (index: number): ChunkRecord => {
  const { joints } = observationAt(index * STEPS);
  return {
    index,
    policyVersion: 'v1',
    observationStamp: joints.stamp,
    frameStamps: { cam_high: joints.stamp },
    state: joints.position,
    horizon: HORIZON,
    actions: Float32Array.from({ length: HORIZON * 2 }, (_, value) => index + value / 64),
    noise: Float32Array.from({ length: HORIZON * 4 }, (_, value) => Math.sin(index + value)),
    ...(index === 1 && { view: Float32Array.of(0.03125, -0.5) }),
    ...(index === 2 && { offset: Float32Array.of(0.5, 0, -0.25, 0) }),
    ...(index === 1 && { integration: { steps: 2, solver: 'euler', times: [1, 0.4, 0] } }),
    ...(index === 2 && { integration: { steps: 3, solver: 'adams-bashforth' } }),
    ...(index === 1 && { chain: { states: Float32Array.of(0.5, -2, 1, 0.25), noise: Float32Array.of(0, 0, 0.125, -0.5), size: 0.02, correlation: 0.9, persistence: 0.1 } }), // prettier-ignore
    ...(index === 2 && { tokens: { ids: Int32Array.of(1283, 300, 124), logProbabilities: Float32Array.of(-0.5, -3.25, 0), temperature: 0.75 } }), // prettier-ignore
    delay: 1,
    executedFrom: 1,
    executedTo: 1 + STEPS,
    held: 0,
    timeline: {
      requested: stampOf(index * STEPS),
      arrived: stampOf(index * STEPS) + 17_000_000n,
      joined: stampOf(index * STEPS + 1),
      firstCommand: stampOf(index * STEPS + 1) + 1n,
      timing: { preprocess: 1.5, run: 14.25, total: 16.5 },
    },
  };
};

/** Records `chunks` chunks of STEPS control steps each; `between` is awaited after each step. */
export async function play(
  recorder: EpisodeRecorder,
  chunks: number,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  for (let index = 0; index < chunks; index++) {
    const record = recordAt(index);
    recorder.sampled(observationAt(index * STEPS), record.actions);
    for (let step = index * STEPS; step < (index + 1) * STEPS; step++) {
      recorder.joints(observationAt(step).joints);
      recorder.command(stampOf(step), Float64Array.of(step / 100, 0.25));
      await between();
    }
    recorder.played(record);
  }
}
