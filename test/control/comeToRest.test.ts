import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { comeToRest } from '../../src/control/comeToRest.ts';
import { type GuardState, atRest, guardLimits } from '../../src/guard/guard.ts';
import type { Clock } from '../../src/robot/robot.ts';
import { simulatedEmbodiment } from '../../src/sim/embodiment.ts';

const PERIOD = 20_000_000n;
const embodiment = await simulatedEmbodiment();
const limits = guardLimits(embodiment);
const home = Float64Array.from(embodiment.joints, (joint) => joint.home);

/** Arms that move at these shares of their greatest speed. */
function moving(shares: readonly number[]): GuardState {
  const move = limits.step.map((step, joint) => shares[joint] * step);
  return { ...atRest(home), move };
}

/** The commands that bring moving arms to rest, with their times since the last command before, ns. */
async function braking(state: GuardState, after: bigint, atOnce: boolean) {
  let now = after;
  const clock: Clock = {
    now: () => now,
    until(stamp) {
      now = stamp > now ? stamp : now;
      return Promise.resolve();
    },
  };
  const sent: { at: bigint; command: Float64Array }[] = [];
  const send = ({ command }: { command: Float64Array | null }, at: bigint) =>
    void sent.push({ at, command: command! });
  await comeToRest(clock, PERIOD, limits, state, send, atOnce ? 0n : undefined);
  return sent;
}

const shares = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), {
  minLength: home.length,
  maxLength: home.length,
});

describe('arms that are stopped between two steps', () => {
  it('are sent at once the point that they are to have reached by then, and brake as at the next step', () =>
    fc.assert(
      fc.asyncProperty(shares, fc.bigInt(0n, PERIOD - 1n), async (speeds, after) => {
        const state = moving(speeds);
        const usual = await braking(state, 0n, false);
        const [first, ...others] = await braking(state, after, true);
        if (usual.length === 0) return assert.equal(first, undefined);
        assert.equal(first.at, after);
        const share = Number(after) / Number(PERIOD);
        first.command.forEach((at, joint) => {
          const expected = home[joint] + share * (usual[0].command[joint] - home[joint]);
          assert.ok(Math.abs(at - expected) < 1e-12);
        });
        assert.deepEqual(
          others.map(({ command }) => command),
          usual.map(({ command }) => command),
        );
      }),
    ));

  it('are at rest within 100 ms, whatever their speed', () =>
    fc.assert(
      fc.asyncProperty(shares, fc.bigInt(0n, PERIOD - 1n), async (speeds, after) => {
        const last = (await braking(moving(speeds), after, true)).at(-1);
        if (last) assert.ok(last.at - after <= 100_000_000n, String(last.at - after));
      }),
    ));
});
