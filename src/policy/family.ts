import type { z } from 'zod';
import type { Image, Scaler } from '../images/scaling.ts';
import type { SessionConfig, Tensor } from '../session/session.ts';
import type { ShardedHeader } from '../tensors/shards.ts';
import type { TensorSource } from '../tensors/safetensors.ts';
import type { Adapter } from './bundle/adapter.ts';
import type { Bundle, BundleConfig } from './bundle/config.ts';
import type { Chunk, Join, NoiseSource } from './chunkPolicy.ts';
import type { SampledJoin } from './joinKinds.ts';
import type { Learnable } from './learnable.ts';
import type { PolicyShape } from './shape.ts';
import type { Trainable } from './trainable.ts';

/** Says that a sampler explores or adopts only what it was opened for. */
export const NOTHING_TO_LEARN =
  'this policy was opened without anything to learn; say what is trainable';

export type Feeds = Record<string, Tensor>;

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

/** How a sampler is opened. */
export interface SamplerOptions {
  session: SessionConfig;
  /** The parameters that can be exchanged while the session stays. */
  trainable?: Trainable;
  /** The bundle's own, where it has one. */
  adapter?: Adapter;
  joins?: SampledJoin;
  scaler: Scaler;
}

/** Computes chunks on this thread, which ONNX Runtime blocks meanwhile. */
export interface FamilySampler {
  /** Those that it computes on, in order. */
  readonly executionProviders: readonly string[];
  /** Prepares a camera's image, by its place in the bundle, for the next chunk. */
  readonly see: (camera: number, image: Image) => void;
  sample(request: SampleRequest): Promise<Chunk>;
  /** Takes an adapter's parameters, which fit, from the next chunk on. */
  adopt(adapter: Adapter): void;
  /** The chunk, as the graph has it, of golden inputs by the bundle's own weights, without an adapter. */
  readonly goldenChunk: (inputs: Feeds) => Promise<Float32Array>;
  close(): Promise<void>;
}

/** The files that hold a bundle's weights. */
export interface StoredWeights {
  /** Whose content tells one version from another. */
  files: readonly string[];
  /** Of weights in safetensors, in one file or in shards. */
  header?: ShardedHeader;
}

/** What of a sample is compared between machines; see bundle/golden.ts. */
export interface GoldenStages<A> {
  /** Names of outputs, in the order in which they are computed; the last is `actions`. */
  names(architecture: A): readonly string[];
  /** Always the same for the same architecture. */
  inputs(bundle: Bundle<A>): Feeds | Promise<Feeds>;
  /** Computes the stages of these inputs; `providers` are those that were used. */
  run(bundle: Bundle<A>, session: SessionConfig, inputs: Feeds): Promise<{ outputs: Feeds; providers: string[] }>; // prettier-ignore
}

/** A kind of policies: how its bundles are described, checked and run. */
export interface PolicyFamily<A = unknown> {
  /** The field `family` of policy.json. */
  readonly name: string;
  /** The block of policy.json that only the family reads. */
  readonly architecture: z.ZodType<A>;
  /** What keeps an architecture from reading these cameras, a sentence each. */
  faults?(architecture: A, cameras: readonly string[]): string[];
  shape(architecture: A, cameras: readonly string[]): PolicyShape;
  /** How chunks of its flow can be joined to the one in play; none in a family without a flow. */
  readonly joins: readonly SampledJoin[];
  /** Names of the files that a bundle holds beside policy.json and its weights. */
  files(architecture: A): readonly string[];
  /** The file whose graph samples. */
  graphFile(architecture: A): string;
  /** Finds the weights. Throws a `UserError` where they cannot be read. */
  weights(folder: string, architecture: A): Promise<StoredWeights>;
  /** Throws a `UserError` where the weights do not fit the configuration. */
  check(folder: string, config: BundleConfig<A>, weights: StoredWeights): Promise<{ isPacked: boolean }>; // prettier-ignore
  /** Writes the files of a new bundle beside its policy.json. */
  write?(folder: string, config: BundleConfig<A>, tokenizer: string, weights: readonly TensorSource[]): Promise<void>; // prettier-ignore
  /** Opens a sampler. Throws a `UserError` for files that cannot be run. */
  open(bundle: Bundle<A>, options: SamplerOptions): Promise<FamilySampler>;
  readonly golden: GoldenStages<A>;
  /** What learning needs of its policies; absent in a family that does not learn. */
  learnable?(this: void, architecture: A): Learnable;
}
