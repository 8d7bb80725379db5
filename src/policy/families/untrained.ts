/** Policies that can be made from random weights, to be trained: sizes of π0, and the files beside their weights. */
export { SIZES, type SizeName, configFor } from './pi0/sizes.ts';
export { tinyFiles as familyFiles } from '../paligemma/tokenizer.ts';
