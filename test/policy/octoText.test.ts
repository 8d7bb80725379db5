import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { textGraph } from '../../src/policy/families/octo/graphs.ts';
import { instructionInput } from '../../src/policy/families/octo/instruction.ts';
import { externalWeights } from '../../src/policy/paligemma/weights.ts';
import { readShardedHeader } from '../../src/tensors/shards.ts';
import { runOn } from './fastNetwork.ts';
import { goldenTensors } from './golden.ts';
import { distance, sampleOf } from './goldenFast.ts';
import { OCTO_TEXT, goldenOcto } from './goldenOcto.ts';

const ENCODER = { vocabulary: 39, depth: 2, heads: 3, headDim: 5, mlp: 40, buckets: 32, maxDistance: 128 }; // prettier-ignore

describe('Octo’s instructions', () => {
  it('have T5’s ids, cut and padded, and PyTorch’s embeddings to 2e-5', async () => {
    const golden = await goldenOcto();
    const architecture = { ...golden, language: { ...golden.language!, encoder: ENCODER } };
    const inputsOf = await instructionInput({ folder: OCTO_TEXT, architecture });
    const expected = await goldenTensors('expected.safetensors', OCTO_TEXT);
    const texts = JSON.parse(await readFile(join(OCTO_TEXT, 'instructions.json'), 'utf8')) as string[]; // prettier-ignore
    const path = join(OCTO_TEXT, 'model.safetensors');
    const source = externalWeights(await readShardedHeader(path), path, path);
    for (const [i, text] of texts.entries()) {
      const inputs = inputsOf(text);
      const own = (name: string) => sampleOf(expected(name), i).data as Float32Array;
      assert.deepEqual(inputs.tokens.data, own('ids'), text);
      assert.deepEqual(inputs.token_mask.data, own('mask'), text);
      const { language } = await runOn(OCTO_TEXT, textGraph(architecture, source), inputs);
      const { most } = distance(language.data as Float32Array, own('language'));
      assert.ok(most <= 2e-5, `${text}: off by ${most}`);
    }
  });
});
