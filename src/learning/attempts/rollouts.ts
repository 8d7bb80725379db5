import type { Rollout, RolloutChunk } from './rollout.ts';
import type { ChunkRecord } from '../../episodes/episode.ts';
import type { Episode } from '../../episodes/readEpisode.ts';
import { invalid, messageOf } from '../../errors.ts';
import { type InferenceSession, type SessionConfig, Tensor } from '../../session/session.ts';
import { adaptableOf } from '../../policy/families/registry.ts';
import { type Adaptable, type Tokenize, padTokens } from '../../policy/learnable.ts';
import { type PolicyTransforms, makeTransforms } from '../../policy/vectors/transforms.ts';
import { type Offset, displaced } from '../../policy/offset.ts';
import type { View } from '../../images/view.ts';
import { executedRows, stepsBetween, stepsOfChunks } from './credit.ts';
import { type Viewpoint, imagesOf, unfit } from '../imitation/demonstrations.ts';
import { type Bundle } from '../../policy/bundle/config.ts';

/** Encodes episodes as rollouts. */
export interface RolloutEncoder {
  /**
   * Encodes an attempt, without the chunks of which no row was executed. Throws a UserError with the reason
   * if nothing can be learned from it: discarded, cut short, of another robot.
   */
  encode(episode: Episode): Promise<Rollout>;
  close(): Promise<void>;
}

/** Observations per call of the prefix graph. */
const AT_ONCE = 16;

/** Mean over valid tokens of `values` [heads, prefix, headDim] → [heads·headDim]. */
function pool(values: Float32Array, valid: Uint8Array, headDim: number): Float32Array {
  const heads = values.length / (valid.length * headDim);
  const pooled = new Float32Array(heads * headDim);
  const count = valid.reduce((sum, one) => sum + one, 0);
  for (let head = 0; head < heads; head++)
    for (let token = 0; token < valid.length; token++) {
      if (valid[token] === 0) continue;
      const from = (head * valid.length + token) * headDim;
      for (let i = 0; i < headDim; i++) pooled[head * headDim + i] += values[from + i] / count;
    }
  return pooled;
}

/** Splits the prefix graph's outputs by observation. */
function divideCaches(
  outputs: Record<string, Tensor>,
  { cache: { layers: depth, headDim } }: Adaptable,
) {
  const layers = Array.from({ length: depth }, (_, i) => [`keys.${i}`, `values.${i}`]).flat();
  const [count, prefix] = outputs.valid.dims;
  const partOf = <T extends Float32Array | Uint8Array>({ data }: Tensor, i: number) => {
    const size = data.length / count;
    return (data as T).subarray(i * size, (i + 1) * size) as T;
  };
  return Array.from({ length: count }, (_, i) => {
    const parts = layers.map((name) => partOf<Float32Array>(outputs[name], i));
    const cache = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
    parts.forEach((part, layer) => cache.set(part, layer * part.length));
    const valid = partOf<Uint8Array>(outputs.valid, i).slice();
    if (valid.length !== prefix) throw new Error('a mask of another length than its cache');
    return { cache, valid, pooled: pool(parts[parts.length - 1], valid, headDim) };
  });
}

/** The last row of the previous chunk that was already committed when `chunk` was observed. */
function committedRow(
  before: ChunkRecord | undefined,
  chunk: ChunkRecord,
  controlRate: number,
): Float32Array | undefined {
  if (!before || chunk.delay === 0 || chunk.join === 'synchronous') return undefined;
  const apart = stepsBetween(before.observationStamp, chunk.observationStamp, controlRate);
  const row = apart + chunk.delay - 1;
  const joints = before.actions.length / before.horizon;
  const last = Math.min(row, before.horizon - 1);
  return before.actions.subarray(last * joints, (last + 1) * joints);
}

/** The reason why a policy cannot learn from these chunks; undefined if it can. */
function unfitChunks(chunks: readonly ChunkRecord[], bundle: Bundle): string | undefined {
  const { cameras } = bundle;
  const { horizon, actionDim } = bundle.shape;
  const { unlike } = adaptableOf(bundle);
  const other = chunks.find((chunk) => chunk.horizon !== horizon);
  if (other) return `its chunks have ${other.horizon} rows, the policy's ${horizon}`;
  for (const chunk of chunks) {
    const reason = unlike(chunk);
    if (reason !== undefined) return reason;
  }
  if (!chunks.every(({ actions, noise }) => [...actions, ...noise].every(Number.isFinite)))
    return 'has chunks that are not finite';
  const isWhole = ({ chain, noise, integration = bundle.integration }: ChunkRecord) =>
    !chain ||
    [chain.states, chain.noise].every(
      (steps) =>
        steps.length === (integration?.steps ?? 0) * noise.length && steps.every(Number.isFinite),
    );
  if (!chunks.every(isWhole))
    return 'the recorded steps of its flows are not finite, or not one for each network call';
  const isView = (view: View) => view.length === 2 * cameras.length && view.every(Number.isFinite);
  const isOffset = (offset: Offset) => offset.length === actionDim && offset.every(Number.isFinite);
  if (!chunks.every(({ view }) => !view || isView(view)))
    return `its views are not two finite numbers for each of ${cameras.length} cameras`;
  if (chunks.some(({ offset }) => offset && !isOffset(offset)))
    return `its offsets are not ${actionDim} finite numbers`;
  if (chunks.some(({ join }) => join === 'ensemble'))
    return 'what was played is the mean of several chunks, so that none can be credited with it';
  if (!chunks.some(({ executedFrom, executedTo }) => executedTo > executedFrom))
    return 'none of its chunks was executed';
  return undefined;
}

/** What encoding needs of an open bundle. */
interface Encoding {
  bundle: Bundle;
  policy: Adaptable;
  view: Viewpoint;
  prefix: InferenceSession;
  tokenize: Tokenize;
  transforms: PolicyTransforms;
}

/** Encodes images and prompt of several observations; `states` [joints], normalised. */
async function encodePrefixes(
  { policy, view, prefix, tokenize }: Encoding,
  images: readonly Uint8Array[],
  prompt: string,
  states: readonly Float32Array[],
) {
  const { maxTokens } = policy;
  const { side } = view;
  const count = images.length;
  const cameras = view.cameras.length;
  const pixels = new Uint8Array(count * cameras * side * side * 3);
  const text = new BigInt64Array(count * maxTokens);
  const textMask = new Uint8Array(count * maxTokens);
  images.forEach((image, i) => {
    const { tokens, mask } = padTokens(tokenize(prompt, states[i]).tokens, maxTokens);
    pixels.set(image, i * image.length);
    text.set(tokens, i * maxTokens);
    textMask.set(mask, i * maxTokens);
  });
  const outputs = await prefix.run({
    images: new Tensor('uint8', pixels, [count, cameras, side, side, 3]),
    camera_mask: new Tensor('bool', new Uint8Array(count * cameras).fill(1), [count, cameras]),
    tokens: new Tensor('int64', text, [count, maxTokens]),
    token_mask: new Tensor('bool', textMask, [count, maxTokens]),
  });
  return divideCaches(outputs, policy);
}

/** How a chunk was joined to the one in play, if it was. */
function joinOf(
  { joined, state, offset }: ChunkRecord,
  { policy, transforms }: Encoding,
): Pick<RolloutChunk, 'join'> {
  if (!joined) return {};
  const { kind, rows, weights } = joined;
  const previous = new Float32Array(policy.horizon * policy.actionDim);
  previous.set(displaced(transforms.targets(rows, state), offset, -1));
  return { join: { kind, previous, weights } };
}

/** Prefix caches and normalised states of chunks, `AT_ONCE` in a call. */
async function encodeObservations(
  encoding: Encoding,
  episode: Episode,
  chunks: readonly ChunkRecord[],
) {
  const encoded: Pick<RolloutChunk, 'cache' | 'valid' | 'pooled' | 'state'>[] = [];
  for (let from = 0; from < chunks.length; from += AT_ONCE) {
    const batch = chunks.slice(from, from + AT_ONCE);
    const images = await Promise.all(batch.map((chunk) => imagesOf(episode, chunk, encoding.view)));
    const states = batch.map(({ state }) => encoding.transforms.state(state));
    const joints = states.map((state, i) => state.subarray(0, batch[i].state.length));
    const caches = await encodePrefixes(encoding, images, episode.header.prompt, joints);
    caches.forEach((cache, i) => encoded.push({ ...cache, state: states[i] }));
  }
  return encoded;
}

async function encodeEpisode(encoding: Encoding, episode: Episode): Promise<Rollout> {
  const { bundle, policy, view, transforms } = encoding;
  const { header, result, commands, path } = episode;
  const reason =
    unfit(episode, view, undefined, ['success', 'failure']) ?? unfitChunks(episode.chunks, bundle);
  if (reason !== undefined) throw invalid(path, `nothing to learn from: ${reason}; leave it out`);

  const { controlRate } = header.embodiment;
  const played = episode.chunks.filter(({ executedFrom, executedTo }) => executedTo > executedFrom);
  const steps = stepsOfChunks(played, controlRate);
  const observations = await encodeObservations(encoding, episode, played);
  let elapsed = 0;
  const chunks = played.map((chunk, i): RolloutChunk => {
    const { state, actions, noise, view, offset, delay, policyVersion, tokens, chain } = chunk;
    const { integration = bundle.integration } = chunk;
    const committed = committedRow(played[i - 1], chunk, controlRate);
    const before = elapsed;
    elapsed += steps[i];
    return {
      policyVersion,
      at: Number(chunk.observationStamp - played[0].observationStamp) / 1e9,
      ...observations[i],
      actions: displaced(transforms.targets(actions, state), offset, -1),
      noise,
      ...(view && { view }),
      ...(offset && { offset }),
      ...(integration && { integration }),
      ...(tokens && { tokens }),
      ...(chain && { chain }),
      mask: executedRows(chunk, commands),
      ...joinOf(chunk, encoding),
      committed: committed
        ? transforms.targets(committed, state)
        : new Float32Array(policy.actionDim),
      delay,
      elapsed: before,
      steps: steps[i],
    };
  });
  return { id: header.id, reward: result!.reward!, chunks };
}

/** Opens a bundle's frozen prefix; attempts are encoded once for all epochs. */
export async function openRolloutEncoder(
  bundle: Bundle,
  session: SessionConfig,
): Promise<RolloutEncoder> {
  const policy = adaptableOf(bundle);
  const { folder, cameras, embodiment } = bundle;
  const { imageSize: side, horizon } = policy;
  const prefix = await policy.openPrefix(bundle, session);
  const encoding: Encoding = {
    bundle,
    policy,
    view: { embodiment, cameras, side, horizon },
    prefix,
    tokenize: await policy.loadTokenizer(folder),
    transforms: makeTransforms(bundle.transforms, policy),
  };
  return {
    encode: (episode) => encodeEpisode(encoding, episode),
    close: () => prefix.release(),
  };
}

/** Rollouts of many episodes, and the episodes that were left out, with the reason. */
export async function gatherRollouts(
  paths: readonly string[],
  read: (path: string) => Promise<Episode>,
  encoder: Pick<RolloutEncoder, 'encode'>,
): Promise<{ rollouts: Rollout[]; leftOut: { path: string; reason: string }[] }> {
  const rollouts: Rollout[] = [];
  const leftOut: { path: string; reason: string }[] = [];
  for (const path of paths) {
    try {
      rollouts.push(await encoder.encode(await read(path)));
    } catch (error) {
      leftOut.push({ path, reason: messageOf(error) });
    }
  }
  return { rollouts, leftOut };
}
