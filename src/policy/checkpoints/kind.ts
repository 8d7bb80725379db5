import type { Graph } from '../../onnx/graph.ts';
import type { Shape } from '../../onnx/dim.ts';
import type { Bundle, BundleConfig } from '../bundle/config.ts';
import type { WeightSource } from '../paligemma/network.ts';
import type { TokenizerKind } from '../paligemma/tokenizer.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Choice } from './choice.ts';
import type { Embodied } from './embodiments.ts';
import type { Family } from './family.ts';
import type { ImportOptions } from './options.ts';
import type { RobotVectors } from './robotVectors.ts';

/** What a family adds to a bundle, once the robot is known. */
export interface Completed<A> {
  architecture: A;
  /** Text files beside the tokenizer of prompts, by name, and what they were read from. */
  files?: Record<string, { path: string; text: string }>;
  /** Of a π0.5. */
  stateInPrompt?: Choice<boolean>;
}

/** A family's part in reading published checkpoints. */
export interface CheckpointKind<A = unknown> {
  /** The field `family` of the bundles. */
  name: string;
  /** In messages. */
  title: string;
  /** The families of checkpoints that it reads, as `familyOf` tells them, and how each normalises by itself. */
  reads: Partial<Record<Family, 'MEAN_STD' | 'QUANTILES'>>;
  /** What prompts are read with. */
  tokenizer: TokenizerKind;
  /** A policy's dimensions. Throws a `UserError` with all that nothing says. */
  dimensions(checkpoint: Checkpoint, family: Family, options: ImportOptions): A | Promise<A>;
  /** Names and shapes of all weights. */
  shapes(architecture: A): ReadonlyMap<string, Shape>;
  /** Tensors of published checkpoints that no chunk depends on. */
  unused(architecture: A): RegExp[];
  /** A graph of all weights. */
  graph(architecture: A, source: WeightSource): Graph;
  /** The robot and its vectors; where absent, as openpi's and lerobot's files say them. */
  vectors?(checkpoint: Checkpoint, options: ImportOptions): Promise<RobotVectors>;
  /** What depends on the robot. Throws a `UserError` for what the files leave open or a robot does not have. */
  complete(
    checkpoint: Checkpoint,
    family: Family,
    architecture: A,
    robot: Embodied,
    options: ImportOptions,
  ): Completed<A> | Promise<Completed<A>>;
  /** Of a family with a flow: how it is integrated, and what it was trained to continue. */
  flow?(
    checkpoint: Checkpoint,
    options: ImportOptions,
  ): Pick<BundleConfig, 'integration' | 'maxDelay'>;
  /**
   * Rows of a chunk, and ids of the policy's table; where a tokenizer must have just so many of text, as the last of
   * them are actions, their number.
   */
  sizes(architecture: A): { horizon: number; vocabulary: number; textVocabulary?: number };
  /** How a bundle samples, for the report. */
  sampling(bundle: Bundle<A>): string;
}
