import { UserError } from '../../../errors.ts';
import {
  type InferenceSession,
  type SessionConfig,
  Tensor,
  executionProvidersOf,
} from '../../../session/session.ts';
import { gaussianNoise } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { NoiseSource } from '../../chunkPolicy.ts';
import { type FamilySampler, type Feeds, NOTHING_TO_LEARN, type SamplerOptions } from '../../family.ts'; // prettier-ignore
import { openOnWeights } from '../../paligemma/openOnWeights.ts';
import { createSampling } from '../../sampling.ts';
import { makeTransforms } from '../../vectors/transforms.ts';
import { type OctoConfig, chunkSize } from './config.ts';
import { inputNames, sampleGraph, textGraph } from './graphs.ts';
import { instructionInput, wholeText } from './instruction.ts';

type OctoBundle = Bundle<OctoConfig>;

const bool = (value: boolean, dims: readonly number[]) =>
  new Tensor('bool', Uint8Array.of(Number(value)), dims);

/** The observation's masks and goal images: one step, without goals, without the absent cameras. */
export function observationInputs({ images, language }: OctoConfig) {
  const goals = Object.fromEntries(
    images.flatMap(({ name, goal, imageSize: side }) => {
      const nothing = new Tensor('uint8', new Uint8Array(side * side * 3), [1, side, side, 3]);
      return goal ? [[inputNames(name).goal, nothing] as const] : [];
    }),
  );
  const step = bool(true, [1, 1]);
  return (absent: readonly number[]): Feeds => ({
    ...goals,
    steps: step,
    ...Object.fromEntries(
      images.map(({ name }, i) => [inputNames(name).seen, bool(!absent.includes(i), [1, 1])]),
    ),
    ...(language && { instructed: bool(language.encoder !== undefined, [1]) }),
  });
}

/** The noise of a chunk: what it begins with, and that of each step. */
function noiseInputs(config: OctoConfig, source: NoiseSource) {
  const count = chunkSize(config);
  const { steps } = config.head;
  const noise =
    source === 'zero'
      ? new Float32Array(count)
      : (source.given ?? gaussianNoise(source.seed, count));
  const draws =
    source === 'zero'
      ? new Float32Array(steps * count)
      : gaussianNoise([source.seed, 1], steps * count);
  return {
    noise,
    feeds: {
      noise: new Tensor('float32', noise, [1, count]),
      draws: new Tensor('float32', draws, [steps, 1, count]),
    },
  };
}

/** Opens the text encoder, where the policy has one. */
export async function openText(
  bundle: OctoBundle,
  session: SessionConfig,
): Promise<InferenceSession | undefined> {
  const { language } = bundle.architecture;
  if (!language?.encoder) return undefined;
  return openOnWeights(bundle, session, (weights, products) =>
    textGraph(bundle.architecture, weights, products),
  );
}

/** Instructions as the sample graph reads them, each encoded once. Those of a policy without an encoder do not count. */
async function instructionFeeds(bundle: OctoBundle, text: InferenceSession | undefined) {
  const { language } = bundle.architecture;
  if (!language) return () => Promise.resolve({});
  const { tokens, width } = language;
  const none = new Tensor('float32', new Float32Array(tokens * width), [1, tokens, width]);
  if (!text) return () => Promise.resolve({ language: none });
  const inputsOf = await instructionInput(bundle);
  let last: { prompt: string; feeds: Feeds } | undefined;
  return async (prompt: string): Promise<Feeds> => {
    if (prompt !== last?.prompt)
      last = { prompt, feeds: { ...(await text.run(inputsOf(prompt))) } };
    return last.feeds;
  };
}

/** Opens a sampler: a chunk is one call, of the transformer and of all steps of the diffusion. */
export async function openOcto(
  bundle: OctoBundle,
  { session, scaler }: SamplerOptions,
): Promise<FamilySampler> {
  const { architecture: config, version, shape } = bundle;
  const text = await openText(bundle, session);
  const graph = await openOnWeights(bundle, session, (weights, products) =>
    sampleGraph(config, weights, products),
  );
  const transforms = makeTransforms(bundle.transforms, shape);
  const observed = observationInputs(config);
  const instructionOf = await instructionFeeds(bundle, text);
  const { images, sample } = createSampling(bundle, scaler, (feeds) => graph.run(feeds));
  const imageFeeds = () =>
    Object.fromEntries(
      config.images.map(({ name, imageSize: side }, i) => [
        inputNames(name).image,
        new Tensor('uint8', images.pictures[i], [1, 1, side, side, 3]),
      ]),
    );
  return {
    executionProviders: executionProvidersOf(graph),
    see: images.see,
    async sample(request) {
      const { state, prompt, noise: source, absent = [] } = request;
      if (source !== 'zero' && source.exploration)
        throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
      const instruction = await instructionOf(prompt);
      return sample(request, () => {
        const { noise, feeds } = noiseInputs(config, source);
        return {
          feeds: { ...imageFeeds(), ...observed(absent), ...instruction, ...feeds },
          chunk: ({ actions }) => ({
            actions: transforms.actions(actions.data as Float32Array, state),
            noise,
            horizon: config.horizon,
            policyVersion: version,
          }),
        };
      });
    },
    adopt() {
      throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
    },
    async goldenChunk({ tokens, ...inputs }) {
      const { actions } = await graph.run({
        ...observed([]),
        ...(text && (await text.run(wholeText(tokens)))),
        ...inputs,
      });
      return actions.data as Float32Array;
    },
    async close() {
      await text?.release();
      await graph.release();
    },
  };
}
