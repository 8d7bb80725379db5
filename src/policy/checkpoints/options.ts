import type { Precision } from '../bundle/precision.ts';
import type { PackedBits } from '../paligemma/packedWeights.ts';
import type { EmbodimentName } from './embodiments.ts';
import type { UnitOptions } from './units.ts';
import type { VectorOptions } from './vectors.ts';

export interface ImportOptions extends VectorOptions, UnitOptions {
  out: string;
  /** The weights that an adapter was trained on, where they are neither beside nor above it. */
  base?: string;
  /** The robot that it was trained for, where its files do not say it. */
  embodiment?: EmbodimentName;
  /** Whether a π0.5 was trained with the state in its prompt. */
  stateInPrompt?: boolean;
  /** The robot's names, in the policy's order. */
  cameras?: string[];
  /** File of normalisation statistics, instead of the checkpoint's. */
  stats?: string;
  /** Of an OpenVLA or Octo: the data set with whose statistics it un-normalises actions. */
  dataset?: string;
  tokenizer?: string;
  /** Folder of the action tokenizer, instead of the checkpoint's. */
  actionTokenizer?: string;
  /** Rows of a chunk that are played. */
  execute?: number;
  /** Network calls a chunk, instead of the checkpoint's. */
  steps?: number;
  /** Copy the weights instead of linking to them. */
  copy?: boolean;
  /** What the weights are converted to; they stay as they are where absent. */
  precision?: Precision;
  /** Bits of the language model's matrices. */
  prefixBits?: PackedBits;
  /** Replace a bundle that is there. */
  force?: boolean;
}
