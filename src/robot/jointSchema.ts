import { z } from 'zod';
import { DEFAULT_ACCELERATION, type JointKind } from './embodiment.ts';
import { FULL_TURN, nameSchema, turn } from './quantities.ts';

/** Per second: above it a figure is in degrees, encoder ticks or a slip of the pen. */
const FASTEST = 20;
/** Per second²: above it a joint would reach any speed at once. */
const SHARPEST = 1000;
/** m: no joint slides farther. */
const LONGEST = 10;

/** What a joint of a kind may say, and what to do about what it may not. */
interface KindRules {
  /** The most that a limit's absolute value may be, and what to say of more. */
  limit: (value: number) => string | undefined;
  /** rad or m: a joint is measured that far from its command wherever it moves or carries something. */
  leastDeviation?: number;
  unit: string;
}

const RULES: Record<JointKind, KindRules> = {
  arm: {
    limit: (value) =>
      Math.abs(value) > FULL_TURN
        ? 'lies beyond one turn (2π); give radians, not degrees'
        : undefined,
    leastDeviation: 0.05,
    unit: 'rad',
  },
  prismatic: {
    limit: (value) =>
      Math.abs(value) > LONGEST
        ? `is more than ${LONGEST} m; give metres, not millimetres`
        : undefined,
    leastDeviation: 0.002,
    unit: 'm',
  },
  gripper: {
    limit: (value) =>
      value < 0 || value > 1
        ? "lies outside 0 (closed) to 1 (open); give the gripper's opening"
        : undefined,
    unit: 'openings',
  },
};

const fields = z.strictObject({
  name: nameSchema,
  arm: z.string(),
  joint: z.string().min(1),
  sign: z.union([z.literal(1), z.literal(-1)], 'give 1 or -1').default(1),
  offset: turn.default(0),
  kind: z.enum(Object.keys(RULES) as [JointKind]),
  lower: z.number(),
  upper: z.number(),
  velocity: z
    .number()
    .positive()
    .max(
      FASTEST,
      `more than ${FASTEST} a second; give rad/s (prismatic: m/s, grippers: openings a second)`,
    ),
  acceleration: z
    .number()
    .positive()
    .max(
      SHARPEST,
      `more than ${SHARPEST} a second²; give rad/s² (prismatic: m/s², grippers: openings a second²)`,
    )
    .optional(),
  home: z.number(),
  rest: z.number().optional(),
  deviation: z.number().positive().optional(),
  positive: z.string().min(1).optional(),
});

type Fields = z.infer<typeof fields>;
type Say = (field: keyof Fields, message: string) => void;

function checkRange(joint: Fields, say: Say): void {
  const { kind, lower, upper } = joint;
  for (const field of ['lower', 'upper'] as const) {
    const fault = RULES[kind].limit(joint[field]);
    if (fault !== undefined) say(field, `${joint[field]} ${fault}`);
  }
  if (lower >= upper) {
    say('lower', `${lower} is not below upper, ${upper}; swap or correct them`);
    return;
  }
  for (const field of ['home', 'rest'] as const) {
    const value = joint[field];
    if (value !== undefined && (value < lower || value > upper))
      say(field, `${value} lies outside ${lower} to ${upper}; move it inside`);
  }
}

function checkDeviation({ kind, deviation }: Fields, say: Say): void {
  if (deviation === undefined) return;
  const { leastDeviation, limit, unit } = RULES[kind];
  if (leastDeviation === undefined)
    say('deviation', 'a gripper stops at what it holds; leave this out');
  else if (deviation < leastDeviation)
    say('deviation', `less than any arm lags or sags; give ${unit}`);
  else if (limit(deviation) !== undefined) say('deviation', `${deviation} ${limit(deviation)}`);
}

/** There is no usual acceleration of what slides: it may carry a finger, or all of the robot. */
function checkAcceleration({ kind, acceleration }: Fields, say: Say): void {
  if (kind === 'prismatic' && acceleration === undefined)
    say('acceleration', 'a prismatic joint has none by default; give m/s²');
}

/** A gripper is read from its ends alone. */
function checkGripper({ kind, sign, offset }: Fields, say: Say): void {
  if (kind !== 'gripper') return;
  const message =
    "a gripper's is not read; leave it out, and give closed and open of the arm's gripper";
  if (sign !== 1) say('sign', message);
  if (offset !== 0) say('offset', message);
}

/** What a calibration may say of a joint. */
export const jointSchema = fields
  .superRefine((joint, context) => {
    const say: Say = (field, message) =>
      context.addIssue({ code: 'custom', path: [field], message });
    checkRange(joint, say);
    checkAcceleration(joint, say);
    checkDeviation(joint, say);
    checkGripper(joint, say);
  })
  .transform(({ acceleration = DEFAULT_ACCELERATION, ...joint }) => ({ ...joint, acceleration }));
