import { uniform } from './random.ts';
import type { SimulatedAloha } from './simulatedAloha.ts';

/** rad/s, and openings a second, of an unhurried hand. */
const SPEED = 1;
/** rad to each side of where a joint stands. */
const SWING = 0.45;
/** rad that a hand stops short of a joint's end. */
const MARGIN = 0.05;
/** s for an arm to come after the hand that leads it. */
const SETTLING = 0.4;

/** rad and s: jerks of the arms, as far and as often as a hand does. */
const JERK = { reach: 0.25, speed: 2, least: 0.25, greatest: 0.7 };
/** Joints of each arm that are jerked: waist and elbow. */
const JERKED = [0, 2, 7, 9];

/** A person's hand on the simulated arms. Joints by their index in the robot's vector. */
export interface SimulatedHand {
  /** To where its position is larger, to where it is smaller, and back. */
  swing(joint: number): Promise<void>;
  /** To an opening or an angle. */
  bring(joint: number, position: number): Promise<void>;
  /** Jerks both arms to and fro, with pauses that do not repeat. */
  jerk(seconds: number): Promise<void>;
}

/** The hand leads the arms by their targets; ends with the signal's reason when it aborts. */
export function simulatedHand(sim: SimulatedAloha, signal?: AbortSignal): SimulatedHand {
  const { joints, controlRate } = sim.embodiment;
  const target = sim.positions();
  const period = BigInt(Math.round(1e9 / controlRate));

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
