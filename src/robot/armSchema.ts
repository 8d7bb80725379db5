import { z } from 'zod';
import { COMMAND_KINDS, type Gripper } from './calibration.ts';
import { chainSchema } from './chainSchema.ts';
import { TURNS } from './endEffector.ts';
import { GRIPPER_SETS, type GripperEnds, LEADER_GRIPPER_SETS } from './gripperSets.ts';
import { FULL_TURN, metres, nameSchema, turn, within } from './quantities.ts';
import { topicSchema } from './topicSchema.ts';
import { chosen } from '../validate.ts';

/** Least distance between a gripper's ends: nearer ones are one position, or (rad) metres between its fingers. */
const LEAST_OPENING = { telling: 0.005, angle: 0.15, metres: 0.001 };
/** m: no gripper opens farther. */
const WIDEST = 0.5;

const route = z
  .strictObject({
    kind: z.enum(COMMAND_KINDS),
    topic: topicSchema('/arm_controller/joint_trajectory').optional(),
  })
  .refine(({ kind, topic }) => kind !== 'interbotix' || topic === undefined, {
    path: ['topic'],
    message:
      "an Interbotix driver takes commands on the topics of the arm's namespace alone; leave topic out, and set namespace if the driver runs in another one",
  });

const mirror = z.strictObject({
  joint: z.string().min(1),
  sign: z.union([z.literal(1), z.literal(-1)], 'give 1 or -1').default(1),
});

/** What a gripper of any kind may have. */
const fingers = { mirror: mirror.optional(), command: route.optional() };

const turning = z
  .strictObject({ closed: turn, open: turn, ...fingers })
  .superRefine((given, context) => {
    const opening = Math.abs(given.open - given.closed);
    if (opening >= LEAST_OPENING.angle && opening <= FULL_TURN) return;
    const message =
      opening < LEAST_OPENING.telling
        ? 'closed and open are the same angle; measure them (nalu calibrate)'
        : opening > FULL_TURN
          ? `${opening.toFixed(3)} between closed and open, more than one turn (2π); give the angles of the gripper's joint in radians`
          : `only ${opening.toFixed(3)} between closed and open, which looks like metres between the fingers; give the angles of the gripper's joint in radians, or kind: prismatic if it slides`;
    context.addIssue({ code: 'custom', message });
  });

const end = within(WIDEST, `is more than ${WIDEST} m; give metres`);

const sliding = z
  .strictObject({ kind: z.literal('prismatic'), closed: end, open: end, ...fingers })
  .refine(
    ({ closed, open }) => Math.abs(open - closed) >= LEAST_OPENING.metres,
    'closed and open are the same position; measure them (nalu calibrate)',
  );

const SETS = Object.keys(GRIPPER_SETS) as [keyof typeof GRIPPER_SETS];

const anyTurning = z.union(
  [z.enum(SETS).transform((set): GripperEnds => GRIPPER_SETS[set]), turning],
  `give one of ${SETS.join(', ')}, or two finite numbers: { closed: rad, open: rad }, or { kind: prismatic, closed: m, open: m }`,
);

const gripper = chosen<Gripper>((given) => ('kind' in given ? sliding : anyTurning));

const LEADER_SETS = Object.keys(LEADER_GRIPPER_SETS) as [keyof typeof LEADER_GRIPPER_SETS];

const namespace = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'a ROS namespace without slashes; leave it out for the root')
  .or(z.literal(''))
  .default('');

const leader = z.strictObject({
  namespace,
  states: topicSchema('/leader_left/joint_states').optional(),
  gripper: z
    .union(
      [
        z.enum(LEADER_SETS).transform((set): GripperEnds => LEADER_GRIPPER_SETS[set]),
        z.strictObject({ closed: turn, open: turn }),
      ],
      `give one of ${LEADER_SETS.join(', ')}, or two finite numbers: { closed: rad, open: rad }`,
    )
    .optional(),
});

const endEffector = z.strictObject({
  embodiment: z.string().min(1),
  rotation: z.tuple([turn, turn, turn]).optional(),
  turns: z.enum(TURNS),
  metres: z.number().positive().max(1, 'is more than 1 m in a control step; give metres'),
  radians: z.number().positive().max(Math.PI, 'is more than half a turn in a control step; give radians'), // prettier-ignore
  gripper: z
    .strictObject({ closed: z.number(), open: z.number() })
    .refine(({ closed, open }) => closed !== open, 'closed and open are the same number'),
  fingers: z.array(end).default([]),
});

/** What a calibration may say of an arm; the paths of URDFs lead from `folder`. */
export const armSchema = (folder: string) =>
  z
    .strictObject({
      name: nameSchema,
      namespace,
      states: topicSchema('/joint_states').optional(),
      command: route.optional(),
      gripper: gripper.optional(),
      leader: leader.optional(),
      base: z.tuple([metres, metres, metres, turn]).default([0, 0, 0, 0]),
      chain: chainSchema(folder).optional(),
      endEffector: endEffector.optional(),
    })
    .refine((arm) => !arm.endEffector || (arm.chain && arm.gripper), {
      path: ['endEffector'],
      message: "needs the arm's chain and its gripper; give both, or leave it out",
    })
    .refine((arm) => !arm.leader || Boolean(arm.gripper) === Boolean(arm.leader.gripper), {
      path: ['leader', 'gripper'],
      message: 'a leader has a gripper where its follower has one; give the ends of its joint',
    });
