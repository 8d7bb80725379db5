import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../../../errors.ts';
import { isThere } from '../../../../files/isThere.ts';
import { readJson, validate } from '../../../../validate.ts';
import { type BytePairs, bytePairs } from '../fast/bytePairs.ts';

/** A published action tokenizer. */
export interface ActionTokenizer {
  path: string;
  /** The JSON of its byte pairs. */
  text: string;
  pairs: BytePairs;
  scale: number;
  minToken: number;
}

/** Where a checkpoint may have it. */
const FOLDER = 'fast';

const processorSchema = z.looseObject({
  scale: z.number().positive(),
  min_token: z.int(),
  vocab_size: z.int().nullish(),
});

/**
 * Reads the folder of an action tokenizer, as `physical-intelligence/fast` is one: the given one, or `fast` beside the
 * checkpoint's weights. Throws a `UserError` where there is none.
 */
export async function readActionTokenizer(
  folder: string,
  given: string | undefined,
): Promise<ActionTokenizer> {
  const place = given ?? join(folder, FOLDER);
  const [path, settings] = ['tokenizer.json', 'processor_config.json'].map((file) => join(place, file)); // prettier-ignore
  for (const file of [path, settings])
    if (!(await isThere(file)))
      throw new UserError(
        `${file} is not there. Give the folder of the action tokenizer that the policy was trained with by --action-tokenizer FOLDER: it has tokenizer.json and processor_config.json, as physical-intelligence/fast on Hugging Face`,
        { kind: 'missing', subject: file, fields: ['--action-tokenizer'] },
      );
  const { scale, min_token, vocab_size } = validate(processorSchema, await readJson(settings), settings); // prettier-ignore
  const text = await readFile(path, 'utf8');
  const pairs = bytePairs(text, path);
  if (vocab_size && pairs.size > vocab_size)
    throw new UserError(
      `${path}: has ${pairs.size} codes, ${settings} says ${vocab_size}; take both from one tokenizer`,
      { kind: 'mismatch', subject: path },
    );
  return { path, text, pairs, scale, minToken: min_token };
}
