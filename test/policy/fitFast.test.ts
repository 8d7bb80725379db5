import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { bytePairs } from '../../src/policy/families/pi0-fast/fast/bytePairs.ts';
import { fastCodec, quantised, textOf } from '../../src/policy/families/pi0-fast/fast/codec.ts';
import { fitPairs } from '../../src/policy/families/pi0-fast/fast/fitPairs.ts';
import { fittedFast } from '../../src/policy/families/pi0-fast/fitted.ts';
import { uniformNumbers } from '../../src/tensors/noise.ts';
import { distance } from './goldenFast.ts';
import { tinyFast } from '../learning/tinyFast.ts';

interface TokenizerJson {
  model: { vocab: Record<string, number>; merges: [string, string][] };
}

const fitted = (texts: readonly string[], size: number) =>
  (JSON.parse(fitPairs(texts, size)) as TokenizerJson).model;

/** Byte-pair encoding as it is defined, on words of printable ASCII: join the commonest pair that is met twice, again and again. */
function pairsByDefinition(words: readonly string[], count: number): [string, string][] {
  const order = Array.from({ length: 256 }, (_, byte) => String.fromCharCode(byte));
  let split = words.map((word) => [...word]);
  const pairs: [string, string][] = [];
  while (pairs.length < count) {
    const seen = new Map<string, { pair: [string, string]; count: number }>();
    for (const parts of split)
      parts.slice(1).forEach((right, i) => {
        const key = JSON.stringify([parts[i], right]);
        const known = seen.get(key) ?? { pair: [parts[i], right], count: 0 };
        seen.set(key, { ...known, count: known.count + 1 });
      });
    const rank = ({ pair }: { pair: [string, string] }) =>
      order.indexOf(pair[0]) * 1e4 + order.indexOf(pair[1]);
    const twice = [...seen.values()].filter((one) => one.count > 1);
    if (twice.length === 0) break;
    const [best] = twice.sort((a, b) => b.count - a.count || rank(a) - rank(b));
    const [left, right] = best.pair;
    order.push(left + right);
    split = split.map((parts) => {
      const joined: string[] = [];
      for (let i = 0; i < parts.length; i++) {
        const isPair = parts[i] === left && parts[i + 1] === right;
        joined.push(isPair ? left + right : parts[i]);
        if (isPair) i += 1;
      }
      return joined;
    });
    pairs.push(best.pair);
  }
  return pairs;
}

describe('byte pairs fitted to texts', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 20, maxLength: 60 });

  it('are those of the definition: the commonest, then the commonest of what is left', () =>
    fc.assert(
      fc.property(fc.array(letters, { minLength: 2, maxLength: 4 }), (words) => {
        const texts = words.map((word) => word.join(''));
        const { merges } = fitted(texts, 262);
        assert.deepEqual(merges, pairsByDefinition(texts, 6));
      }),
      { numRuns: 30 },
    ));

  it('write any text, also of characters that were not met', () => {
    const pairs = bytePairs(fitPairs(['ŢŢŢŢaŢŢŢŢ'], 300), 'fitted');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(pairs.decode(pairs.encode(text)), text);
      }),
      { numRuns: 50 },
    );
  });

  it('end with the last pair that is met twice', () => {
    const { vocab, merges } = fitted(['abab'], 300);
    assert.deepEqual(merges, [['a', 'b']]);
    assert.equal(Object.keys(vocab).length, 257);
  });
});

describe('an action tokenizer fitted to chunks', () => {
  const { horizon, actionDim, fast } = tinyFast.architecture;
  const draw = uniformNumbers(5);
  /** Joints that swing. */
  const chunks = Array.from({ length: 40 }, () => {
    const [reach, pace] = [draw(), 1 + draw()];
    return Float32Array.from(
      { length: horizon * actionDim },
      (_, i) => reach * Math.sin((pace * Math.floor(i / actionDim)) / horizon + (i % actionDim)),
    );
  });
  const { architecture, files } = fittedFast(tinyFast.architecture, chunks);
  const pairs = bytePairs(Object.values(files)[0], 'fitted');
  const { encode, decode } = fastCodec(pairs, architecture);

  it('gives each back within the rounding of its coefficients, by codes that there are', () => {
    for (const chunk of chunks) {
      const codes = encode(chunk);
      assert.ok(codes.every((code) => code >= 0 && code < architecture.fast.vocabulary));
      const { rms } = distance(decode(codes).actions, chunk);
      assert.ok(rms <= 0.5 / fast.scale, `off by ${rms}`);
    }
  });

  it('takes fewer tokens than it has bytes, and no more than the policy then has room for', () => {
    for (const chunk of chunks) {
      const { length } = encode(chunk);
      const text = textOf(quantised(chunk, actionDim, fast.scale), fast.minToken);
      assert.ok(length < 0.8 * Buffer.byteLength(text));
      assert.ok(length < architecture.maxActionTokens);
    }
  });
});
