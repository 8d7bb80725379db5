import { z } from 'zod';

const size = z.int().min(1).max(100_000);
const name = z.string().min(1);
/** Red, green, blue. */
const channels = z.tuple([z.number(), z.number(), z.number()]);

const imageSchema = z.strictObject({
  /** Name of the model's input. */
  input: name,
  /** Pixels. */
  width: size,
  height: size,
  /** Order of the axes behind the batch: [3, height, width], or [height, width, 3]. */
  layout: z.enum(['CHW', 'HWC']).default('CHW'),
  /** Values of a byte of 0 and of 255; an input of bytes takes them as they are. */
  range: z.tuple([z.number(), z.number()]).default([0, 1]),
  /** Subtracted from values in that range, then divided by. */
  mean: channels.default([0, 0, 0]),
  std: channels
    .refine((values) => values.every((value) => value > 0), 'must be greater than 0')
    .default([1, 1, 1]),
});

/** What `policy.json` says of an exported model: its inputs and its output, by name. */
export const onnxArchitectureSchema = z.strictObject({
  /** The ONNX file in the bundle's folder. */
  model: z
    .string()
    .regex(/^[^/\\]+\.onnx$/, 'must be the name of an .onnx file in the folder')
    .default('policy.onnx'),
  /** Rows of a chunk. */
  horizon: size,
  actionDim: size,
  stateDim: size,
  /** Input [1, stateDim]; absent in a policy that reads images alone. */
  state: name.optional(),
  /** Inputs [1, ...] by camera. */
  images: z.record(z.string(), imageSchema),
  /** Output [1, horizon, actionDim]. */
  actions: name,
});

export type OnnxArchitecture = z.infer<typeof onnxArchitectureSchema>;

export type OnnxImage = z.infer<typeof imageSchema>;

/** What keeps an architecture from reading a policy's cameras, a sentence each. */
export function cameraFaults({ images }: OnnxArchitecture, cameras: readonly string[]): string[] {
  const missing = cameras.filter((camera) => !Object.hasOwn(images, camera));
  const surplus = Object.keys(images).filter((camera) => !cameras.includes(camera));
  return [
    ...missing.map((camera) => `images has no ${camera}, which cameras lists`),
    ...surplus.map((camera) => `images has ${camera}, which cameras does not list`),
  ];
}
