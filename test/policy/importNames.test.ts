import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { assertSaid } from '../refusals.ts';
import { agreesWithGolden, chunkOf, golden, imported, refused, renamed } from './importing.ts';

describe('a checkpoint whose tensors’ names something was wrapped around', () => {
  const wrapped: Record<string, (name: string) => string> = {
    'compiled, as torch.compile does it': (name) => `_orig_mod.${name}`,
    'compiled inside of lerobot’s policy': (name) => name.replace(/^model\./, 'model._orig_mod.'),
    'in data parallel': (name) => `module.${name}`,
    'in both, one around the other': (name) => `module._orig_mod.${name}`,
    'in both, in other places': (name) =>
      `module.${name}`.replace('paligemma_with_expert.', 'paligemma_with_expert._orig_mod.'),
    'sharded, in FSDP': (name) =>
      `_fsdp_wrapped_module.${name.replace('.layers.', '.layers._fsdp_wrapped_module.')}`,
    'with lerobot’s prefix twice': (name) => `model.${name}`,
    'in a prefix of somebody’s own': (name) => `agent.actor.${name}`,
  };

  for (const [title, wrap] of Object.entries(wrapped)) {
    it(`is the same policy, its files as they are: ${title}`, () =>
      imported(golden({}, renamed(wrap)), async ({ bundle, placement, notes }) => {
        assert.notEqual(placement, 'converted');
        assertSaid(notes.join('\n'), 'wraps their names');
        await agreesWithGolden(bundle);
        assert.ok((await chunkOf(bundle)).every(Number.isFinite));
      }));
  }

  it('is refused, with the names, where there are two policies in one', () =>
    refused(
      golden({}, (all) => [
        ...all,
        ...all.map((tensor) => ({ ...tensor, name: `ema_${tensor.name}` })),
      ]),
      { kind: 'mismatch', subject: 'checkpoint' },
    ));
});
