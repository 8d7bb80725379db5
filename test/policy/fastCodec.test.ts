import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Tensor } from 'onnxruntime-node';
import { codesIn, mirrored } from '../../src/policy/families/pi0-fast/actionTokens.ts';
import { type BytePairs, bytePairs } from '../../src/policy/families/pi0-fast/fast/bytePairs.ts';
import { UTF8_STATES, utf8Behind } from '../../src/policy/families/pi0-fast/fast/utf8.ts';
import { fastCodec, quantised, textOf } from '../../src/policy/families/pi0-fast/fast/codec.ts';
import {
  cosineTransform,
  inverseCosineTransform,
} from '../../src/policy/families/pi0-fast/fast/cosineTransform.ts';
import { goldenTensors } from './golden.ts';
import {
  GOLDEN_CONFIG,
  GOLDEN_FAST,
  GOLDEN_MARKS,
  type GoldenCases,
  distance,
  goldenCases,
  goldenPairs,
} from './goldenFast.ts';
import { assertAbout, assertThrowsAbout } from '../refusals.ts';

const characters = (text: string) => [...text].map((one) => one.codePointAt(0)!);
const text = (points: readonly number[]) => points.map((one) => String.fromCodePoint(one)).join('');
const { fast, actionDim, horizon } = GOLDEN_CONFIG;

/** Chunk `index` of a tensor [chunks, horizon, actionDim]. */
const chunkOf = (tensor: Tensor, index: number) => {
  const size = horizon * actionDim;
  return Array.from(tensor.data as Float64Array, Number).slice(index * size, (index + 1) * size);
};

/** What of tokens is no chunk, and moves nothing. */
const NO_CHUNK = { kind: 'invalid', fields: ['tokens'] } as const;

describe('FAST agrees with the reference implementation', () => {
  let pairs: BytePairs;
  let cases: GoldenCases;
  let inputs: (name: string) => Tensor;
  let expected: (name: string) => Tensor;

  before(async () => {
    pairs = await goldenPairs();
    cases = await goldenCases();
    inputs = await goldenTensors('inputs.safetensors', GOLDEN_FAST);
    expected = await goldenTensors('expected.safetensors', GOLDEN_FAST);
  });

  const near = (actual: ArrayLike<number>, golden: ArrayLike<number>, limit: number) => {
    const { most } = distance(actual, golden);
    assert.ok(most <= limit, `off by ${most}, more than ${limit}`);
  };

  /** Every golden chunk with its codes. */
  const eachChunk = (
    body: (name: string, index: number, one: GoldenCases['cases'][string][number]) => void,
  ) =>
    Object.entries(cases.cases).forEach(([name, chunks]) =>
      chunks.forEach((chunk, index) => body(name, index, chunk)),
    );

  it('in coefficients, to 1e-6, and in what they are rounded to', () =>
    eachChunk((name, index, chunk) => {
      const actions = chunkOf(inputs(`fast.${name}`), index);
      near(cosineTransform(actions, actionDim), chunkOf(expected(`fast.${name}.dct`), index), 1e-6);
      const steps = quantised(actions, actionDim, fast.scale);
      assert.deepEqual(steps.map(Number), chunkOf(expected(`fast.${name}.quantized`), index));
      assert.deepEqual(characters(textOf(steps, fast.minToken)), chunk.text);
    }));

  it('in codes, and in their ids in the language’s table', () =>
    eachChunk((name, index, { ids, language_ids }) => {
      const { encode } = fastCodec(pairs, GOLDEN_CONFIG);
      assert.deepEqual(encode(chunkOf(inputs(`fast.${name}`), index)), ids);
      assert.deepEqual(
        ids.map((id) => mirrored(id, GOLDEN_CONFIG)),
        language_ids,
      );
    }));

  it('in byte pairs of any text', () => {
    for (const one of cases.bpe) assert.deepEqual(pairs.encode(text(one.text)), one.ids);
  });

  it('in decoded chunks, to 1e-9; where the reference has zeros for a wrong length there is none', () =>
    eachChunk((name, index, { ids, back, text: whole }) => {
      assert.deepEqual(characters(pairs.decode(ids)), back);
      const [strict, relaxed] = (['strict', 'relaxed'] as const).map((decoding) =>
        fastCodec(pairs, { ...GOLDEN_CONFIG, decoding }),
      );
      near(
        relaxed.decode(ids).actions,
        chunkOf(expected(`fast.${name}.decoded_relaxed`), index),
        1e-9,
      );
      if (back.length === whole.length)
        near(strict.decode(ids).actions, chunkOf(expected(`fast.${name}.decoded`), index), 1e-9);
      else assertThrowsAbout(() => strict.decode(ids), { ...NO_CHUNK, names: [23, '8 × 3', 24] }); // prettier-ignore
    }));

  it('in sequences that no chunk was encoded to, where they decode at all', () => {
    for (const [name, { ids, back }] of Object.entries(cases.odd)) {
      const decode = (decoding: 'strict' | 'relaxed') =>
        fastCodec(pairs, { ...GOLDEN_CONFIG, decoding }).decode(ids);
      const golden = (form: string) => chunkOf(expected(`fast.odd.${name}.${form}`), 0);
      if (!back || back.length === 0) {
        assertThrowsAbout(() => decode('relaxed'), NO_CHUNK);
        continue;
      }
      assert.deepEqual(characters(pairs.decode(ids)), back);
      near(decode('relaxed').actions, golden('decoded_relaxed'), 1e-9);
      assert.equal(decode('relaxed').excess, back.length - horizon * actionDim);
      if (back.length === horizon * actionDim)
        near(decode('strict').actions, golden('decoded'), 1e-9);
      else assertThrowsAbout(() => decode('strict'), NO_CHUNK);
    }
  });

  it('in the codes of a language model’s tokens, to 2e-7', () => {
    const { decode } = fastCodec(pairs, { ...GOLDEN_CONFIG, decoding: 'relaxed' });
    for (const [name, { tokens }] of Object.entries(cases.sequences)) {
      const codes = codesIn(tokens, GOLDEN_MARKS, GOLDEN_CONFIG);
      near(decode(codes).actions, expected(`detokenize.${name}`).data as Float32Array, 2e-7);
    }
  });
});

describe('a cosine transform', () => {
  const sizes = { rows: fc.integer({ min: 1, max: 60 }), width: fc.integer({ min: 1, max: 16 }) };
  const matrix = fc.record(sizes).chain(({ rows, width }) =>
    fc.record({
      width: fc.constant(width),
      rows: fc.array(fc.double({ min: -3, max: 3, noNaN: true }), {
        minLength: rows * width,
        maxLength: rows * width,
      }),
    }),
  );

  it('is undone by its inverse, and keeps the sum of squares', () =>
    fc.assert(
      fc.property(matrix, ({ rows, width }) => {
        const transformed = cosineTransform(rows, width);
        const squares = (values: ArrayLike<number>) =>
          Array.from(values).reduce((sum, value) => sum + value ** 2, 0);
        assert.ok(distance(inverseCosineTransform(transformed, width), rows).most < 1e-12);
        assert.ok(Math.abs(squares(transformed) - squares(rows)) < 1e-9 * (1 + squares(rows)));
      }),
      { numRuns: 50 },
    ));
});

/** A tokenizer with a code for each byte, and some for pairs of them. */
function allBytes(): BytePairs {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
  let others = 0;
  const bytes = Array.from({ length: 256 }, (_, byte) =>
    String.fromCharCode(printable(byte) ? byte : 256 + others++),
  );
  const zero = bytes[200];
  const pairs: [string, string][] = [
    [bytes[195], bytes[136]],
    ['a', 'b'],
    [zero, zero],
  ];
  const tokens = [...bytes, ...pairs.map((pair) => pair.join(''))];
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, use_regex: true };
  return bytePairs(
    JSON.stringify({
      pre_tokenizer: byteLevel,
      decoder: byteLevel,
      model: {
        type: 'BPE',
        vocab: Object.fromEntries(tokens.map((token, code) => [token, code])),
        merges: pairs,
      },
    }),
    'all bytes',
  );
}

describe('FAST of other dimensions', () => {
  const pairs = allBytes();
  /** A chunk within −1…1 of any size, and how it is coded. */
  const chunks = fc
    .record({
      horizon: fc.integer({ min: 1, max: 32 }),
      actionDim: fc.integer({ min: 1, max: 14 }),
      scale: fc.integer({ min: 1, max: 50 }),
      minToken: fc.integer({ min: -700, max: -300 }),
    })
    .chain(({ scale, minToken, ...shape }) =>
      fc.record({
        coding: fc.constant({
          ...shape,
          decoding: 'strict' as const,
          fast: { scale, minToken, vocabulary: pairs.size, skip: 0 },
        }),
        actions: fc.array(fc.double({ min: -1, max: 1, noNaN: true }), {
          minLength: shape.horizon * shape.actionDim,
          maxLength: shape.horizon * shape.actionDim,
        }),
      }),
    );

  it('comes back as near as its steps are small', () =>
    fc.assert(
      fc.property(chunks, ({ coding, actions }) => {
        const { encode, decode } = fastCodec(pairs, coding);
        const { rms } = distance(decode(encode(actions)).actions, actions);
        // Half a step of every coefficient, by an orthonormal transform.
        assert.ok(rms <= 0.5 / coding.fast.scale + 1e-9, `off by ${rms}`);
      }),
      { numRuns: 100 },
    ));

  it('is encoded to the same codes again', () =>
    fc.assert(
      fc.property(chunks, ({ coding, actions }) => {
        const { encode, decode } = fastCodec(pairs, coding);
        const codes = encode(actions);
        assert.deepEqual(encode(decode(codes).actions), codes);
      }),
      { numRuns: 50 },
    ));

  it('is a chunk of finite numbers, or refused, for any codes', () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -2, max: pairs.size + 2 }), { maxLength: 40 }),
        fc.constantFrom('strict' as const, 'relaxed' as const),
        (codes, decoding) => {
          const coding = {
            ...{ horizon: 4, actionDim: 3, decoding },
            fast: { scale: 10, minToken: -200, vocabulary: pairs.size, skip: 0 },
          };
          try {
            const { actions, excess } = fastCodec(pairs, coding).decode(codes);
            assert.equal(actions.length, 12);
            assert.ok(actions.every(Number.isFinite));
            if (decoding === 'strict') assert.equal(excess, 0);
          } catch (error) {
            assertAbout(error, NO_CHUNK);
          }
        },
      ),
      { numRuns: 200 },
    ));

  it('refuses codes whose bytes are no character', () => {
    const coding = { ...GOLDEN_CONFIG, decoding: 'relaxed' as const };
    assertThrowsAbout(() => fastCodec(pairs, coding).decode([97, 200, 98]), NO_CHUNK); // prettier-ignore
  });
});

describe('an action tokenizer is refused, with the reason, when', () => {
  const refuses = (json: string, ...names: string[]) =>
    assertThrowsAbout(() => bytePairs(json, 'fast.json'), {
      kind: 'invalid',
      subject: 'fast.json',
      names,
    });

  it('it is no JSON', () => refuses('{'));
  it('it is no byte-pair encoding of bytes', () =>
    refuses(JSON.stringify({ model: { type: 'WordPiece', vocab: {} } }), 'model.type'));
});

describe('the state of UTF-8 behind bytes', () => {
  const isText = (bytes: Uint8Array) => {
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes).length >= 0;
    } catch {
      return false;
    }
  };
  /** Bytes near the borders of what may follow, and any others. */
  const byte = fc.oneof(
    fc.constantFrom(0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xed, 0xf0, 0xf4, 0xf5), // prettier-ignore
    fc.integer({ min: 0, max: 255 }),
  );

  it('is that of whole characters just where a decoder takes them', () =>
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 6 }), (bytes) => {
        const text = Uint8Array.from(bytes);
        assert.equal(utf8Behind('whole', text) === 'whole', isText(text));
      }),
      { numRuns: 2000 },
    ));

  it('is the same in parts as at once', () =>
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(), (text, cut) => {
        const bytes = new TextEncoder().encode(text);
        const at = cut % (bytes.length + 1);
        const middle = utf8Behind('whole', bytes.subarray(0, at));
        assert.ok(middle !== undefined && UTF8_STATES.includes(middle));
        assert.equal(utf8Behind(middle, bytes.subarray(at)), 'whole');
      }),
    ));
});
