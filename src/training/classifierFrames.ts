import type { LabelledFrame } from '../learning/classifier/successTraining.ts';
import type { ChunkPolicy } from '../policy/chunkPolicy.ts';
import { delegateTask } from '../robot/delegates.ts';
import { runAttempt } from '../control/attempt.ts';
import type { SimulatedAloha } from '../sim/simulatedAloha.ts';
import { successReward } from '../sim/tasks.ts';
import { EXPERT_EXECUTE_STEPS, expertPolicy } from '../rollouts/expertPolicy.ts';

/** One attempt in so many is the expert's: it shows what comes after a success that a policy may not reach. */
const EXPERT_EVERY = 4;

export interface FramesOptions {
  camera: string;
  /** Control steps from frame to frame. */
  every: number;
  /** Seed of the first attempt. */
  seed: number;
  episodes: number;
  signal: AbortSignal;
  onAttempt: (made: number) => void;
}

/** Makes attempts to their last step, success or not, and gives the frames of each with the rule's labels. */
export async function labelledFrames(
  sim: SimulatedAloha,
  policy: ChunkPolicy,
  { camera, every, seed, episodes, signal, onAttempt }: FramesOptions,
): Promise<LabelledFrame[][]> {
  const attempts: LabelledFrame[][] = [];
  for (let episode = 0; episode < episodes && !signal.aborted; episode++) {
    const frames: LabelledFrame[] = [];
    let steps = 0;
    const assess = () => {
      const { reward, success: reached } = sim.assess();
      if (steps++ % every === 0) {
        const success = sim.stage() >= successReward;
        frames.push({ pixels: sim.picture(camera), success, reached });
      }
      return { reward, success: false };
    };
    const expert = episode % EXPERT_EVERY === 0;
    const { problem } = await runAttempt({
      robot: sim,
      task: delegateTask(sim, { assess }),
      policy: expert ? expertPolicy(sim, EXPERT_EXECUTE_STEPS) : policy,
      seed: seed + episode,
      signal,
    });
    if (problem && !signal.aborted) throw problem;
    attempts.push(frames);
    onAttempt(attempts.length);
  }
  return attempts;
}
