import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { campaign } from './campaign.ts';
import { NO_NATS } from './server.ts';

describe(
  'a fleet to which faults happen at random moments',
  { timeout: 240_000, skip: NO_NATS },
  () => {
    it('loses no episode or label, counts none twice, and plays no version by half', async (t) => {
      const { made, once, doubled, lost, labelsLost, versions, halfApplied, stuck } =
        await campaign({
          ...{ faults: 4, seed: 1, robots: 2, workers: 0 },
          log: (line) => t.diagnostic(line),
        });
      assert.ok(made > 0 && versions > 0);
      assert.deepEqual(
        { once, doubled, lost, labelsLost, halfApplied, stuck },
        { once: made, doubled: 0, lost: 0, labelsLost: 0, halfApplied: 0, stuck: 0 },
      );
    });
  },
);
