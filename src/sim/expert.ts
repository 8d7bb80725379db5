import { UserError } from '../errors.ts';
import { handMotion, type Grip, type Move } from './motion.ts';
import type { SimulatedAloha } from './simulatedAloha.ts';
import { type SimTaskName } from './taskNames.ts';
import { simTasks } from './tasks.ts';
import type { ArmSide } from './viperx.ts';

type Moves = Record<ArmSide, Move[]>;

/** Pitch of a grasp from above, and roll of a hand that takes over from the other. */
const fromAbove = Math.PI / 3;
const quarterTurn = Math.PI / 2;

const above = (x: number, y: number, z: number): Grip => ({
  point: [x, y, z],
  pitch: fromAbove,
  roll: 0,
});

/** The grasp that both tasks begin with: open, hover, descend, close, lift. */
function pickUp(x: number, y: number, z: number): Move[] {
  return [
    { steps: 70, to: above(x, y, z + 0.1), opening: 1 },
    { steps: 40, to: above(x, y, z), straight: true },
    { steps: 10 },
    { steps: 35, opening: 0 },
    { steps: 35, to: above(x, y, z + 0.1), straight: true },
  ];
}

/** The right hand lifts the cube to the middle; the left, turned by 90°, takes it between its fingers. */
function transferCube([cube]: number[][]): Moves {
  const [x, y] = cube;
  const height = 0.28;
  const turned = (at: number): Grip => ({ point: [at, 0.5, height], pitch: 0, roll: quarterTurn });
  return {
    right: [
      ...pickUp(x, y, 0.026),
      { steps: 70, to: above(0, 0.5, height + 0.006) },
      { steps: 70 },
      { steps: 35, opening: 1 },
      { steps: 35, to: above(0.1, 0.5, height + 0.06), straight: true },
    ],
    left: [
      { steps: 130 },
      { steps: 90, to: turned(-0.13), opening: 1 },
      { steps: 35 },
      { steps: 40, to: turned(0), straight: true },
      { steps: 35, opening: 0 },
      { steps: 35 },
      { steps: 35, to: turned(-0.1), straight: true },
    ],
  };
}

/** Each hand holds its object near the outer end; in the air the right one drives the peg home. */
function insertion([peg, socket]: number[][]): Moves {
  const height = 0.2;
  const hold = 0.02;
  const pegAt = (x: number) => above(x + hold, 0.5, height + 0.014);
  const socketAt = above(-0.05 - hold, 0.5, height + 0.008);
  return {
    right: [
      ...pickUp(peg[0] + hold, peg[1], 0.024),
      { steps: 70, to: pegAt(0.1) },
      { steps: 60 },
      { steps: 70, to: pegAt(0.04), straight: true },
    ],
    left: [...pickUp(socket[0] - hold, socket[1], 0.03), { steps: 70, to: socketAt }],
  };
}

const plans: Record<SimTaskName, (objects: number[][]) => Moves> = {
  'transfer-cube': transferCube,
  insertion,
};

/**
 * Commands [maxSteps][14] (rad, openings) that solve the task within the robot's joint speeds, as a demonstration
 * for imitation. Planned once from the objects' true poses and the arms' start.
 */
export function expertTrajectory(sim: SimulatedAloha): Float64Array[] {
  if (!sim.hasTask)
    throw new UserError(
      `The expert needs the objects of ${sim.name}, and the scene has none; docs/scenes.md says how to add them`,
      { kind: 'missing', fields: [sim.name] },
    );
  const start = sim.embodiment.joints.map((joint) => joint.home);
  const objects = sim.objects().map((pose) => pose.map((value, i) => value - (sim.origin[i] ?? 0)));
  const moves = plans[sim.name](objects);
  const left = handMotion('left', start.slice(0, 7), moves.left);
  const right = handMotion('right', start.slice(7), moves.right);
  return Array.from({ length: simTasks[sim.name].maxSteps }, (_, step) =>
    Float64Array.from([...atStep(left, step), ...atStep(right, step)]),
  );
}

/** A motion's command at a step; its last one where it is over. */
const atStep = (commands: number[][], step: number) =>
  commands[Math.min(step, commands.length - 1)];
