import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import type { CameraFrame } from '../robot/robot.ts';
import { finishReplacement } from '../files/replaceFiles.ts';
import { readYaml, validate } from '../validate.ts';
import type { ClassifierFunctions, ClassifierWorkerData } from './classifierWorker.ts';
import { openImageMemory } from '../images/scaling.ts';
import { openThread } from '../processes/child.ts';
import { createQueue } from '../processes/queue.ts';
import { imageSlot } from '../images/imageSlot.ts';

/** How a model that tells success from a camera's image is used: the file `--success-classifier` names. */
export const classifierSchema = z.strictObject({
  /**
   * ONNX file, relative to this one: `image` uint8 [1, side, side, 3], RGB, to `probability` float32
   * [1]. Images are scaled to it as the policy's are, aspect kept, on black.
   */
  model: z.string().min(1),
  camera: z.string().min(1),
  /** Least probability of success at which a look agrees. */
  threshold: z.number().gt(0).lte(1).default(0.5),
  /** Looks in a row that must agree. */
  agree: z.int().min(1).default(3),
  /** Control steps from look to look. */
  every: z.int().min(1).default(25),
});

export type ClassifierSettings = z.infer<typeof classifierSchema>;

/** Tells success from a camera's images, elsewhere than on this thread. */
export interface SuccessClassifier extends Omit<ClassifierSettings, 'model'> {
  /** Probability that the frame shows success, 0…1. */
  probability(frame: CameraFrame): Promise<number>;
  close(): Promise<void>;
}

/** Opens the classifier of a settings file in a worker thread. Throws a `UserError`. */
export async function openClassifier(path: string): Promise<SuccessClassifier> {
  await finishReplacement(dirname(path));
  const { model, ...settings } = validate(classifierSchema, await readYaml(path), path);
  const url = new URL('./classifierWorker.js', import.meta.url);
  const memory = openImageMemory();
  const data: ClassifierWorkerData = { path: resolve(dirname(path), model), memory };
  const name = "the success classifier's thread";
  const worker = await openThread<ClassifierFunctions>(url, { name, data });
  const inOrder = createQueue();
  const share = imageSlot(memory);
  return {
    ...settings,
    probability: (frame) => inOrder(async () => worker.ask('probability', await share(frame))),
    close: () => inOrder(() => worker.close()),
  };
}
