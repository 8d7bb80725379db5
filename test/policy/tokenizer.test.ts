import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { UserErrorKind } from '../../src/errors.ts';
import { padTokens } from '../../src/policy/learnable.ts';
import { TINY_VOCABULARY, tinyTokenizerJson } from '../../src/policy/paligemma/tokenizer.ts';
import { loadTokenizer } from '../../src/policy/families/pi0/tokenizer.ts';
import { assertRejectsAbout, assertSaid } from '../refusals.ts';

const BEGIN = 2n;
const ids = (text: string) => Array.from(Buffer.from(text), (byte) => BigInt(byte) + 4n);

describe('the tokenizer', () => {
  let folder: string;
  let path: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'nalu-tokenizer-'));
    path = join(folder, 'tokenizer.json');
    await writeFile(path, tinyTokenizerJson());
  });
  after(() => rm(folder, { recursive: true }));

  const load = async (maxTokens = 48) => {
    const tokenize = await loadTokenizer(path, { maxTokens, variant: 'pi0' });
    return (prompt: string) => tokenize(prompt, []);
  };

  it('begins a prompt with the begin token and ends it with a newline', async () => {
    const tokenize = await load();
    assert.deepEqual(Array.from(tokenize('Transfer cube').tokens), [
      BEGIN,
      ...ids('Transfer cube\n'),
    ]);
  });

  it('strips a prompt and makes spaces of underscores and line breaks', async () => {
    const tokenize = await load();
    assert.deepEqual(tokenize(' pick_up\nit \n'), tokenize('pick up it'));
  });

  it('takes any text, byte by byte', async () => {
    const tokenize = await load();
    assert.deepEqual(Array.from(tokenize('thé 🙂').tokens), [BEGIN, ...ids('thé 🙂\n')]);
    assert.ok(tokenize('ÿ').tokens.every((id) => id < TINY_VOCABULARY));
  });

  it('cuts a prompt that is too long, and says so', async () => {
    const tokenize = await load(6);
    const { tokens, warning } = tokenize('Transfer cube');
    assert.deepEqual(Array.from(tokens), [BEGIN, ...ids('Trans')]);
    assertSaid(warning ?? '', '15 tokens', 'first 6', 'Transfer cube');
    assert.equal(tokenize('cube').warning, undefined);
  });

  it('pads on the right with masked zeros', () => {
    assert.deepEqual(padTokens(BigInt64Array.of(2n, 9n), 4), {
      tokens: BigInt64Array.of(2n, 9n, 0n, 0n),
      mask: Uint8Array.of(1, 1, 0, 0),
    });
  });

  it('names a file that is missing, damaged or without a begin token', async () => {
    const refuses = (path: string, kind: UserErrorKind, ...names: string[]) =>
      assertRejectsAbout(loadTokenizer(path, { maxTokens: 48, variant: 'pi0' }), {
        kind,
        subject: path,
        names,
      });
    await refuses(join(folder, 'none.json'), 'missing');
    const damaged = join(folder, 'damaged.json');
    await writeFile(damaged, '{"model": ');
    await refuses(damaged, 'invalid');
    const json = tinyTokenizerJson().replaceAll('<bos>', '<begin>');
    await writeFile(damaged, json);
    await refuses(damaged, 'invalid', '<bos>');
  });
});
