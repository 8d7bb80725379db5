import { controlPeriod } from '../robot/embodiment.ts';
import { uniform } from './random.ts';
import type { SimulatedAloha } from './simulatedAloha.ts';

/** rad/s, and openings a second, of an unhurried hand. */
const SPEED = 1;
/** Amplitude to each side of a joint's position, rad. */
const SWING = 0.45;
/** Distance that a hand keeps from a joint's limit, rad. */
const MARGIN = 0.05;
/** Time for an arm to catch up with the hand that guides it, s. */
const SETTLING = 0.4;

/** Jerks typical of a hand: reach in rad, speed in rad/s, least and greatest pause between two in s. */
const JERK = { reach: 0.25, speed: 2, least: 0.25, greatest: 0.7 };
/** Joints of each arm that are jerked: waist and elbow. */
const JERKED = [0, 2, 7, 9];

/** Simulates a person who moves the arms by hand. Joints are indices into the robot's vector. */
export interface SimulatedHand {
  /** Moves a joint to a larger position, to a smaller one, and back. */
  swing(joint: number): Promise<void>;
  /** Moves a joint to an opening or an angle. */
  bring(joint: number, position: number): Promise<void>;
  /** Jerks both arms to and fro, with pauses that do not repeat. */
  jerk(seconds: number): Promise<void>;
}

/** Creates a hand that moves the arms through their targets; rejects with the signal's reason on abort. */
export function simulatedHand(sim: SimulatedAloha, signal?: AbortSignal): SimulatedHand {
  const { joints, controlRate } = sim.embodiment;
  const target = sim.positions();
  const period = controlPeriod({ controlRate });

  async function step() {
    signal?.throwIfAborted();
    sim.command(target);
    await sim.clock.until(sim.clock.now() + period);
  }

  async function rest(seconds: number) {
    for (let left = seconds * controlRate; left > 0; left--) await step();
  }

  const reachable = (joint: number, position: number) => {
    const { kind, lower, upper } = joints[joint];
    const margin = kind === 'arm' ? MARGIN : 0;
    return Math.min(upper - margin, Math.max(lower + margin, position));
  };

  async function lead(goals: ReadonlyMap<number, number>, speed: number) {
    const most = speed / controlRate;
    const left = () => [...goals].filter(([joint, goal]) => Math.abs(goal - target[joint]) > 1e-9);
    for (let going = left(); going.length > 0; going = left()) {
      for (const [joint, goal] of going)
        target[joint] += Math.max(-most, Math.min(most, goal - target[joint]));
      await step();
    }
  }

  async function bring(joint: number, position: number) {
    await lead(new Map([[joint, reachable(joint, position)]]), SPEED);
    await rest(SETTLING);
  }

  return {
    bring,
    async swing(joint) {
      const began = target[joint];
      for (const position of [began + SWING, began - SWING, began]) await bring(joint, position);
    },
    async jerk(seconds) {
      const random = uniform(1);
      const began = target.slice();
      const deadline = sim.clock.now() + BigInt(Math.round(seconds * 1e9));
      while (sim.clock.now() < deadline) {
        const goals = JERKED.map((joint): [number, number] => [
          joint,
          reachable(joint, began[joint] + (2 * random() - 1) * JERK.reach),
        ]);
        await lead(new Map(goals), JERK.speed);
        await rest(JERK.least + random() * (JERK.greatest - JERK.least));
      }
      await lead(new Map(JERKED.map((joint) => [joint, began[joint]])), SPEED);
    },
  };
}
