import { z } from 'zod';

const size = z.int().min(1);

export const transformerSchema = z.strictObject({
  width: size,
  depth: size,
  mlp: size,
  heads: size,
  kvHeads: size,
  /** Even: rotary embedding turns its two halves against each other. */
  headDim: size.multipleOf(2),
});

export type TransformerConfig = z.infer<typeof transformerSchema>;

/** Dimensions of SigLIP. */
export const visionSchema = z.strictObject({
  width: size,
  depth: size,
  mlp: size,
  heads: size,
  /** Pixels of a patch's side. */
  patch: size,
  /** Pixels of an image's side. */
  imageSize: size,
});

/** Dimensions of Gemma. */
export const languageSchema = transformerSchema.extend({ vocabulary: size });

/** Dimensions of a PaliGemma: SigLIP, a projector and Gemma. */
export interface PaliGemmaConfig {
  vision: z.infer<typeof visionSchema>;
  language: z.infer<typeof languageSchema>;
}

/** What is wrong with a PaliGemma's dimensions, with the field each concerns; empty if they fit each other. */
export function paliGemmaFaults({
  vision,
  language,
}: PaliGemmaConfig): { path: string[]; message: string }[] {
  const faults: { path: string[]; message: string }[] = [];
  if (language.heads % language.kvHeads !== 0)
    faults.push({ path: ['language', 'heads'], message: 'must be a multiple of kvHeads' });
  if (vision.imageSize % vision.patch !== 0)
    faults.push({
      path: ['vision', 'imageSize'],
      message: `must be a multiple of vision.patch (${vision.patch})`,
    });
  if (vision.width % vision.heads !== 0)
    faults.push({
      path: ['vision', 'width'],
      message: `must be a multiple of vision.heads (${vision.heads})`,
    });
  return faults;
}

/** Tokens that one camera adds to the prefix. */
export function tokensPerImage({ vision }: Pick<PaliGemmaConfig, 'vision'>): number {
  return (vision.imageSize / vision.patch) ** 2;
}
