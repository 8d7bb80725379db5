import { z } from 'zod';
import { languageSchema, paliGemmaFaults, visionSchema } from '../../paligemma/config.ts';

const size = z.int().min(1);

/** How an action tokenizer makes numbers of its codes. */
const fastSchema = z.strictObject({
  /** Steps of a coefficient in 1: coefficients are rounded to 1/scale. */
  scale: z.number().positive(),
  /** The smallest coefficient, in steps, that has a character. */
  minToken: z.int(),
  /** Number of codes. */
  vocabulary: size,
  /** Rows of the table behind those of the codes, which count down from its end. */
  skip: z.int().min(0),
});

/** Whose conventions of prompts and positions a policy was trained with; see layout.ts. */
export const LAYOUT_NAMES = ['lerobot', 'openpi'] as const;

/** Dimensions of a π0-FAST: any size, from a toy to the published one. */
export const fastConfigSchema = z
  .strictObject({
    layout: z.enum(LAYOUT_NAMES),
    vision: visionSchema,
    language: languageSchema,
    /** Places among the images where a black one stands for a camera that the robot does not have. */
    black: z.array(z.int().min(0)).default([]),
    /** Whether tokens are read and written by one table. */
    tiedHead: z.boolean().default(false),
    /** Prompt tokens at most. */
    maxTokens: size,
    /** Action tokens at most, with those before and behind the codes. */
    maxActionTokens: z.int().min(8),
    /** Actions of a chunk. */
    horizon: size,
    actionDim: size,
    stateDim: size,
    /** Of sampling; 0 takes the likeliest token. */
    temperature: z.number().min(0).default(0),
    /** Of codes for too few or too many coefficients: refused, or padded with zeros and cut. */
    decoding: z.enum(['strict', 'relaxed']).default('strict'),
    fast: fastSchema,
  })
  .superRefine(({ vision, language, fast }, context) => {
    for (const { path, message } of paliGemmaFaults({ vision, language }))
      context.addIssue({ code: 'custom', path, message });
    if (fast.vocabulary + fast.skip > language.vocabulary)
      context.addIssue({
        code: 'custom',
        path: ['fast', 'vocabulary'],
        message: `with skip (${fast.skip}) is more than language.vocabulary (${language.vocabulary})`,
      });
  });

export type FastConfig = z.infer<typeof fastConfigSchema>;
