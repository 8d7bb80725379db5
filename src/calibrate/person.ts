import type { SimulatedHand } from '../sim/simulatedHand.ts';
import type { Move, Person } from './bench.ts';
import { type Choosing, type Dialogue, choose } from '../terminal/dialogue.ts';

/** The one who sits before the terminal, or has written down the answers. `wait` lets s go by. */
export function presentPerson(
  dialogue: Dialogue,
  wait: (seconds: number) => Promise<void>,
): Person {
  return {
    async make(move, instruction, live) {
      const jerks = move.kind === 'jerks';
      const choices = [
        { key: '', says: jerks ? 'begin' : 'done', value: true },
        { key: 's', says: 'skip', value: false },
      ];
      const question = { text: instruction, choices };
      if (!(await choose(dialogue, question, jerks ? undefined : live))) return false;
      for (let left = jerks ? move.seconds : 0; left > 0; left--) {
        dialogue.status(`${left} s left`);
        await wait(1);
      }
      dialogue.status('');
      return true;
    },
    decide(finding, mayKeep) {
      const choices: Choosing<'again' | 'keep' | 'skip'>['choices'] = [
        { key: '', says: 'once more', value: 'again' },
        ...(mayKeep ? [{ key: 'k', says: 'they are swapped', value: 'keep' as const }] : []),
        { key: 's', says: 'leave this one', value: 'skip' },
      ];
      return choose(dialogue, { text: finding, choices });
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
