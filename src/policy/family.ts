import type { z } from 'zod';
import type { Image, Scaler } from '../images/scaling.ts';
import type { SessionConfig, Tensor } from '../session/session.ts';
import type { ShardedHeader } from '../tensors/shards.ts';
import type { Adapter } from './bundle/adapter.ts';
import type { Bundle, BundleConfig } from './bundle/config.ts';
import type { Chunk, Join, NoiseSource, Turn } from './chunkPolicy.ts';
import type { SampledJoin } from './joinKinds.ts';
import type { Learnable, Taught, Writer } from './learnable.ts';
import type { PolicyShape } from './shape.ts';
import type { Trainable } from './trainable.ts';

/** The error of a sampler that explores or adopts without having been opened for it. */
export const NOTHING_TO_LEARN =
  'this policy was opened without anything to learn; say what is trainable';

export type Feeds = Record<string, Tensor>;

/** The input of a chunk, with its pixels. */
export interface SampleRequest {
  /** In the order of the bundle's cameras; absent if each was passed to `see`. */
  images?: Image[];
  /** Places of the cameras that the chunk is computed without; `images` then has none of them either. */
  absent?: readonly number[];
  /** [joints] */
  state: Float64Array;
  prompt: string;
  noise: NoiseSource;
  /** Used by a policy that chooses its chunks from candidates, which plays the first sample without. */
  turn?: Turn;
  /** Used by a sampler that joins chunks. */
  join?: Join;
}

/** Options of a sampler. */
export interface SamplerOptions {
  session: SessionConfig;
  /** The parameters that can be replaced while the session stays open. */
  trainable?: Trainable;
  /** The bundle's own adapter, if any. */
  adapter?: Adapter;
  joins?: SampledJoin;
  /** Whether chunks come with features of the prefix. */
  features?: boolean;
  scaler: Scaler;
}

/** Computes chunks on this thread, which ONNX Runtime blocks while it runs. */
export interface FamilySampler {
  /** The execution providers in use, in order. */
  readonly executionProviders: readonly string[];
  /** Preprocesses a camera's image for the next chunk; cameras are numbered as in the bundle. */
  readonly see: (camera: number, image: Image) => void;
  sample(request: SampleRequest): Promise<Chunk>;
  /** Uses an adapter from the next chunk on, which fits, or without one the bundle's own weights. */
  adopt(adapter?: Adapter): void | Promise<void>;
  /** The graph's chunk for golden inputs with the bundle's own weights, without an adapter. */
  readonly goldenChunk: (inputs: Feeds) => Promise<Float32Array>;
  close(): Promise<void>;
}

/** The files that hold a bundle's weights. */
export interface StoredWeights {
  /** The files whose content determines the version. */
  files: readonly string[];
  /** Of weights in safetensors, in one file or in shards. */
  header?: ShardedHeader;
}

/** The stages of a sample that are compared between machines; see bundle/golden.ts. */
export interface GoldenStages<A> {
  /** Names of outputs, in the order in which they are computed; the last is `actions`. */
  names(architecture: A): readonly string[];
  /** Fixed inputs that depend on the architecture alone. */
  inputs(bundle: Bundle<A>): Feeds | Promise<Feeds>;
  /** Computes the stages from these inputs; `providers` are the execution providers used. */
  run(bundle: Bundle<A>, session: SessionConfig, inputs: Feeds): Promise<{ outputs: Feeds; providers: string[] }>; // prettier-ignore
}

/** A policy family: how its bundles are described, checked and run. */
export interface PolicyFamily<A = unknown> {
  /** The field `family` of policy.json. */
  readonly name: string;
  /** The block of policy.json that only the family reads. */
  readonly architecture: z.ZodType<A>;
  /** The reasons why an architecture cannot read these cameras, one sentence each. */
  faults?(architecture: A, cameras: readonly string[]): string[];
  shape(architecture: A, cameras: readonly string[]): PolicyShape;
  /** Ways in which its chunks can be joined to the one in play; none in a family without a flow. */
  readonly joins: readonly SampledJoin[];
  /** Whether its chunks are the same from random and from zero noise; they are not where absent. */
  ignoresNoise?(this: void, architecture: A): boolean;
  /** Numbers of the features that its samplers give of a prefix; absent in a family that gives none. */
  features?(this: void, architecture: A): number;
  /** Names of the text files that a bundle holds beside policy.json and its weights. */
  readonly files: readonly string[];
  /** Those of `files` that a policy of this architecture does without. */
  spared?(this: void, architecture: A): readonly string[];
  /** The sampling graph, its path or its bytes; external weights are in the bundle's folder. */
  samplingModel(bundle: Bundle<A>): Promise<string | Uint8Array>;
  /** Locates the weights. Throws a `UserError` if they cannot be read. */
  weights(folder: string, architecture: A): Promise<StoredWeights>;
  /** Throws a `UserError` where the weights do not fit the configuration. */
  check(folder: string, config: BundleConfig<A>, weights: StoredWeights): Promise<{ isPacked: boolean }>; // prettier-ignore
  /** Opens a sampler. Throws a `UserError` for files that cannot be run. */
  open(bundle: Bundle<A>, options: SamplerOptions): Promise<FamilySampler>;
  readonly golden: GoldenStages<A>;
  /** What learning needs of its policies; absent in a family without a flow. */
  learnable?(this: void, architecture: A): Learnable;
  /** What learning from attempts needs of its policies, by the likelihood of the tokens that they write. */
  writer?(this: void, architecture: A): Writer;
  /** What learning from demonstrations needs of its policies, by a loss of their own in place of a flow's. */
  taught?(this: void, architecture: A): Taught;
}
