import { z } from 'zod';
import {
  languageSchema,
  paliGemmaFaults,
  transformerSchema,
  visionSchema,
} from '../../paligemma/config.ts';

const size = z.int().min(1);

/** Dimensions of a π0 or π0.5: any size, from a toy to the published one. */
export const pi0ConfigSchema = z
  .strictObject({
    /** π0.5 reads the state in its prompt and feeds flow time to the expert's norms. */
    variant: z.enum(['pi0', 'pi05']).default('pi0'),
    /** Of π0.5: false where it was trained without the state in its prompt, and so reads none; true if absent. */
    stateInPrompt: z.boolean().optional(),
    vision: visionSchema,
    language: languageSchema,
    expert: transformerSchema,
    /** Prompt tokens at most. */
    maxTokens: size,
    /** Actions of a chunk. */
    horizon: size,
    actionDim: size,
    stateDim: size,
    /** Shortest and longest period of the time embedding, in flow time. */
    minPeriod: z.number().positive().default(4e-3),
    maxPeriod: z.number().positive().default(4),
  })
  .superRefine(({ variant, stateInPrompt, vision, language, expert }, context) => {
    const refuse = (path: string[], message: string) =>
      context.addIssue({ code: 'custom', path, message });
    if (variant === 'pi0' && stateInPrompt !== undefined)
      refuse(['stateInPrompt'], 'is of pi05 alone: a pi0 reads the state as a token');
    for (const field of ['depth', 'heads', 'kvHeads', 'headDim'] as const) {
      if (expert[field] !== language[field]) {
        refuse(['expert', field], `must equal language.${field}: the two attend to each other`);
      }
    }
    for (const { path, message } of paliGemmaFaults({ vision, language })) refuse(path, message);
    if (expert.width % 2 !== 0) {
      refuse(['expert', 'width'], 'must be even: half of the time embedding is sines');
    }
  });

export type Pi0Config = z.infer<typeof pi0ConfigSchema>;

/** Whether the state enters as a token of its own; π0.5 reads it in the prompt. */
export const hasStateToken = ({ variant }: Pick<Pi0Config, 'variant'>): boolean =>
  variant === 'pi0';

/** Whether the state is text of the prompt. */
export const hasStateInPrompt = ({
  variant,
  stateInPrompt = true,
}: Pick<Pi0Config, 'variant' | 'stateInPrompt'>): boolean => variant === 'pi05' && stateInPrompt;
