/** Families of policies that can be made of random weights, each with its sizes; the default ones first. See untrained.ts. */
export const UNTRAINED_SIZES = {
  pi0: ['mini', 'full'],
  'pi0-fast': ['mini'],
} as const;

export type UntrainedFamily = keyof typeof UNTRAINED_SIZES;

/** The sizes of a family. */
export type SizeNameOf<Family extends UntrainedFamily> = (typeof UNTRAINED_SIZES)[Family][number];

/** Those of any. */
export type SizeName = SizeNameOf<UntrainedFamily>;

export const UNTRAINED_FAMILIES = Object.keys(UNTRAINED_SIZES) as UntrainedFamily[];

export const SIZE_NAMES: SizeName[] = [...new Set(Object.values(UNTRAINED_SIZES).flat())];
