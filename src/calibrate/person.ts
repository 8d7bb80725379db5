import type { SimulatedHand } from '../sim/simulatedHand.ts';
import type { Move, Person } from './bench.ts';
import { type Dialogue, choose } from '../terminal/dialogue.ts';

/** The one who sits before the terminal, or has written down the answers. `wait` lets s go by. */
export function presentPerson(
  dialogue: Dialogue,
  wait: (seconds: number) => Promise<void>,
): Person {
  return {
    async make(move, instruction, live) {
      const jerks = move.kind === 'jerks';
      const keys = jerks ? 'Enter begins, s skips, q ends' : 'Enter when done, s skips, q ends';
      const choices = { '': true, s: false };
      const question = `${instruction} (${keys})`;
      if (!(await choose(dialogue, question, choices, jerks ? undefined : live))) return false;
      for (let left = jerks ? move.seconds : 0; left > 0; left--) {
        dialogue.status(`${left} s left`);
        await wait(1);
      }
      dialogue.status('');
      return true;
    },
    decide(finding, mayKeep) {
      const keep = mayKeep ? ', k: they are swapped' : '';
      return choose<'again' | 'keep' | 'skip'>(
        dialogue,
        `${finding} (Enter: once more${keep}, s: leave this one, q ends)`,
        { '': 'again', s: 'skip', ...(mayKeep ? { k: 'keep' } : {}) },
      );
    },
  };
}

/** Milliseconds between two live lines. */
const LIVE_PERIOD = 100;

/** The simulated person: does what is asked, and says so. Joints are found by `jointAt`. */
export function simulatedPerson(
  dialogue: Dialogue,
  hand: SimulatedHand,
  jointAt: (joint: number) => number,
): Person {
  const moves: { [K in Move['kind']]: (move: Extract<Move, { kind: K }>) => Promise<void> } = {
    joint: ({ joint }) => hand.swing(jointAt(joint)),
    gripper: ({ joint, opening }) => hand.bring(jointAt(joint), opening),
    jerks: ({ seconds }) => hand.jerk(seconds),
  };
  return {
    async make(move, instruction, live) {
      dialogue.print(`The simulated person: ${instruction}`);
      const timer = setInterval(() => dialogue.status(live()), LIVE_PERIOD);
      try {
        await (moves[move.kind] as (move: Move) => Promise<void>)(move);
      } finally {
        clearInterval(timer);
        dialogue.status('');
      }
      return true;
    },
    decide(finding, mayKeep) {
      dialogue.print(finding);
      return Promise.resolve(mayKeep ? 'keep' : 'skip');
    },
  };
}
