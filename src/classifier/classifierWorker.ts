import { invalid } from '../errors.ts';
import { type InferenceSession, Tensor, openSession } from '../session/session.ts';
import { type ImageMemory, type SharedImage, createScaler, imageAt } from '../images/scaling.ts';
import { serve } from '../processes/serve.ts';

/** Pixels of a side of the images that a classifier takes. Throws a `UserError` for any other model. */
function sideOf({ inputMetadata, outputMetadata }: InferenceSession, path: string): number {
  const [image, ...others] = inputMetadata;
  const output = outputMetadata.find(({ name }) => name === 'probability');
  const dims = image?.isTensor ? image.shape : [];
  const [batch, height, width, channels] = dims;
  const fits =
    others.length === 0 &&
    image?.name === 'image' &&
    image.isTensor &&
    image.type === 'uint8' &&
    [dims.length, batch, channels].join() === '4,1,3' &&
    typeof height === 'number' &&
    height === width &&
    output?.isTensor &&
    output.type === 'float32';
  if (!fits)
    throw invalid(
      path,
      `a success classifier takes image uint8 [1, side, side, 3] alone and gives probability float32 [1]; export the model so`,
    );
  return height;
}

/** What the classifier's thread is opened with: a model, and where its images lie. */
export interface ClassifierWorkerData {
  path: string;
  memory: ImageMemory;
}

export interface ClassifierFunctions {
  /** Probability that an image shows success, 0…1. */
  probability: (image: SharedImage) => Promise<number>;
}

serve<ClassifierFunctions, ClassifierWorkerData>(async ({ path, memory }) => {
  const session = await openSession(path, { executionProviders: ['cpu'], threads: 1 });
  const side = sideOf(session, path);
  const scaler = createScaler(memory);
  const own = new Uint8Array(side * side * 3);
  const image = new Tensor('uint8', own, [1, side, side, 3]);
  return {
    async probability(shared) {
      scaler.scale(imageAt(memory, shared), side, own);
      const { probability } = await session.run({ image });
      return (probability.data as Float32Array)[0];
    },
    close: () => session.release(),
  };
});
