import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { sessionConfigSchema } from '../../../src/session/session.ts';
import type { ImportOptions } from '../../../src/policy/checkpoints/options.ts';
import { describePrecision, productsFor } from '../../../src/policy/bundle/precision.ts';
import { agreesWithGolden, chunkOf, golden, imported, weightsOf } from '../importing.ts';
import type { Bundle } from '../../../src/policy/bundle/config.ts';

const cosine = (a: Float32Array, b: Float32Array) => {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, v, i) => sum + v * y[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
};

/** The golden policy imported with these options beside itself in float32. */
const beside = (
  changes: Partial<ImportOptions>,
  use: (converted: Bundle, agreement: number, bytes: [number, number]) => void | Promise<void>,
) =>
  imported(golden(), ({ bundle: whole }) =>
    imported(
      golden(),
      async ({ bundle }) => {
        const agreement = cosine(await chunkOf(bundle), await chunkOf(whole));
        const bytes = await Promise.all([bundle, whole].map(async (one) => (await stat(weightsOf(one))).size)); // prettier-ignore
        await use(bundle, agreement, bytes as [number, number]);
      },
      changes,
    ),
  );

describe('a policy that is converted as it is imported', () => {
  for (const precision of ['float16', 'bfloat16'] as const)
    it(`to ${precision} takes less room, and keeps its chunks within a cosine of 0.9999`, () =>
      beside({ precision }, (bundle, agreement, [bytes, before]) => {
        assert.equal(bundle.precision, precision);
        assert.ok(bytes < 0.8 * before, `${bytes} of ${before} bytes`);
        assert.ok(agreement > 0.9999, `cosine ${agreement}`);
        assert.ok(agreement < 1, 'nothing was rounded');
      }));

  for (const [prefixBits, least] of [
    [8, 0.9999],
    [4, 0.99],
  ] as const)
    it(`with a prefix of ${prefixBits} bits keeps them within ${least}`, () =>
      beside({ prefixBits }, (bundle, agreement) => {
        assert.ok(bundle.isPacked);
        assert.ok(agreement > least && agreement < 1, `cosine ${agreement}`);
      }));

  it('with a prefix of 8 bits computes nearly the same by fused operators, which take its matrices in blocks', () =>
    beside({ prefixBits: 8 }, async (bundle) => {
      const fused = await chunkOf(
        bundle,
        undefined,
        sessionConfigSchema.parse({ kernels: 'fused' }),
      );
      const agreement = cosine(fused, await chunkOf(bundle));
      assert.ok(agreement > 0.9999 && agreement < 1, `cosine ${agreement}`);
    }));

  it('to the precision that it has is taken as it is, and computes the golden numbers', () =>
    imported(
      golden(),
      async ({ bundle, placement }) => {
        assert.equal(placement, 'copied');
        await agreesWithGolden(bundle);
      },
      { precision: 'float32' },
    ));
});

describe('the type of matrix products', () => {
  const on = (provider: 'cpu' | 'cuda' | 'webgpu') =>
    sessionConfigSchema.parse({ executionProviders: [provider, 'cpu'] });

  it('is the policy’s where the provider has it, float16 on a GPU that has not, float32 on the CPU', () => {
    assert.equal(productsFor('bfloat16', on('cuda')), 'bfloat16');
    assert.equal(productsFor('bfloat16', on('webgpu')), 'float16');
    assert.equal(productsFor('float16', on('webgpu')), 'float16');
    assert.equal(productsFor('bfloat16', on('cpu')), undefined);
  });

  it('is float32 for a policy of that, wherever it runs', () => {
    assert.equal(productsFor('float32', on('webgpu')), undefined);
  });

  it('is named beside that of the weights where the two differ', () => {
    assert.equal(describePrecision('float32', on('cpu')), 'float32');
    assert.equal(describePrecision('float16', on('cuda')), 'float16');
    assert.equal(describePrecision('bfloat16', on('cpu')), 'bfloat16 weights, float32 products');
    assert.equal(describePrecision('bfloat16', on('webgpu')), 'bfloat16 weights, float16 products');
  });
});
