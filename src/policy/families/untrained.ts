/** Policies that can be made from random weights, to be trained: sizes of π0, and their tokenizer. */
export { SIZES, type SizeName, configFor } from './pi0/sizes.ts';
export { tinyTokenizerJson } from './pi0/tokenizer.ts';
