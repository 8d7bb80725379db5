import { z } from 'zod';

const size = z.int().min(1);

/** One convolution of a stem. */
const convolutionSchema = z.strictObject({
  channels: size,
  kernel: size,
  stride: size,
  /** Pixels of zeros on each side. */
  padding: z.int().min(0),
});

/** How images of one camera become tokens. */
const cameraSchema = z.strictObject({
  /** The observation tokenizer's name, as in `obs_primary_projection`. */
  name: z.string().min(1),
  /** The encoder's class, which its weights are named after. */
  encoder: z.string().min(1),
  /** Pixels of a side. */
  imageSize: size,
  convolutions: z.array(convolutionSchema).nonempty(),
  /** Width and height of a patch of the last convolution's output. */
  patch: size,
  /** Numbers of a patch. */
  features: size,
  /** Whether a goal image is stacked on the observation's channels. */
  goal: z.boolean(),
});

/** The encoder of instructions: T5's (arXiv 1910.10683), as its configuration calls its sizes. */
const textEncoderSchema = z.strictObject({
  vocabulary: size,
  depth: size,
  heads: size,
  headDim: size,
  mlp: size,
  /** Buckets of relative positions, and the distance from which on they share one. */
  buckets: size,
  maxDistance: size,
});

const languageSchema = z.strictObject({
  /** Tokens of an instruction, padding included. */
  tokens: size,
  width: size,
  /** Whether every step has them, too. */
  repeated: z.boolean(),
  /** Absent in a policy that reads no instruction. */
  encoder: textEncoderSchema.optional(),
});

const headSchema = z.strictObject({
  /** The head's and its readout's name, as in `heads_action`. */
  name: z.string().min(1),
  readout: z.string().min(1),
  /** Numbers of a step's time. */
  timeDim: size,
  width: size,
  blocks: z.int().min(0),
  layerNorm: z.boolean(),
  /** Steps of the diffusion: network calls a chunk. */
  steps: size,
  /** Samples are kept within ± this. */
  maxAction: z.number().positive(),
});

/** Dimensions of an Octo: any size, from a toy to the published ones. */
export const octoConfigSchema = z
  .strictObject({
    /** Observation tokenizers in the order of their tokens. */
    images: z.array(cameraSchema).nonempty(),
    language: languageSchema.optional(),
    width: size,
    depth: size,
    mlp: size,
    heads: size,
    /** Steps of a window that have positions. */
    maxWindow: size,
    /** Readout tokens a step. */
    readouts: size,
    /** Whether it was trained with `use_correct_attention`; see attentionRules.ts. */
    correctAttention: z.boolean(),
    head: headSchema,
    horizon: size,
    actionDim: size,
    /** Numbers of the robot's actions: those behind them are noise as in training. */
    robotActionDim: size,
    stateDim: size,
  })
  .superRefine(({ width, heads, actionDim, robotActionDim, images }, context) => {
    const refuse = (path: (string | number)[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (width % heads !== 0) refuse(['width'], `is no multiple of heads (${heads})`);
    if (robotActionDim > actionDim)
      refuse(['robotActionDim'], `is more than actionDim (${actionDim})`);
    images.forEach((image, i) => {
      const wrong = image.convolutions.findIndex(({ channels }) => channels % NORM_GROUPS !== 0);
      if (wrong >= 0)
        refuse(
          ['images', i, 'convolutions', wrong, 'channels'],
          `is no multiple of ${NORM_GROUPS}, the groups that are normalised`,
        );
      if (gridOf(image) < 1)
        refuse(['images', i, 'imageSize'], 'is too small for the convolutions and the patch');
    });
  });

export type OctoConfig = z.infer<typeof octoConfigSchema>;
export type OctoImage = OctoConfig['images'][number];
export type OctoLanguage = NonNullable<OctoConfig['language']>;
export type TextEncoder = NonNullable<OctoLanguage['encoder']>;

/** Groups of channels that a stem normalises. */
export const NORM_GROUPS = 32;

/** Patches along a side of an image. */
export function gridOf({ imageSize, convolutions, patch }: OctoImage): number {
  const side = convolutions.reduce(
    (pixels, { kernel, stride, padding }) =>
      Math.floor((pixels + 2 * padding - kernel) / stride) + 1,
    imageSize,
  );
  return Math.floor(side / patch);
}

/** Tokens of an image. */
export const patchesOf = (image: OctoImage): number => gridOf(image) ** 2;

/** A run of tokens: of the task, or of one step. */
export interface TokenGroup {
  kind: 'task' | 'observation' | 'readout';
  count: number;
}

/** The groups of one step, in their order. */
export const stepGroups = ({ images, language, readouts }: OctoConfig): TokenGroup[] => [
  ...images.map((image) => ({ kind: 'observation' as const, count: patchesOf(image) })),
  ...(language?.repeated ? [{ kind: 'observation' as const, count: language.tokens }] : []),
  { kind: 'readout', count: readouts },
];

/** The groups before the first step. */
export const taskGroups = ({ language }: OctoConfig): TokenGroup[] =>
  language ? [{ kind: 'task', count: language.tokens }] : [];

/** Numbers of a chunk, as the head computes them. */
export const chunkSize = ({ horizon, actionDim }: OctoConfig): number => horizon * actionDim;
