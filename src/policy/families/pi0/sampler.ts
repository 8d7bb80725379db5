import { join as joinPath } from 'node:path';
import { UserError } from '../../../errors.ts';
import { warn } from '../../../warnings.ts';
import { Tensor } from '../../../session/session.ts';
import {
  type View,
  exploredView,
  isStraight,
  lookAside,
  straightView,
  viewOfCamera,
} from '../../../images/view.ts';
import { gaussianNoise } from '../../../tensors/noise.ts';
import type { Bundle } from '../../bundle/config.ts';
import { chainOf } from '../../chain.ts';
import { type CameraImages, picturesIn } from '../../cameraImages.ts';
import type { Chunk, Join, Joined, NoiseSource } from '../../chunkPolicy.ts';
import { type Spread, deviationsOf, explorationNoise } from '../../exploration.ts';
import { type FamilySampler, type Feeds, NOTHING_TO_LEARN, type SamplerOptions } from '../../family.ts'; // prettier-ignore
import { type Offset, displaced, exploredOffset, isNone, noOffset } from '../../offset.ts';
import { joinWeights } from '../../joining.ts';
import type { SampledJoin } from '../../joinKinds.ts';
import { createSampling } from '../../sampling.ts';
import { type Tickets, playedTicket, ticketNoise } from '../../ticket.ts';
import type { Trainable } from '../../trainable.ts';
import { type PolicyTransforms, makeTransforms } from '../../vectors/transforms.ts';
import { type Pi0Config, hasStateToken } from './config.ts';
import { promptTexts } from './prompt.ts';
import { integrationTensor } from '../../integrationTensor.ts';
import { goldenIntegration } from './goldenIntegration.ts';
import { type Adopted, adopted, initialParameters } from '../../paligemma/adopted.ts';
import { type GraphKind, candidateNoise, openCandidates } from './candidates.ts';
import { openSampleGraph } from './sampleGraphs.ts';
import { trainableParameters } from './trainable.ts';
import { TOKENIZER_FILE } from '../../paligemma/tokenizer.ts';
import { loadTokenizer } from './tokenizer.ts';

type Pi0Bundle = Bundle<Pi0Config>;

/** Opens a π0's sampler; see openSampler. */
export async function openPi0(
  bundle: Pi0Bundle,
  { session, trainable, adapter, joins, features, scaler }: SamplerOptions,
): Promise<FamilySampler> {
  const { horizon, actionDim } = bundle.architecture;
  const own = await ownParameters(bundle, trainable);
  let current = adapter ? adopted(adapter) : own;
  const transforms = makeTransforms(bundle.transforms, bundle.shape);
  const openGraph = (kind: GraphKind) =>
    openSampleGraph(bundle, session, trainable, { joins, features, ...kind });
  const chunks = await openCandidates(bundle, { session, adapter, transforms, openGraph });
  const { images, sample } = createSampling(bundle, scaler, (feeds) => chunks.run(feeds));
  const imagesOf = imageInput(bundle, images);
  const observed = await observationInputs(bundle, transforms);
  const explorationOf = explorationInputs(bundle, trainable);
  const previousOf = previousInputs(bundle, transforms, joins);
  const integration = integrationTensor(bundle.integration!);
  const straight = straightView(bundle.cameras.length);

  return {
    executionProviders: chunks.executionProviders,
    see: images.see,
    sample: (request) =>
      sample(request, (present) => {
        const { state, prompt, noise: source, join } = request;
        const count = chunks.countOf(request);
        const noise = candidateNoise(noiseOf(source, current, horizon * actionDim), source, count);
        const { version, parameters, spread } = current;
        const joined = joinedTo(bundle, joins, join, transforms.actionSize(state.length));
        const view = placeOf('view', current.view ?? straight, source, spread);
        const offset = placeOf('offset', current.offset ?? noOffset(actionDim), source, spread);
        const explored = explorationOf(source);
        const feeds = {
          integration,
          images: imagesOf(view, present),
          ...parameters,
          ...explored,
          ...observed(prompt, state),
          ...previousOf(joined, state, offset),
          ...chunks.steering.feeds(request),
          noise: new Tensor('float32', noise, [count, horizon, actionDim]),
        };
        return {
          feeds,
          chunk: async (outputs) => {
            const { actions, best } = await chunks.choose(request, outputs);
            return {
              actions: transforms.actions(displaced(actions, offset, 1), state),
              noise: begunFrom(noise, outputs, best, actions.length),
              ...(!isStraight(view) && { view }),
              ...(!isNone(offset) && { offset }),
              ...(count === 1 && recordedChain(source, outputs.states, explored.exploration)),
              ...(joined && { joined }),
              ...(features && { features: outputs.features.data as Float32Array }),
              integration: bundle.integration,
              horizon,
              policyVersion: version,
            };
          },
        };
      }),
    async adopt(next) {
      await chunks.adopt(next);
      current = next ? adopted(next) : own;
    },
    async goldenChunk(inputs) {
      const table = goldenIntegration(inputs);
      const feeds = {
        ...table.feeds,
        ...own.parameters,
        ...chunks.steering.feeds(),
        ...explorationOf('zero', table.calls),
        ...previousOf(undefined, new Float64Array(), noOffset(actionDim)),
      };
      const { actions } = await chunks.run(feeds);
      return actions.data as Float32Array;
    },
    close: () => chunks.close(),
  };
}

/** What a policy is sampled with before it adopts anything. */
const ownParameters = async (bundle: Pi0Bundle, trainable?: Trainable): Promise<Adopted> =>
  trainable
    ? initialParameters(bundle, trainableParameters(trainable, bundle.architecture), trainable)
    : { version: bundle.version, parameters: {} };

/** The flow's start unless it is steered, of so many numbers. */
function noiseOf(source: NoiseSource, tickets: Tickets, count: number): Float32Array {
  const ticket = playedTicket(tickets, source);
  if (ticket !== undefined) return ticketNoise(ticket, count);
  if (source !== 'zero' && source.given) return source.given;
  const size = source === 'zero' ? 0 : (source.exploration?.initialNoise ?? 1);
  if (source === 'zero' || size === 0) return new Float32Array(count);
  return gaussianNoise(source.seed, count).map((value) => size * value);
}

/** The noise that a candidate, of so many numbers, was begun from: of a graph that can steer it, what that made of it. */
function begunFrom(noise: Float32Array, { steered_noise }: Feeds, candidate: number, size: number) {
  const begun = (steered_noise as Tensor | undefined)?.data as Float32Array | undefined;
  return (begun ?? noise).slice(candidate * size, (candidate + 1) * size);
}

/** The steps of a flow with this noise, where its attempt records them. */
function recordedChain(
  source: NoiseSource,
  states: Tensor | undefined,
  noise: Tensor | undefined,
): Pick<Chunk, 'chain'> {
  if (source === 'zero' || !source.exploration?.chain || !states || !noise) return {};
  return {
    chain: chainOf(source.exploration, states.data as Float32Array, noise.data as Float32Array),
  };
}

/** How a place is explored from. */
const EXPLORED = { view: exploredView, offset: exploredOffset };

/** A policy's own view or offset, or that of a chunk whose attempt explores from it. */
function placeOf(
  kind: keyof typeof EXPLORED,
  own: Float32Array,
  source: NoiseSource,
  spread: Spread | undefined,
): Float32Array {
  if (source === 'zero' || !source.exploration?.[kind]) return own;
  const { seed, attempt = seed, exploration } = source;
  const deviations = deviationsOf(exploration[kind], exploration, attempt, own.length, spread?.[kind]); // prettier-ignore
  return EXPLORED[kind](own, deviations, attempt);
}

/** The images as the graph takes them, as they are seen from a view. */
function imageInput({ shape }: Pi0Bundle, { bytes, pictures, placings }: CameraImages) {
  const [{ width: side }] = shape.images;
  const aside = new Uint8Array(bytes.length);
  const moved = picturesIn(aside, shape.images);
  const tensorOf = (data: Uint8Array, cameras: number) =>
    new Tensor('uint8', data, [1, cameras, side, side, 3]);
  const [straight, askew] = [bytes, aside].map((data) => tensorOf(data, pictures.length));
  return (view: View, present: readonly number[]): Tensor => {
    if (!isStraight(view))
      for (const i of present)
        lookAside(pictures[i], side, placings[i], viewOfCamera(view, i), moved[i]);
    if (present.length === pictures.length) return isStraight(view) ? straight : askew;
    const shown = isStraight(view) ? pictures : moved;
    return tensorOf(Buffer.concat(present.map((i) => shown[i])), present.length);
  };
}

/** Prompt and state as the policy reads them: the state in the prompt, or padded beside it. */
async function observationInputs(bundle: Pi0Bundle, transforms: PolicyTransforms) {
  const { architecture } = bundle;
  const path = joinPath(bundle.folder, TOKENIZER_FILE);
  const tokenize = await loadTokenizer(path, architecture);
  let warnedOf: string | undefined;
  const promptTensor = memoLast(
    (prompt: string, state: Float32Array) => {
      const { tokens, warning } = tokenize(prompt, state);
      if (warning && prompt !== warnedOf) warn(warning);
      warnedOf = prompt;
      return new Tensor('int64', tokens, [1, tokens.length]);
    },
    (...read) => promptTexts(architecture, ...read).join(''),
  );
  return (prompt: string, state: Float64Array): Feeds => {
    const normalised = transforms.state(state);
    const tokens = promptTensor(prompt, normalised.subarray(0, state.length));
    if (!hasStateToken(architecture)) return { tokens };
    return { tokens, state: new Tensor('float32', normalised, [1, architecture.stateDim]) };
  };
}

/** The noise that is added during the flow, for a graph that takes such. */
function explorationInputs(
  { integration, architecture: { horizon, actionDim } }: Pi0Bundle,
  trainable: Trainable | undefined,
) {
  const { steps } = integration!;
  const none = new Float32Array(steps * horizon * actionDim);
  return (source: NoiseSource, calls = steps): Feeds => {
    const exploration = source === 'zero' ? undefined : source.exploration;
    if (!trainable) {
      if (exploration) throw new UserError(NOTHING_TO_LEARN, { kind: 'unsupported' });
      return {};
    }
    const noise =
      source === 'zero' || !exploration
        ? calls === steps
          ? none
          : new Float32Array(calls * horizon * actionDim)
        : explorationNoise(
            exploration,
            { seed: source.seed, attempt: source.attempt ?? source.seed },
            { integration: integration!, horizon, actionDim },
          );
    return { exploration: new Tensor('float32', noise, [calls, 1, horizon, actionDim]) };
  };
}

const joinedTo = (
  bundle: Pi0Bundle,
  kind: SampledJoin | undefined,
  join: Join | undefined,
  joints: number,
): Joined | undefined =>
  kind && join && { kind, rows: join.rows, weights: joinWeights(kind, join, joints, bundle) };

/** The chunk in play as the graph takes it; weights of zero where there is none. */
function previousInputs(
  { architecture: { horizon, actionDim } }: Pi0Bundle,
  transforms: PolicyTransforms,
  joins: SampledJoin | undefined,
) {
  return (joined: Joined | undefined, state: Float64Array, offset: Offset): Feeds => {
    if (!joins) return {};
    const previous = new Float32Array(horizon * actionDim);
    if (joined) previous.set(displaced(transforms.targets(joined.rows, state), offset, -1));
    const weights = joined?.weights ?? new Float32Array(horizon);
    return {
      previous: new Tensor('float32', previous, [1, horizon, actionDim]),
      prefix_weights: new Tensor('float32', weights, [1, horizon, 1]),
    };
  };
}

/** Remembers the result of the last arguments: what is read changes rarely. */
function memoLast<Arguments extends unknown[], T>(
  compute: (...given: Arguments) => T,
  keyOf: (...given: Arguments) => string,
): (...given: Arguments) => T {
  let last: { key: string; value: T } | undefined;
  return (...given) => {
    const key = keyOf(...given);
    if (last?.key !== key) last = { key, value: compute(...given) };
    return last.value;
  };
}
