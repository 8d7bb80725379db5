import type { SpaceRules } from '../robot/embodiment.ts';
import { type Breach, createSpaceCheck } from './armsInSpace.ts';
import type { GuardEvent } from './guardEvents.ts';
import { type JointLimits, braked } from './jointLimits.ts';

/** Keeps the arms' way within the rules of space. */
export interface SpaceGuard {
  /** What a robot at rest at these positions breaks; it may do so no further. */
  standing(positions: Float64Array): Breach;
  /**
   * Shortens `moves` [joints] from positions in place, towards braking from the moves before, until every
   * step of the way to rest after them breaks no rule more than `allowed`. Tells what the moves would have
   * broken, and what is allowed from now on.
   */
  shorten(
    from: Float64Array,
    before: Float64Array,
    moves: Float64Array,
    allowed: Breach,
  ): { events: readonly GuardEvent[]; allowed: Breach };
}

/** Parts of an arm's move, beyond braking, that are tried one after another: all of it only where it did not itself leave the workspace. */
const PARTS = { staying: [1, 0.5], leaving: [0.5] };
const NO_EVENTS: GuardEvent[] = [];

function worse({ outside, near }: Breach, allowed: Breach): boolean {
  for (let arm = 0; arm < outside.length; arm++)
    if (outside[arm] > allowed.outside[arm]) return true;
  return near > allowed.near;
}

function breachEvents({ arms }: SpaceRules, { outside, near }: Breach, allowed: Breach) {
  const events: GuardEvent[] = [];
  outside.forEach((amount, arm) => {
    if (amount > allowed.outside[arm])
      events.push({ rule: 'workspace', action: 'limit', source: arms[arm].name, amount });
  });
  if (near > allowed.near) {
    const source = arms.map(({ name }) => name).join(', ');
    events.push({ rule: 'distance', action: 'limit', source, amount: near });
  }
  return events;
}

/**
 * A guard of arms in space. Its proof is by induction: braking from the last command was found to break
 * nothing when that command was let go, so braking is always right, and anything else is tried in full.
 */
export function createSpaceGuard(rules: SpaceRules, { change }: JointLimits): SpaceGuard {
  const { arms } = rules;
  const check = createSpaceCheck(rules);
  const bending = arms.flatMap(({ joints }) => joints);
  const position = new Float64Array(change.length);
  const move = new Float64Array(change.length);
  const wanted = new Float64Array(change.length);
  const braking = new Float64Array(change.length);
  const clean: Breach = { outside: arms.map(() => 0), near: 0 };

  /** The worst breach on the way to rest: after the moves, and after each step of braking; to the first that is worse. */
  const breachOf = (from: Float64Array, moves: Float64Array, until?: Breach): Breach => {
    const breach: Breach = { outside: clean.outside.slice(), near: 0 };
    position.set(from);
    move.set(moves);
    for (let moving = true; moving;) {
      moving = false;
      for (const joint of bending) {
        position[joint] += move[joint];
        move[joint] = braked(move[joint], change[joint]);
        moving ||= move[joint] !== 0;
      }
      check(position, breach);
      if (until && worse(breach, until)) return breach;
    }
    return breach;
  };

  const tightened = (allowed: Breach, found: Breach): Breach =>
    worse(allowed, clean)
      ? {
          outside: allowed.outside.map((out, arm) => Math.min(out, found.outside[arm])),
          near: Math.min(allowed.near, found.near),
        }
      : allowed;

  return {
    standing: (positions) => breachOf(positions, new Float64Array(change.length)),
    shorten(from, before, moves, allowed) {
      const found = breachOf(from, moves);
      if (!worse(found, allowed)) return { events: NO_EVENTS, allowed: tightened(allowed, found) };
      wanted.set(moves);
      for (const joint of bending)
        moves[joint] = braking[joint] = braked(before[joint], change[joint]);
      let kept = allowed;
      for (const [arm, { joints }] of arms.entries()) {
        const go = (part: number) => {
          for (const joint of joints)
            moves[joint] = braking[joint] + part * (wanted[joint] - braking[joint]);
        };
        const leaves = found.outside[arm] > allowed.outside[arm];
        const fits = PARTS[leaves ? 'leaving' : 'staying'].some((part) => {
          go(part);
          const breach = breachOf(from, moves, allowed);
          if (worse(breach, allowed)) return false;
          kept = tightened(kept, breach);
          return true;
        });
        if (!fits) go(0);
      }
      return { events: breachEvents(rules, found, allowed), allowed: kept };
    },
  };
}
