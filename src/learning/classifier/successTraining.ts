import { encodeModel } from '../../onnx/modelFile.ts';
import { type SessionConfig, Tensor, openModel } from '../../session/session.ts';
import { optimiserSchema } from '../train/optimiser.ts';
import { epochsOf } from '../train/order.ts';
import {
  imageTensor,
  initialSuccess,
  successGraph,
  successLossGraph,
  successParameters,
} from './successGraph.ts';
import { type StepReport, initialState, openTrainer } from '../train/trainer.ts';

/** What a camera showed at a moment of an attempt. */
export interface LabelledFrame {
  /** RGB8 [side, side, 3]. */
  pixels: Uint8Array;
  /** Whether it shows success. */
  success: boolean;
  /** Whether the attempt has succeeded by then. */
  reached: boolean;
}

export interface SuccessTraining {
  /** Pixels of a side of the frames. */
  side: number;
  steps: number;
  seed: number;
}

const BATCH = 64;

/** Trains a classifier on frames from random weights; gives its parameters, averaged over the steps. */
export async function trainSuccess(
  frames: readonly LabelledFrame[],
  { side, steps, seed }: SuccessTraining,
  session: SessionConfig,
  onStep: (report: StepReport) => void,
): Promise<Float32Array> {
  const optimiser = optimiserSchema.parse({
    rate: 2e-3,
    finalRate: 5e-5,
    warmUp: Math.min(50, steps - 1),
    steps,
    beta2: 0.99,
    weightDecay: 0.01,
  });
  const trainer = await openTrainer(
    successLossGraph(side, BATCH),
    successParameters(side),
    initialState(initialSuccess(side, seed)),
    optimiser,
    session,
  );
  try {
    const images = new Uint8Array(BATCH * side * side * 3);
    const at = epochsOf(frames, (epoch) => [seed, epoch]);
    for (let step = 0; step < steps; step++) {
      const batch = Array.from({ length: BATCH }, (_, i) => at(step * BATCH + i));
      batch.forEach(({ pixels }, i) => images.set(pixels, i * pixels.length));
      const targets = Float32Array.from(batch, ({ success }) => Number(success));
      onStep(
        await trainer.step({
          images: new Tensor('uint8', images, [BATCH, side, side, 3]),
          targets: new Tensor('float32', targets, [BATCH]),
        }),
      );
    }
    return trainer.state.vectors.average;
  } finally {
    await trainer.close();
  }
}

/** How often a verdict of success was right, was wrong, and was lacking. */
export interface Verdicts {
  right: number;
  wrong: number;
  lacking: number;
}

export const precision = ({ right, wrong }: Verdicts) => right / (right + wrong);
export const recall = ({ right, lacking }: Verdicts) => right / (right + lacking);

/**
 * A classifier's verdicts on attempts, whose frames are looks at them: of single frames, and of attempts,
 * each of which it ends where `agree` looks in a row reach `threshold`; rightly if it has succeeded by then.
 */
export async function measureSuccess(
  attempts: readonly (readonly LabelledFrame[])[],
  flat: Float32Array,
  { side, threshold, agree }: { side: number; threshold: number; agree: number },
  session: SessionConfig,
): Promise<{ frames: Verdicts; attempts: Verdicts }> {
  const none = (): Verdicts => ({ right: 0, wrong: 0, lacking: 0 });
  const verdicts = { frames: none(), attempts: none() };
  const count = (of: Verdicts, said: boolean, is: boolean) => {
    if (said && is) of.right += 1;
    else if (said) of.wrong += 1;
    else if (is) of.lacking += 1;
  };
  const model = await openModel(encodeModel(successGraph(side, flat)), session);
  try {
    for (const frames of attempts) {
      let agreeing = 0;
      let ended: LabelledFrame | undefined;
      for (const frame of frames) {
        const { probability } = await model.run({ image: imageTensor(frame.pixels, side) });
        const agrees = (probability.data as Float32Array)[0] >= threshold;
        count(verdicts.frames, agrees, frame.success);
        agreeing = agrees ? agreeing + 1 : 0;
        if (agreeing >= agree) ended ??= frame;
      }
      count(verdicts.attempts, ended !== undefined, (ended ?? frames.at(-1)!).reached);
    }
  } finally {
    await model.release();
  }
  return verdicts;
}
