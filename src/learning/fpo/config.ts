import { z } from 'zod';
import { type Trainable, trainableSchema } from '../../policy/trainable.ts';
import { readYaml, validate } from '../../validate.ts';
import { currentSettings } from '../oldNames.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/** The critics: an ensemble that estimates V(s), the discounted reward to come (Lyu et al., arXiv 2510.09976). */
export const criticsSchema = z
  .strictObject({
    /** Networks; the least of their estimates counts. 1 is the paper's ablation. */
    count: z.int().min(1).default(5),
    /** Units of each hidden layer. */
    hidden: z.array(z.int().min(1)).nonempty().default([64, 64]),
    /** Adam's rate; FPO++ (arXiv 2602.02481) takes 1e-4 on a hundred times the data of an update here. */
    rate: positive.default(1e-3),
    /** AdamW's; without it the critics overfit the few hundred chunks of an update. */
    weightDecay: z.number().nonnegative().default(0.01),
    epochs: z.int().min(1).default(15),
    /** Chunks of a step. */
    minibatch: z.int().min(1).default(128),
    /** Share that the target networks keep at each step. */
    polyak: share.default(0.995),
    /**
     * λ of the targets, per chunk: 0 is the paper's one-step target, which needs many steps for a reward at
     * the end to reach the beginning; 1 is the return.
     */
    lambda: share.default(0.95),
    /** First updates that train the critics alone (FPO++: one). */
    warmUp: z.int().min(0).default(1),
  })
  .prefault({});

export type CriticsConfig = z.infer<typeof criticsSchema>;

/** Variants of the method, for research; the defaults are the ones to use. */
const ablationSchema = z
  .strictObject({
    /**
     * `pair`: a ratio for each pair of noise and time (FPO++, arXiv 2602.02481, eq. 10). `mean`: one a
     * chunk, of the pairs' mean losses (FPO, arXiv 2507.21053). `standardised`: one a chunk, of the change
     * standardised over a microbatch (arXiv 2510.09976). `none`: the losses weighted by advantage, without
     * a ratio (its ablation).
     */
    ratio: z.enum(['pair', 'mean', 'standardised', 'none']).default('pair'),
    /**
     * Of the standardised ratio exp(beta·z), z = (change − mean) / max(deviation, floor): arXiv 2510.09976
     * gives no figures. With beta = floor the ratio is FPO's until the changes spread beyond the floor.
     */
    beta: positive.default(0.05),
    deviationFloor: positive.default(0.05),
    /** False: the ratio is not clipped (ablation of arXiv 2510.09976). */
    clipping: z.boolean().default(true),
    /** Simple policy optimisation for negative advantages (FPO++); it helped locomotion, not manipulation. */
    aspo: z.boolean().default(false),
    /** Largest log ratio; its gradient passes (FPO++ for manipulation: 5). */
    logRatioClamp: positive.default(5),
    /** Largest old loss of a row (FPO++ for manipulation: 4): actions far from the policy's are no guide. */
    oldLossClamp: positive.default(4),
    /**
     * Distribution of flow times: `policy` as the policy was trained (openpi's Beta), `uniform` (arXiv
     * 2507.21053), or `noisy`, uniform from 0.7 on, where the flow decides where a motion goes. A change
     * learned there alone is undone by the flow's later steps.
     */
    time: z.enum(['policy', 'uniform', 'noisy']).default('uniform'),
    /**
     * True: the loss of the difference that exploration made, in place of the whole chunk's. The target of a
     * velocity is then the old policy's own at the chunk that it makes of the same noise without exploration,
     * moved by the difference between the two chunks. The network's error that is common to both cancels; it
     * is otherwise most of a loss. Errors count as what they change of the chunk, t² times the velocity's,
     * in units in which their mean is half the number of dimensions that exploration moved, as that of a
     * Gaussian of exploration's spread.
     */
    centred: z.boolean().default(true),
    /** Adam's (FPO++ for manipulation). */
    beta1: share.lt(1).default(0.9),
    beta2: share.lt(1).default(0.99),
    /**
     * Adam's. At 1 its division by each parameter's own size has no effect, so that a step follows the mean
     * gradient. At Adam's 1e-8 noise moves parameters as far as signal does: where one gripper told success
     * from failure (t = 4.9) and the other joints did not, an update of 128 attempts moved it five times as
     * far as them, and ten times with 1.
     */
    epsilon: positive.default(1),
  })
  .prefault({});

/** Where an update ends. */
const trustRegionSchema = z
  .strictObject({
    /** Largest mean over pairs of ratio − 1 − log ratio; 0.4 is a log ratio of 0.9. A last step is shortened to it. */
    maxKl: positive.default(0.4),
    /**
     * maxKl falls in a straight line to this share over so many policy updates. Where a policy is good, most
     * of what 64 attempts say is noise, and steps as long as the first ones lead away from it.
     */
    decay: z
      .strictObject({
        share: share.gt(0).default(0.25),
        updates: z.int().min(1).default(8),
      })
      .prefault({}),
    /** Largest share of ratios outside 1 ± clip. */
    maxClipFraction: share.default(0.9),
  })
  .prefault({});

const settingsSchema = z.strictObject({
  /** The prefix stays frozen, so that it is encoded once for all epochs. */
  trainable: trainableSchema.refine(
    ({ parameters }) => parameters !== 'all',
    'must be expert or lora: the prefix stays frozen',
  ),
  seed: z.int().min(0),
  /** Pairs of noise and time a chunk (N of arXiv 2507.21053: 8; centred losses agree sooner). */
  samples: z.int().min(1).default(4),
  /**
   * Steps of an update, at most, each along the gradient of all its chunks (FPO++: 8 minibatches of 30
   * environments). The first one commonly reaches the end of the trust region: along 128 of some 250 chunks
   * they took a policy from 31 to 58 %, along all to 71.
   */
  epochs: z.int().min(1).default(2),
  /** Chunks computed at once, as memory allows; the standardised ratio is standardised over them. */
  microbatch: z.int().min(1).default(128),
  /**
   * Length of a first step over all parameters together; the trust region shortens it where it is too long.
   * LoRA's factors, half of which begin at zero, need far more. (With Adam's own epsilon this is Adam's
   * rate; FPO++: 1e-5.)
   */
  rate: positive.default(0.01),
  /** Largest norm of the gradient (FPO++: 1 to 25). */
  maxGradientNorm: positive.default(1),
  /** Half width of the clip around a ratio of 1; FPO++ takes 0.01 to 0.03 for manipulation, of losses that are not centred. */
  clip: positive.max(1).default(0.5),
  trustRegion: trustRegionSchema,
  /** Discount of a control step (FPO++: 0.99 to 0.999, the last for long tasks). */
  gamma: share.default(0.999),
  /** λ of generalised advantage estimation (arXiv 1506.02438), per chunk. */
  lambda: share.default(0.95),
  /**
   * Least deviation that advantages are divided by, for a reward of 1: where attempts end alike, what is
   * left is the critics' noise.
   */
  advantageFloor: positive.default(0.05),
  /**
   * Least size of a standardised advantage; chunks below it are left out, as there is next to nothing to
   * learn from them. Critics know the outcome of a transfer after its grasp: seven of ten chunks are below.
   */
  minAdvantage: z.number().nonnegative().default(0.25),
  /** Share of a step of the view that is taken (see viewStep); there is one only where attempts explore the view. */
  view: z.number().min(0).max(1).default(1),
  critics: criticsSchema,
  ablation: ablationSchema,
});

export type FpoConfig = z.infer<typeof settingsSchema>;

/** What decides the surrogate's formula. */
export type SurrogateConfig = Pick<FpoConfig, 'clip'> & FpoConfig['ablation'];

export const surrogateConfig = ({ clip, ablation }: FpoConfig): SurrogateConfig => ({
  clip,
  ...ablation,
});

/** Removes what critics of earlier versions had to choose from: Q(s, chunk) did no better at thirty times the cost. */
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
 * How FPO improves a policy; where no source is given, figures are this project's own. Settings of earlier
 * versions are read under their old names.
 */
export const fpoSchema = z
  .unknown()
  .transform(currentSettings)
  .pipe(withoutFormerCritics)
  .pipe(settingsSchema);

/** The settings in a YAML file: in its blocks `fpo` and `ablation`, or all at the top level as in older files. */
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

/** FPO's configuration: a YAML file's, and for what is not in it the defaults, on the action expert. */
export async function loadFpoConfig(path: string | undefined, seed: number): Promise<FpoConfig> {
  const source = path ?? 'the default configuration';
  const content = path === undefined ? {} : ((await readYaml(path)) as object | null);
  const isInBlocks = typeof content === 'object' && content !== null && 'fpo' in content;
  const settings = isInBlocks ? validate(fileSchema, content, source) : content;
  return validate(fpoSchema, { trainable: { parameters: 'expert' }, seed, ...settings }, source);
}

/** What learns by such a file. */
export const loadTrainable = async (path: string | undefined): Promise<Trainable> =>
  (await loadFpoConfig(path, 0)).trainable;
