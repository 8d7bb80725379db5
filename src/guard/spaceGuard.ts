import type { SpaceRules } from '../robot/embodiment.ts';
import { type Breach, createSpaceCheck } from './armsInSpace.ts';
import type { GuardEvent } from './guardEvents.ts';
import { type JointLimits, braked } from './jointLimits.ts';

/** Keeps the arms' motion within the space rules. */
export interface SpaceGuard {
  /** Violation of a robot at rest at these positions [joints]; later moves may not make it worse. */
  standing(positions: Float64Array): Breach;
  /**
   * Shortens `moves` [joints] in place, from positions `from`, towards braking from the moves `before`, until no step on
   * the way to rest violates a rule by more than `allowed`. Returns an event for each rule that the original moves
   * would have violated, and the violation allowed from now on.
   */
  shorten(
    from: Float64Array,
    before: Float64Array,
    moves: Float64Array,
    allowed: Breach,
  ): { events: readonly GuardEvent[]; allowed: Breach };
}

/** Fractions of the wanted move, beyond braking, to try, largest first. An arm that would leave the workspace itself skips 1. */
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
 * A guard of the space rules, correct by induction: a command is sent only after braking from it was checked to violate
 * nothing. So braking is always safe, and every other move is checked with its whole way to rest.
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

  /** The worst breach on the way to rest: after `moves` and after each braking step. Stops early once it is worse than `until`. */
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
        const setMoves = (part: number) => {
          for (const joint of joints)
            moves[joint] = braking[joint] + part * (wanted[joint] - braking[joint]);
        };
        const leaves = found.outside[arm] > allowed.outside[arm];
        const fits = PARTS[leaves ? 'leaving' : 'staying'].some((part) => {
          setMoves(part);
          const breach = breachOf(from, moves, allowed);
          if (worse(breach, allowed)) return false;
          kept = tightened(kept, breach);
          return true;
        });
        if (!fits) setMoves(0);
      }
      return { events: breachEvents(rules, found, allowed), allowed: kept };
    },
  };
}
