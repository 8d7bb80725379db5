import { isDeepStrictEqual } from 'node:util';
import {
  type InferenceSession,
  type SessionConfig,
  executionProvidersOf,
} from '../../../session/session.ts';
import { gaussianNoise } from '../../../tensors/noise.ts';
import type { Adapter } from '../../bundle/adapter.ts';
import type { Bundle } from '../../bundle/config.ts';
import type { NoiseSource, Turn } from '../../chunkPolicy.ts';
import type { Choice } from '../../choice/choice.ts';
import { type Chooser, openChooser } from '../../choice/chooser.ts';
import type { Feeds, SampleRequest } from '../../family.ts';
import { steeringShapeOf } from '../../steering/steering.ts';
import type { PolicyTransforms } from '../../vectors/transforms.ts';
import type { Pi0Config } from './config.ts';
import type { SampleOptions } from './graphs.ts';
import { learnablePi0 } from './learnable.ts';
import { momentsOf } from './moment.ts';
import { type NoiseSteering, openSteering } from './steering.ts';

/** Seed component that separates the noise of further candidates from that of chunks. */
const CANDIDATE = 36;

/**
 * The noise of so many candidates, one after the other: `first`, and Gaussian noise, which is the same for each chunk
 * where the first one's is zero.
 */
export function candidateNoise(
  first: Float32Array,
  source: NoiseSource,
  count: number,
): Float32Array {
  if (count === 1) return first;
  const seed = source === 'zero' || source.exploration?.initialNoise === 0 ? 0 : source.seed;
  const noise = new Float32Array(count * first.length);
  noise.set(first);
  for (let k = 1; k < count; k++)
    noise.set(gaussianNoise([seed, CANDIDATE, k], first.length), k * first.length);
  return noise;
}

/** The graph of a policy's chunks, and what chooses from these or steers their noise. */
export interface Candidates {
  readonly executionProviders: readonly string[];
  readonly steering: NoiseSteering;
  run(feeds: Feeds): Promise<Feeds>;
  /** Chunks to sample for a request: one where there is nothing to choose by, or the noise is given. */
  countOf(request: SampleRequest): number;
  /** The chunk [horizon, actionDim] to play of the outputs of `run`, normalised, and the place of the best candidate. */
  choose(request: SampleRequest, outputs: Feeds): Promise<{ actions: Float32Array; best: number }>;
  adopt(next: Beside | undefined): Promise<void>;
  close(): Promise<void>;
}

/** What of an adapter acts beside the policy's network. */
type Beside = Pick<Adapter, 'choice' | 'steering' | 'ticket' | 'tickets'>;

/** [horizon] 1 for the rows that will be executed. */
const executedIn = ({ from, to }: Turn, horizon: number): Float32Array =>
  new Float32Array(horizon).fill(1, from, to);

export type GraphKind = Pick<SampleOptions, 'candidates' | 'steers'>;

export interface CandidatesOptions {
  session: SessionConfig;
  /** The adapter to begin with, if any. */
  adapter: Adapter | undefined;
  transforms: PolicyTransforms;
  /** Opens the graph for one chunk, or for several, or one whose noise can be steered. */
  openGraph(this: void, kind: GraphKind): Promise<InferenceSession>;
}

/** Opens what samples candidates. The graph for several chunks is opened with the first choice, and for steered ones with the first steering. */
export async function openCandidates(
  { architecture }: Bundle<Pi0Config>,
  { session, adapter, transforms, openGraph }: CandidatesOptions,
): Promise<Candidates> {
  const policy = learnablePi0(architecture);
  const { horizon, actionDim } = policy;
  const openFor = async (choice: Choice | undefined): Promise<Chooser | undefined> =>
    choice && openChooser(choice, policy, session);
  const momentOf = momentsOf(transforms, actionDim);
  const steering = openSteering(policy, momentOf);
  let kind: GraphKind = { candidates: false };
  /** What a graph must be able to do; what one can already, the next one can too. */
  const kindFor = (beside: Beside | undefined): GraphKind => ({
    candidates: kind.candidates || beside?.choice !== undefined,
    steers: beside?.steering ? steeringShapeOf(policy, beside.steering) : kind.steers,
  });
  kind = kindFor(adapter);
  let graph = await openGraph(kind);
  steering.adopt(adapter, kind.steers);
  let chooser = await openFor(adapter?.choice);

  const countOf = ({ turn, noise }: SampleRequest) =>
    !chooser || !turn || (noise !== 'zero' && noise.given) ? 1 : chooser.candidates;

  return {
    executionProviders: executionProvidersOf(graph),
    run: (feeds) => graph.run(feeds),
    countOf,
    steering,
    async choose(request, { actions: { data }, features }) {
      const actions = data as Float32Array;
      const { turn, state } = request;
      if (!chooser || !turn || countOf(request) === 1) return { actions, best: 0 };
      const moment = momentOf(turn, state, features.data as Float32Array);
      return chooser.choose(actions, moment, executedIn(turn, horizon));
    },
    async adopt(next) {
      const wanted = kindFor(next);
      if (!isDeepStrictEqual(wanted, kind)) {
        const former = graph;
        graph = await openGraph(wanted);
        kind = wanted;
        await former.release();
      }
      steering.adopt(next, kind.steers);
      const before = chooser;
      chooser = await openFor(next?.choice);
      await before?.close();
    },
    async close() {
      await chooser?.close();
      await graph.release();
    },
  };
}
