import { z } from 'zod';
import { languageSchema } from '../../paligemma/config.ts';

const size = z.int().min(1);
/** Red, green, blue, of bytes as 0…1. */
const channels = z.tuple([z.number(), z.number(), z.number()]);

/** A vision transformer of timm, up to the block whose output is read: the one before its last. */
const towerSchema = z
  .strictObject({
    width: size,
    /** Blocks up to that one. */
    depth: size,
    mlp: size,
    heads: size,
    /** Whether a class token stands before the patches. */
    classToken: z.boolean(),
    /** Register tokens behind it. */
    registers: z.int().min(0),
    /** Whether what a block adds is scaled (LayerScale). */
    layerScale: z.boolean(),
    /** Subtracted from pixels, then divided by. */
    mean: channels,
    std: channels.refine((values) => values.every((value) => value > 0), 'must be above 0'),
  })
  .refine(({ width, heads }) => width % heads === 0, {
    path: ['width'],
    message: 'must be a multiple of heads',
  });

export type TowerConfig = z.infer<typeof towerSchema>;

/** How an image becomes a square: as it is, or padded first. */
export const RESIZES = ['naive', 'letterbox'] as const;

/** Rows of a chunk: an action at a time. */
export const HORIZON = 1;

/** Dimensions of an OpenVLA: any size, from a toy to the published one. */
export const openVlaConfigSchema = z
  .strictObject({
    /** Pixels of an image's side, and of a patch's. */
    imageSize: size,
    patch: size,
    resize: z.enum(RESIZES).default('naive'),
    /** DINOv2 and SigLIP, whose features stand beside each other. */
    towers: z.tuple([towerSchema, towerSchema]),
    /** Width of the projector's first layer. */
    projector: size,
    language: languageSchema.extend({
      /** Added to the mean of squares in its norms. */
      normEpsilon: z.number().positive(),
    }),
    /** Ids of text; those of actions are the last of them. */
    textVocabulary: size,
    /** Ends of the bins of an action from −1 to 1. */
    bins: z.int().min(2),
    /** Prompt tokens at most. */
    maxTokens: size,
    /** Numbers of an action, each of them a token. */
    actionDim: size,
    /** Numbers of the robot's state, which the policy does not read. */
    stateDim: size,
  })
  .superRefine(({ imageSize, patch, language, textVocabulary, bins }, context) => {
    const fault = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (imageSize % patch !== 0) fault(['imageSize'], `must be a multiple of patch (${patch})`);
    if (language.heads % language.kvHeads !== 0)
      fault(['language', 'heads'], 'must be a multiple of kvHeads');
    if (textVocabulary > language.vocabulary)
      fault(['textVocabulary'], `is more than language.vocabulary (${language.vocabulary})`);
    if (bins > textVocabulary) fault(['bins'], `is more than textVocabulary (${textVocabulary})`);
  });

export type OpenVlaConfig = z.infer<typeof openVlaConfigSchema>;

/** Tokens of an image. */
export const patchesOf = ({ imageSize, patch }: Pick<OpenVlaConfig, 'imageSize' | 'patch'>) =>
  (imageSize / patch) ** 2;
