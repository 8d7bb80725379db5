import { z } from 'zod';
import { type Trainable, trainableSchema } from '../../policy/trainable.ts';
import { readYaml, validate } from '../../validate.ts';

const share = z.number().min(0).max(1);
const positive = z.number().positive();

/** The ensemble of critics that tells how good a moment of an attempt is (Lyu et al., arXiv 2510.09976). */
export const criticsSchema = z
  .strictObject({
    /**
     * `moment`: V(s), the average of the paper's Q(s, chunk) over the chunks that the policy takes, which
     * are those of an update. `chunk`: Q(s, chunk) itself, and V(s) its mean over `baseline` chunks that the
     * policy samples anew. After 128 attempts of the shipped policy both foretold 0.59 of the variance of 64
     * others' returns, the second at 30 times the cost or more.
     */
    sees: z.enum(['moment', 'chunk']).default('moment'),
    /** Chunks sampled of each moment where critics see chunks. */
    baseline: z.int().min(1).default(4),
    /** Networks; the least of their estimates counts. 1 is the paper's ablation. */
    count: z.int().min(1).default(5),
    /** Units of each hidden layer. */
    hidden: z.array(z.int().min(1)).nonempty().default([64, 64]),
    /** Adam's rate; FPO++ (arXiv 2602.02481) takes 1e-4 on a hundred times the data of an update here. */
    rate: positive.default(1e-3),
    /** Of AdamW: some hundred chunks an update are soon learned by heart. */
    weightDecay: z.number().nonnegative().default(0.01),
    epochs: z.int().min(1).default(15),
    /** Chunks of a step. */
    minibatch: z.int().min(1).default(128),
    /** Share that the target networks keep at each step. */
    polyak: share.default(0.995),
    /**
     * Of the targets, a chunk: 0 is the paper's one-step target, which needs many steps for a reward at
     * the end to reach the beginning; 1 is the return.
     */
    lambda: share.default(0.95),
    /** First updates that train the critics alone (FPO++: one). */
    warmUp: z.int().min(0).default(1),
  })
  .prefault({});

export type CriticsConfig = z.infer<typeof criticsSchema>;

/**
 * What changes in the surrogate's formula. A pair's loss is the sum over executed rows of the mean over
 * joints (FPO++ for manipulation): averaged over rows, a divergence stays hidden from the clip.
 */
const surrogateShape = {
  /**
   * `pair`: a ratio for each pair of noise and time (FPO++, arXiv 2602.02481, eq. 10). `mean`: one a
   * chunk, of the pairs' mean losses (FPO, arXiv 2507.21053). `standardised`: one a chunk, of the change
   * standardised over the chunks computed at once (arXiv 2510.09976). `none`: the losses weighted by
   * advantage, without a ratio (its ablation).
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
  /** Reach of the ratio; FPO++ takes 0.01 to 0.03 for manipulation, of losses that are not centred. */
  clip: positive.max(1).default(0.5),
  /** Simple policy optimisation for negative advantages (FPO++); it helped locomotion, not manipulation. */
  aspo: z.boolean().default(false),
  /** Largest log ratio; its gradient passes (FPO++ for manipulation: 5). */
  logRatioClamp: positive.default(5),
};

/** How FPO improves a policy; where no source is given, figures are this project's own. */
export const fpoSchema = z.strictObject({
  /** The prefix stays frozen, so that it is encoded once for all epochs. */
  trainable: trainableSchema.refine(
    ({ parameters }) => parameters !== 'all',
    'must be expert or lora: the prefix stays frozen',
  ),
  seed: z.int().min(0),
  /** Pairs of noise and time a chunk (N of arXiv 2507.21053: 8; centred losses agree sooner). */
  samples: z.int().min(1).default(4),
  /**
   * How times are drawn: as the policy was trained (openpi's Beta), uniformly (arXiv 2507.21053), or
   * uniformly from 0.7 on, where the flow decides where a motion goes. A change that is learned there alone
   * is undone by the flow's later steps.
   */
  time: z.enum(['policy', 'uniform', 'noisy']).default('uniform'),
  /**
   * Losses of what exploration changed of a chunk, in place of those of the whole chunk: the target of a
   * velocity is then the old policy's own at the chunk that it makes of the same noise when it does not
   * explore, moved by the difference between the two chunks. What the network gets wrong at every chunk
   * alike cancels, which is otherwise most of a loss. Errors count as what they change of the chunk, t²
   * times the velocity's, and in units in which their mean is half the number of dimensions that exploration
   * moved, as a Gaussian's of that spread.
   */
  centred: z.boolean().default(true),
  ...surrogateShape,
  /** Largest old loss of a row (FPO++ for manipulation: 4): what the policy never did is no guide. */
  oldLossClamp: positive.default(4),
  /**
   * Steps of an update, at most, each along the gradient of all its chunks (FPO++: 8 minibatches of 30
   * environments). The first one commonly reaches the end of the trust region: along 128 of some 250 chunks
   * they took a policy from 31 to 58 %, along all to 71.
   */
  epochs: z.int().min(1).default(2),
  /** Chunks computed at once, for want of memory; the standardised ratio is standardised over them. */
  atOnce: z.int().min(1).default(128),
  /**
   * Way that a first step goes, of all parameters together; `stop` shortens it where it was too far. LoRA's
   * factors, half of which begin at zero, need far more. (With Adam's own epsilon this is Adam's rate;
   * FPO++: 1e-5.)
   */
  rate: positive.default(0.01),
  /** Largest norm of the gradient (FPO++: 1 to 25). */
  gradientNorm: positive.default(1),
  /** Adam's (FPO++ for manipulation). */
  beta1: share.lt(1).default(0.9),
  beta2: share.lt(1).default(0.99),
  /**
   * Adam's; beside it 1 leaves nothing of Adam's division by each parameter's own size, so that a step goes
   * along the gradient's average. Adam's 1e-8 moves what is noise as far as what tells: where one gripper
   * told of success (t = 4.9) and the other joints did not, an update of 128 attempts moved it five times as
   * far as them, and ten times with 1.
   */
  epsilon: positive.default(1),
  /** Discount of a control step (FPO++: 0.99 to 0.999, the last for long tasks). */
  gamma: share.default(0.999),
  /** Of generalised advantage estimation (arXiv 1506.02438), a chunk. */
  lambda: share.default(0.95),
  /**
   * Least deviation that advantages are divided by, of a reward of 1: where attempts end alike, what is
   * left is the critics' noise.
   */
  advantageFloor: positive.default(0.05),
  /**
   * Chunks whose advantage is within this share of the deviation are left out: there is next to nothing to
   * learn from them. Critics tell the outcome of a transfer after its grasp: seven of ten chunks are.
   */
  leastAdvantage: z.number().nonnegative().default(0.25),
  /**
   * How much of the step counts by which a policy looks elsewhere (see viewStep). There is one only where
   * attempts explore the view.
   */
  view: z.number().min(0).max(1).default(1),
  critics: criticsSchema,
  /** An update ends where the policy has gone this far. */
  stop: z
    .strictObject({
      /** Mean of ratio − 1 − log ratio over pairs; 0.4 is a log ratio of 0.9. A last step is shortened to it. */
      drift: positive.default(0.4),
      /**
       * The share of drift that is left, in a straight line over so many updates of the policy. What 64
       * attempts tell of a good policy is mostly noise: steps as long as the first ones lead away from it.
       */
      later: z
        .strictObject({
          share: share.gt(0).default(0.25),
          updates: z.int().min(1).default(8),
        })
        .prefault({}),
      /** Share of ratios beyond the clip. */
      clipShare: share.default(0.9),
    })
    .prefault({}),
});

export type FpoConfig = z.infer<typeof fpoSchema>;

export type SurrogateConfig = Pick<FpoConfig, keyof typeof surrogateShape>;

/** FPO's configuration: a YAML file's, and for what is not in it the defaults, on the action expert. */
export async function loadFpoConfig(path: string | undefined, seed: number): Promise<FpoConfig> {
  const given = path === undefined ? {} : ((await readYaml(path)) as object);
  const whole = { trainable: { parameters: 'expert' }, seed, ...given };
  return validate(fpoSchema, whole, path ?? 'the default configuration');
}

/** What learns by such a file. */
export const loadTrainable = async (path: string | undefined): Promise<Trainable> =>
  (await loadFpoConfig(path, 0)).trainable;
