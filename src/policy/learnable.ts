import type { Shape } from '../onnx/dim.ts';
import type { Graph, Value } from '../onnx/graph.ts';
import type { InferenceSession, SessionConfig, Tensor } from '../session/session.ts';
import type { TensorSource } from '../tensors/safetensors.ts';
import type { Chunk } from './chunkPolicy.ts';
import type { Precision } from './bundle/precision.ts';
import type { SampledJoin } from './joinKinds.ts';
import type { Parameter, Trainable } from './trainable.ts';
import type { WrittenTokens } from './writtenTokens.ts';

/** A prompt as the policy reads it. */
export interface PromptTokens {
  /** [tokens] ids without padding, at most the policy's `maxTokens`. */
  tokens: BigInt64Array;
  /** Says what was cut off; undefined where the whole prompt fits. */
  warning?: string;
}

/** Makes tokens of a prompt and, where the policy reads it there, the state [joints], normalised. */
export type Tokenize = (prompt: string, state: ArrayLike<number>) => PromptTokens;

/** What a flow is built from. */
export interface FlowOptions {
  trainable: Trainable;
  /** Inputs of an observation: images and prompt, or the prefix cache that a frozen prefix computes of them. */
  observation: 'images' | 'cache';
  cameras: number;
  /** Prompt tokens, padding included. */
  text: number;
  /** Whether prompts are padded, so that attention needs masks; a cache always brings its own. */
  masked: boolean;
  /** Flow samples (noise and time) of each observation; its prefix is encoded once for all. */
  samples: number;
}

/** The rows in play that velocities are drawn to, by approximate guidance. */
export interface Towards {
  /** [batch·samples, horizon, actionDim] */
  rows: Value;
  /** [batch·samples, horizon, 1] how much each counts: 0 where nothing is joined. */
  weights: Value;
  /** [batch·samples, 1, 1] the largest factor, see integrationTable. */
  most: Value;
}

/** A flow in a graph, given its observations. */
export interface Flow {
  /**
   * The velocity at x [batch·samples, horizon, actionDim] and time [batch·samples], 1 for noise; rows that
   * `kept` [batch·samples, horizon, 1] marks are clean. It is drawn `towards` the rows in play, if there are any.
   */
  velocity(x: Value, time: Value, kept?: Value, towards?: Towards): Value;
  /**
   * Chunks from noise [batch, horizon, actionDim]. One more input: integration [5, calls], see
   * integrationTable. With `joins`, two more: previous [batch, horizon, actionDim] and prefix_weights [batch,
   * horizon, 1].
   */
  integrate(noise: Value, joins?: SampledJoin): Value;
}

/** What training needs of any policy: its sizes, and its weights by name. */
export interface Learned {
  readonly horizon: number;
  readonly actionDim: number;
  readonly stateDim: number;
  /** Pixels of an image's side. */
  readonly imageSize: number;
  /** In a fixed order. Throws a `UserError` for what the policy has not, such as a layer. */
  parameters(trainable: Trainable): Parameter[];
  /** Names and shapes of all weights. */
  weightShapes(): ReadonlyMap<string, Shape>;
  /** Weights of a bundle by name, as float32. Throws a `UserError` for one that is missing. */
  loadWeights(folder: string, names: readonly string[]): Promise<Map<string, Float32Array>>;
  /** All weights of a bundle in float32, each read when its turn comes. */
  weightSources(folder: string): Promise<TensorSource[]>;
}

/** What learning from attempts needs of a policy whose prefix stays frozen, and is encoded once for each observation. */
export interface Adaptable extends Learned {
  /** Prompt tokens at most. */
  readonly maxTokens: number;
  /** Whether graphs take the state as an input; else the prompt holds it. */
  readonly hasState: boolean;
  /** The prefix cache: keys.i and values.i [batch, heads, prefix, headDim] of each layer. */
  readonly cache: { layers: number; heads: number; headDim: number };
  /** Tokens of a prefix. */
  prefixLength(cameras: number, text: number): number;
  /** images, camera_mask, tokens, token_mask → the prefix cache and `valid` [batch, prefix]. */
  openPrefix(bundle: PrefixBundle, session: SessionConfig): Promise<InferenceSession>;
  loadTokenizer(folder: string): Promise<Tokenize>;
  /** The reason why a recorded chunk cannot be one of the policy's to learn from; undefined if it may be. */
  unlike(this: void, chunk: Pick<Chunk, 'noise' | 'tokens'>): string | undefined;
}

/** What learning needs of a policy whose chunks are samples of a flow. */
export interface Learnable extends Adaptable {
  /** The flow, its weights as inputs of the graph: those that learn and those that do not. */
  flow(graph: Graph, options: FlowOptions): Flow;
}

/** What the likelihood of tokens is built from. */
export interface WritingOptions {
  trainable: Trainable;
  cameras: number;
  /** Prompt tokens, padding included. */
  text: number;
}

/** How likely a policy is to write tokens. */
export interface Writing {
  /** Places of a chunk before that of its first token, which are given. */
  readonly before: number;
  /**
   * Log-probabilities of chunks' tokens as they are sampled, behind `before` places that do not count: [batch,
   * tokens]. Inputs of the graph: a prefix cache (see cacheInputs), those of `feeds`, and all weights.
   */
  likelihood(this: void, graph: Graph, options: WritingOptions): Value;
  /**
   * The tokens of chunks as inputs of the graph, padded to the longest of them; and at the same places counted, 1 for
   * a token and else 0, and drawn, its log-probability when it was.
   */
  feeds(this: void, chunks: readonly WrittenTokens[]): Record<string, Tensor>;
}

/** What learning from attempts needs of a policy whose chunks are tokens, written one after the other. */
export interface Writer extends Adaptable {
  openWriting(folder: string): Promise<Writing>;
}

/** An observation and what is to be done from there on, in the policy's own numbers. */
export interface Lesson {
  prompt: string;
  /** [joints] */
  state: Float32Array;
  /** [horizon, actionDim] */
  actions: Float32Array;
}

/** How a policy learns lessons by a loss of its own. */
export interface Lessons {
  /** The loss graph's inputs of these lessons, but for their images. */
  feeds(this: void, lessons: readonly number[], cameras: number): Record<string, Tensor>;
  /**
   * The mean loss of a batch of lessons []. Inputs of the graph: images uint8 [batch, cameras, side, side, 3],
   * those of `feeds`, and all weights.
   */
  loss(this: void, graph: Graph, cameras: number): Value;
}

/** What learning needs of a policy without a flow, which has a loss of its own. */
export interface Taught extends Learned {
  /** Throws a `UserError` for lessons that the policy cannot read. */
  openLessons(folder: string, lessons: readonly Lesson[]): Promise<Lessons>;
}

/** The bundle that a prefix is opened from. */
export interface PrefixBundle {
  folder: string;
  precision: Precision;
}

/** Pads a prompt on the right to [length] ids, with the mask that tells real tokens (1) from padding. */
export function padTokens(
  tokens: BigInt64Array,
  length: number,
): { tokens: BigInt64Array; mask: Uint8Array } {
  const padded = new BigInt64Array(length);
  padded.set(tokens);
  return { tokens: padded, mask: new Uint8Array(length).fill(1, 0, tokens.length) };
}
