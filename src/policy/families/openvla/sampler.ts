import { UserError } from '../../../errors.ts';
import { Tensor, executionProvidersOf } from '../../../session/session.ts';
import type { ElementType } from '../../../tensors/elementType.ts';
import type { Bundle } from '../../bundle/config.ts';
import { type FamilySampler, NOTHING_TO_LEARN, type SamplerOptions } from '../../family.ts';
import type { WeightSource } from '../../paligemma/network.ts';
import { openOnWeights } from '../../paligemma/openOnWeights.ts';
import { createSampling } from '../../sampling.ts';
import { makeTransforms } from '../../vectors/transforms.ts';
import { demandFinite } from '../../writtenTokens.ts';
import { checkIds, numbersOf } from './actionTokens.ts';
import { HORIZON, type OpenVlaConfig } from './config.ts';
import { sampleGraph } from './graphs.ts';
import { loadPrompts } from './tokenizer.ts';

/** An action comes from its tokens alone. */
const NO_NOISE = new Float32Array();

/** The prompt as the policy reads it. */
export const tokensInput = (ids: readonly number[]): Tensor =>
  new Tensor('int64', BigInt64Array.from(ids, BigInt), [1, ids.length]);

/** Opens a sampler: an action is one call, which writes its tokens one by one, the likeliest of each step. */
export async function openOpenVla(
  bundle: Bundle<OpenVlaConfig>,
  { session, scaler }: SamplerOptions,
): Promise<FamilySampler> {
  const { architecture: config, version, shape, cameras } = bundle;
  const encode = await loadPrompts(bundle.folder, config);
  const build = (weights: WeightSource, products?: ElementType) =>
    sampleGraph(config, weights, products);
  const graph = await openOnWeights(bundle, session, build, { again: true });
  const transforms = makeTransforms(bundle.transforms, shape);
  const { images, sample } = createSampling(bundle, scaler, (feeds) =>
    graph.run(feeds, ['written', 'logits']),
  );
  const side = config.imageSize;
  const picture = new Tensor('uint8', images.bytes, [1, 1, side, side, 3]);
  const steps = [config.actionDim, config.language.vocabulary];
  const likeliest = new Tensor('float32', new Float32Array(steps[0] * steps[1]), steps);

  return {
    executionProviders: executionProvidersOf(graph),
    see: images.see,
    async sample(request) {
      const { state, prompt, noise, absent = [] } = request;
      if (noise !== 'zero' && noise.exploration)
        throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
      if (absent.length > 0)
        throw new UserError(
          `there is no image of ${cameras[absent[0]]}, and this policy reads no other camera`,
          { kind: 'missing', subject: cameras[absent[0]] },
        );
      return sample(request, () => ({
        feeds: { images: picture, tokens: tokensInput(encode(prompt)), noise: likeliest },
        chunk({ written, logits }) {
          demandFinite(logits.data as Float32Array);
          const ids = Array.from(written.data as BigInt64Array, Number);
          checkIds(ids, config);
          const actions = Float32Array.from(numbersOf(ids, config));
          return {
            actions: transforms.actions(actions, state),
            noise: NO_NOISE,
            horizon: HORIZON,
            policyVersion: version,
          };
        },
      }));
    },
    adopt() {
      throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
    },
    async goldenChunk(inputs) {
      const { logits } = await graph.run(inputs, ['logits']);
      return logits.data as Float32Array;
    },
    close: () => graph.release(),
  };
}
