import { join as joinPath } from 'node:path';
import { UserError } from '../../../errors.ts';
import { type SessionConfig, Tensor, executionProvidersOf } from '../../../session/session.ts';
import { type Adapter, checkAdapter } from '../../bundle/adapter.ts';
import { type Adopted, adopted, initialParameters, openSampleGraph } from './sampleGraphs.ts';
import { BUNDLE_FILES } from '../../bundle/bundle.ts';
import type { Chunk, Join, Joined, NoiseSource } from '../../chunkPolicy.ts';
import { explorationNoise } from '../../exploration.ts';
import { type Image, type Placing, placingOf, threadScaler } from '../../../images/scaling.ts';
import { joinWeights } from '../../joining.ts';
import { gaussianNoise } from '../../../tensors/noise.ts';
import { hasStateToken } from './config.ts';
import { promptTexts } from './prompt.ts';
import { createSight } from '../../../images/coverage.ts';
import { loadTokenizer } from './tokenizer.ts';
import type { Trainable } from '../../trainable.ts';
import { makeTransforms } from '../../vectors/transforms.ts';
import { checkChunk } from '../../bundle/verification.ts';
import {
  type View,
  exploredView,
  isStraight,
  lookAside,
  straightView,
  viewOfCamera,
} from '../../../images/viewShift.ts';
import { type Bundle } from '../../bundle/config.ts';
import { type SampledJoin } from '../../joinKinds.ts';

/** What a chunk is sampled from, with its pixels at hand. */
export interface SampleRequest {
  /** In the order of the bundle's cameras; absent where they have been seen one by one. */
  images?: Image[];
  /** [joints] */
  state: Float64Array;
  prompt: string;
  noise: NoiseSource;
  /** Read by a sampler that joins chunks. */
  join?: Join;
}

const NOTHING_TO_LEARN = 'this policy was opened without anything to learn; say what is trainable';

/** Samples chunks from a bundle on this thread, which ONNX Runtime blocks while it computes. */
export interface Sampler {
  /** Those that it computes on, in order. */
  readonly executionProviders: readonly string[];
  /** Makes of a camera's image, by its place in the bundle, what the next chunk sees. */
  see(camera: number, image: Image): void;
  sample(request: SampleRequest): Promise<Chunk>;
  /**
   * Takes an adapter's parameters from the next chunk on. Throws a `UserError` for one that does not fit;
   * the parameters before it stay.
   */
  adopt(adapter: Adapter): void;
  /** Throws a `UserError` unless the bundle's own weights give its golden chunk here; see checkChunk. */
  verify(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a bundle's sampler. Where `trainable` is given, or the bundle has an adapter, what learns are
 * inputs of its graph, so that it can be exchanged while the session stays. Where it `joins`, chunks are
 * made to join the one in play. Throws a `UserError` for a policy that was not trained for it.
 */
export async function openSampler(
  bundle: Bundle,
  session: SessionConfig,
  trainable: Trainable | undefined = bundle.trainable,
  joins?: SampledJoin,
  scaler = threadScaler(),
): Promise<Sampler> {
  const { variant, horizon, actionDim, stateDim, vision } = bundle.pi0;
  const side = vision.imageSize;
  if (joins === 'trained' && bundle.maxDelay === undefined)
    throw new UserError(
      `${bundle.folder}: was not trained to go on from rows under way; train it by nalu imitate --max-delay, or join chunks in another way`,
    );
  const graph = await openSampleGraph(bundle, session, trainable, joins);
  const initial: Adopted = trainable
    ? await initialParameters(bundle, trainable)
    : { version: bundle.version, parameters: {} };
  let current = initial;
  const tokenize = await loadTokenizer(joinPath(bundle.folder, BUNDLE_FILES.tokenizer), bundle.pi0);
  const transforms = makeTransforms(bundle.transforms, bundle.pi0);

  const cameras = bundle.cameras.length;
  const imageBytes = side * side * 3;
  const [pixels, aside] = [0, 0].map(() => new Uint8Array(cameras * imageBytes));
  const pictures = (bytes: Uint8Array) =>
    bundle.cameras.map((_, i) => bytes.subarray(i * imageBytes, (i + 1) * imageBytes));
  const [seen, moved] = [pixels, aside].map(pictures);
  const placings: Placing[] = [];
  const look = createSight(bundle.cameras);
  /** ms that the next chunk's images took. */
  let seeing = 0;
  const see = (camera: number, image: Image) => {
    const began = performance.now();
    scaler.scale(image, side, seen[camera]);
    placings[camera] = placingOf(image, side);
    seeing += performance.now() - began;
  };
  const [straight, askew] = [pixels, aside].map(
    (bytes) => new Tensor('uint8', bytes, [1, cameras, side, side, 3]),
  );
  /** Where the next chunk looks. */
  const viewOf = (source: NoiseSource) => {
    const view = current.view ?? straightView(cameras);
    if (source === 'zero' || !source.exploration?.view) return view;
    return exploredView(view, source.exploration.view, source.attempt ?? source.seed);
  };
  const imagesOf = (view: View) => {
    if (isStraight(view)) return straight;
    seen.forEach((picture, i) =>
      lookAside(picture, side, placings[i], viewOfCamera(view, i), moved[i]),
    );
    return askew;
  };

  const fixed = {
    steps: new Tensor('int64', BigInt64Array.of(BigInt(bundle.steps)), []),
  };

  const noiseOf = (source: NoiseSource) => {
    const size = source === 'zero' ? 0 : (source.exploration?.initialNoise ?? 1);
    if (source === 'zero' || size === 0) return new Float32Array(horizon * actionDim);
    return gaussianNoise(source.seed, horizon * actionDim).map((value) => size * value);
  };

  const { steps } = bundle;
  const still = new Float32Array(steps * horizon * actionDim);
  /** What the flow is moved by as it goes, of a graph that takes such. */
  const explorationOf = (source: NoiseSource): Record<string, Tensor> => {
    const exploration = source === 'zero' ? undefined : source.exploration;
    if (!trainable) {
      if (exploration) throw new UserError(NOTHING_TO_LEARN);
      return {};
    }
    const noise =
      source === 'zero' || !exploration
        ? still
        : explorationNoise(
            exploration,
            { seed: source.seed, attempt: source.attempt ?? source.seed },
            { steps, horizon, actionDim },
          );
    return { exploration: new Tensor('float32', noise, [steps, 1, horizon, actionDim]) };
  };

  const joinedTo = (join: Join | undefined, joints: number): Joined | undefined =>
    joins &&
    join && { kind: joins, rows: join.rows, weights: joinWeights(joins, join, joints, bundle) };

  /** The chunk in play as the graph takes it, which counts for nothing where there is none. */
  const previousOf = (joined: Joined | undefined, state: Float64Array): Record<string, Tensor> => {
    if (!joins) return {};
    const previous = new Float32Array(horizon * actionDim);
    if (joined) previous.set(transforms.targets(joined.rows, state));
    const weights = joined?.weights ?? new Float32Array(horizon);
    return {
      previous: new Tensor('float32', previous, [1, horizon, actionDim]),
      prefix_weights: new Tensor('float32', weights, [1, horizon, 1]),
    };
  };

  let warnedOf: string | undefined;
  const promptTensor = memoLast(
    (prompt: string, state: Float32Array) => {
      const { tokens, warning } = tokenize(prompt, state);
      if (warning && prompt !== warnedOf) process.emitWarning(warning);
      warnedOf = prompt;
      return new Tensor('int64', tokens, [1, tokens.length]);
    },
    (...read) => promptTexts(variant, ...read).join(''),
  );

  /** The state as the policy reads it: in the prompt, or padded beside it. */
  const observed = (prompt: string, state: Float64Array): Record<string, Tensor> => {
    const normalised = transforms.state(state);
    const tokens = promptTensor(prompt, normalised.subarray(0, state.length));
    if (!hasStateToken(bundle.pi0)) return { tokens };
    return { tokens, state: new Tensor('float32', normalised, [1, stateDim]) };
  };

  return {
    executionProviders: executionProvidersOf(graph),
    see,
    async sample({ images, state, prompt, noise: source, join }) {
      images?.forEach((image, i) => see(i, image));
      const began = performance.now() - seeing;
      seeing = 0;
      const blind = look(seen, state);
      const noise = noiseOf(source);
      const joined = joinedTo(join, state.length);
      const { version, parameters } = current;
      const view = viewOf(source);
      const feeds = {
        ...fixed,
        images: imagesOf(view),
        ...parameters,
        ...explorationOf(source),
        ...observed(prompt, state),
        ...previousOf(joined, state),
        noise: new Tensor('float32', noise, [1, horizon, actionDim]),
      };
      const preprocessed = performance.now();
      const { actions } = await graph.run(feeds);
      const ran = performance.now();
      return {
        actions: transforms.actions(actions.data as Float32Array, state),
        noise,
        ...(!isStraight(view) && { view }),
        ...(joined && { joined }),
        ...(blind && { sight: blind }),
        horizon,
        policyVersion: version,
        timing: {
          preprocess: preprocessed - began,
          run: ran - preprocessed,
          total: performance.now() - began,
        },
      };
    },
    adopt(adapter) {
      if (!trainable) throw new UserError(NOTHING_TO_LEARN);
      checkAdapter(`adapter ${adapter.version}`, adapter, { ...bundle, trainable });
      current = adopted(adapter);
    },
    async verify() {
      await checkChunk(bundle, executionProvidersOf(graph), async (inputs) => {
        // Golden numbers are those of the bundle's weights, without its adapter.
        const own =
          trainable && bundle.trainable
            ? await initialParameters({ ...bundle, trainable: undefined }, trainable)
            : initial;
        const feeds = {
          ...inputs,
          ...own.parameters,
          ...explorationOf('zero'),
          ...previousOf(undefined, new Float64Array()),
        };
        const { actions } = await graph.run(feeds);
        return actions.data as Float32Array;
      });
    },
    close: () => graph.release(),
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
