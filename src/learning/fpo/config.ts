import { z } from 'zod';
import { validate } from '../../validate.ts';
import { behindPrefixSchema, readSettings } from '../methodSettings.ts';
import { currentSettings } from '../oldNames.ts';
import { creditSettings, trustRegionSchema } from '../policyGradient/config.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/** Variants of the method, for research; the defaults are the ones to use. */
const ablationSchema = z
  .strictObject({
    /**
     * The probability ratio. `pair`: one per pair of noise and time (FPO++, arXiv 2602.02481, eq. 10).
     * `mean`: one per chunk, from the mean of its pairs' losses (FPO, arXiv 2507.21053). `standardised`: one
     * per chunk, from the change in loss standardised over a microbatch (arXiv 2510.09976). `none`: losses
     * weighted by advantage, without a ratio (ablation of the latter).
     */
    ratio: z.enum(['pair', 'mean', 'standardised', 'none']).default('pair'),
    /**
     * Parameters of the standardised ratio exp(beta·z), z = (change − mean) / max(deviation, floor). arXiv
     * 2510.09976 gives no values. With beta = floor the ratio equals FPO's while the deviation is below the
     * floor.
     */
    beta: positive.default(0.05),
    deviationFloor: positive.default(0.05),
    /** False: the ratio is not clipped (ablation of arXiv 2510.09976). */
    clipping: z.boolean().default(true),
    /**
     * Simple policy optimisation for negative advantages (FPO++, where it helps locomotion but not
     * manipulation).
     */
    aspo: z.boolean().default(false),
    /** Clamp of the log ratio; the gradient passes through it (FPO++ for manipulation: 5). */
    logRatioClamp: positive.default(5),
    /**
     * Clamp of a row's old loss (FPO++ for manipulation: 4): actions far from the policy's carry no useful
     * gradient.
     */
    oldLossClamp: positive.default(4),
    /**
     * Distribution of flow times. `policy`: as in the policy's training (openpi's Beta). `uniform`: arXiv
     * 2507.21053. `noisy`: uniform from 0.7 up, where the flow decides the direction of a motion; later flow
     * steps undo a change learned only there.
     */
    time: z.enum(['policy', 'uniform', 'noisy']).default('uniform'),
    /**
     * True: the loss of the difference between the explored and the unexplored chunk, instead of the whole
     * chunk's loss. The velocity's target is the old policy's own velocity for the chunk that it makes from
     * the same noise without exploration, shifted by the difference between the two chunks. The network's
     * error, common to both and otherwise most of the loss, cancels. Errors are measured in the chunk, t²
     * times those of the velocity, and scaled so that their mean is half the number of explored dimensions,
     * as for a Gaussian with exploration's deviation.
     */
    centred: z.boolean().default(true),
    /** Adam's beta1 and beta2 (FPO++ for manipulation). */
    beta1: share.lt(1).default(0.9),
    beta2: share.lt(1).default(0.99),
    /**
     * Adam's epsilon. At 1 its division by each parameter's own scale has no effect, so a step follows the
     * mean gradient. At Adam's usual 1e-8, noise moves parameters as far as signal does: where only one
     * gripper's offset correlated with success (t = 4.9), an update of 128 attempts moved it five times as
     * far as the other joints, and ten times with epsilon 1.
     */
    epsilon: positive.default(1),
  })
  .prefault({});

const settingsSchema = z.strictObject({
  trainable: behindPrefixSchema,
  seed: z.int().min(0),
  /** Pairs of noise and time per chunk (N of arXiv 2507.21053: 8; fewer suffice with centred losses). */
  samples: z.int().min(1).default(4),
  /**
   * Maximum number of steps per update, each along the gradient of all its chunks (FPO++: 8 minibatches of 30
   * environments). The first step usually reaches the limit of the trust region. Steps along 128 of some 250
   * chunks took a policy from 31 to 58 %, steps along all of them to 71 %.
   */
  epochs: z.int().min(1).default(2),
  /**
   * Microbatch: chunks computed at once, as memory allows. The standardised ratio is standardised over them.
   */
  microbatch: z.int().min(1).default(128),
  /**
   * Norm of the first step over all parameters; the trust region shortens it if needed. LoRA's factors, half
   * of which start at zero, need a far larger one. (With Adam's own epsilon this is Adam's learning rate;
   * FPO++: 1e-5.)
   */
  rate: positive.default(0.01),
  /** Gradient clipping norm (FPO++: 1 to 25). */
  maxGradientNorm: positive.default(1),
  /**
   * Clip range: half the width around a ratio of 1. FPO++ uses 0.01 to 0.03 for manipulation, with losses
   * that are not centred.
   */
  clip: positive.max(1).default(0.5),
  trustRegion: trustRegionSchema,
  ...creditSettings,
  /** Step size of the view offset, 0 to 1 (see viewStep); used only if attempts explore the view. */
  view: z.number().min(0).max(1).default(1),
  ablation: ablationSchema,
});

export type FpoConfig = z.infer<typeof settingsSchema>;

/** The settings that determine the surrogate's formula. */
export type SurrogateConfig = Pick<FpoConfig, 'clip'> & FpoConfig['ablation'];

export const surrogateConfig = ({ clip, ablation }: FpoConfig): SurrogateConfig => ({
  clip,
  ...ablation,
});

/**
 * Drops the critic type that earlier versions could choose: Q(s, chunk) did no better at thirty times the
 * cost.
 */
const withoutFormerCritics = z
  .looseObject({
    critics: z
      .looseObject({
        sees: z
          .literal('moment', 'is no longer a choice: critics see the moment; remove it')
          .optional(),
        baseline: z.unknown().optional(),
      })
      .optional(),
  })
  .transform(({ critics, ...others }): unknown => {
    delete critics?.sees;
    delete critics?.baseline;
    return { ...others, critics };
  });

/**
 * FPO's configuration. Values without a source are this project's own. Settings of earlier versions are read
 * under their old names.
 */
export const fpoSchema = z
  .unknown()
  .transform(currentSettings)
  .pipe(withoutFormerCritics)
  .pipe(settingsSchema);

/**
 * The settings of a YAML file: in its blocks `fpo` and `ablation`, or all at the top level in older files.
 */
const fileSchema = z
  .strictObject({
    fpo: z.looseObject({}).nullish(),
    ablation: z.looseObject({}).nullish(),
  })
  .refine(({ fpo, ablation }) => !(ablation && fpo && 'ablation' in fpo), {
    path: ['ablation'],
    message: 'stands in the block fpo and beside it; keep one',
  })
  .transform(({ fpo, ablation }) => ({ ...(ablation && { ablation }), ...fpo }));

/** Loads FPO's configuration from a YAML file; defaults, on the action expert, for what it omits. */
export async function loadFpoConfig(path: string | undefined, seed: number): Promise<FpoConfig> {
  const { source, content } = await readSettings(path);
  const isInBlocks = typeof content === 'object' && content !== null && 'fpo' in content;
  const settings = isInBlocks ? validate(fileSchema, content, source) : content;
  return validate(fpoSchema, { trainable: { parameters: 'expert' }, seed, ...settings }, source);
}
