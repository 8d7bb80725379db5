import { UserError } from '../../errors.ts';
import { learnableOf } from '../../policy/families/registry.ts';
import { makeTransforms } from '../../policy/vectors/transforms.ts';
import type { Tensor } from '../../session/session.ts';
import { createBatches } from '../train/batches.ts';
import { openFrozenPrefix } from './frozenPrefix.ts';
import { flowMatchingGraph } from './lossGraph.ts';
import type { ImitationOptions, Teaching } from './teaching.ts';

type Batch = Record<string, Tensor>;

const withoutMasks = (batch: Batch): Batch =>
  Object.fromEntries(
    Object.entries(batch).filter(([name]) => name !== 'camera_mask' && name !== 'token_mask'),
  );

/** Flow matching, for a policy whose chunks are samples of a flow. */
export async function openFlowTeaching(options: ImitationOptions): Promise<Teaching> {
  const { folder, bundle, demonstrations, settings, session } = options;
  const { cameras } = bundle;
  const stored = { ...bundle, folder };
  const policy = learnableOf(stored);
  const { trainable, samples, maxDelay, stateDropout } = settings;
  if (stateDropout !== undefined && !policy.hasState)
    throw new UserError(
      `--state-dropout: ${bundle.name} has no input for the state; leave it out`,
      { kind: 'unsupported', subject: '--state-dropout', fields: ['--state-dropout'] },
    );
  const tokenize = await policy.loadTokenizer(folder);
  const transforms = makeTransforms(bundle.transforms, policy);
  const batches = createBatches(demonstrations, cameras.length, {
    ...settings,
    ...{ policy, transforms, tokenize },
  });
  const isWhole = trainable.parameters === 'all';
  const prefix = isWhole ? undefined : await openFrozenPrefix(stored, session);
  return {
    graph: flowMatchingGraph({
      policy,
      trainable,
      observation: isWhole ? 'images' : 'cache',
      cameras: cameras.length,
      text: batches.text,
      masked: batches.padded,
      samples,
      dims: demonstrations[0].state.length,
      keeps: maxDelay > 0,
    }),
    batchOf: (step) => batches.of(step),
    feedsOf: (fed) => prefix?.apply(fed) ?? (batches.padded ? fed : withoutMasks(fed)),
    close: async () => prefix?.close(),
  };
}
