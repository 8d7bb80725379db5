import { z } from 'zod';
import { contradictions } from './contradictions.ts';
import { cropFits } from './crop.ts';
import { DEFAULT_ACCELERATION } from './embodiment.ts';
import { GRIPPER_SETS, type GripperAngles } from './gripperSets.ts';

const FULL_TURN = 2 * Math.PI;
/** rad/s or openings a second: above it a figure is in degrees, encoder ticks or a slip of the pen. */
const FASTEST = 20;
/** rad/s² or openings a second²: above it a joint would reach any speed at once. */
const SHARPEST = 1000;
/** rad: an arm is measured that far from its command wherever it moves or carries something. */
const LEAST_DEVIATION = 0.05;
/** rad between a gripper's ends: with less they are one angle, or metres between its fingers. */
const LEAST_OPENING = { telling: 0.005, angle: 0.15 };
/** m from the robot's origin: beyond it a figure is in centimetres or millimetres. */
const FARTHEST = 10;
/** s by which images may lie behind the joints: beyond it a figure is in milliseconds. */
const LATEST = 1;

const name = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, 'use lower-case letters, digits and underscores');

const within = (most: number, message: string) =>
  z.number().refine((value) => Math.abs(value) <= most, {
    error: ({ input }) => `${String(input)} ${message}`,
  });

const turn = within(
  FULL_TURN,
  'lies beyond one turn (2π), and no joint turns farther; give radians, not degrees, percent or ticks',
);
const metres = within(FARTHEST, `is more than ${FARTHEST} m away; give metres`);

const triple = z.tuple([metres, metres, metres]);

const angles = z.strictObject({ closed: turn, open: turn }).superRefine((given, context) => {
  const opening = Math.abs(given.open - given.closed);
  if (opening >= LEAST_OPENING.angle && opening <= FULL_TURN) return;
  const message =
    opening < LEAST_OPENING.telling
      ? 'closed and open are the same angle; measure them (nalu calibrate)'
      : opening > FULL_TURN
        ? `${opening.toFixed(3)} between closed and open, more than one turn (2π); give the angles of the gripper's joint in radians`
        : `only ${opening.toFixed(3)} between closed and open, which looks like metres between the fingers; give the angles of the gripper's joint in radians`;
  context.addIssue({ code: 'custom', message });
});

const arm = z.strictObject({
  name,
  namespace: z.string().regex(/^[a-z][a-z0-9_]*$/, 'a ROS namespace without slashes'),
  gripper: z.union(
    [
      z
        .enum(Object.keys(GRIPPER_SETS) as [keyof typeof GRIPPER_SETS])
        .transform((set): GripperAngles => GRIPPER_SETS[set]),
      angles,
    ],
    `give one of ${Object.keys(GRIPPER_SETS).join(', ')}, or two finite numbers: { closed: rad, open: rad }`,
  ),
  base: z.tuple([metres, metres, metres, turn]),
});

const joint = z
  .strictObject({
    name,
    arm: z.string(),
    joint: z.string().min(1),
    sign: z.union([z.literal(1), z.literal(-1)], 'give 1 or -1').default(1),
    offset: turn.default(0),
    kind: z.enum(['arm', 'gripper']),
    lower: z.number(),
    upper: z.number(),
    velocity: z
      .number()
      .positive()
      .max(FASTEST, `more than ${FASTEST} a second; give rad/s (grippers: openings a second)`),
    acceleration: z
      .number()
      .positive()
      .max(SHARPEST, `more than ${SHARPEST} a second²; give rad/s² (grippers: openings a second²)`)
      .default(DEFAULT_ACCELERATION),
    home: z.number(),
    rest: z.number(),
    deviation: z
      .number()
      .min(LEAST_DEVIATION, 'less than any arm lags or sags; give rad')
      .optional(),
  })
  .superRefine((joint, context) => {
    const say = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    for (const field of ['lower', 'upper'] as const) {
      const value = joint[field];
      if (joint.kind === 'arm' && Math.abs(value) > FULL_TURN)
        say(field, `${value} lies beyond one turn (2π); give radians, not degrees`);
      if (joint.kind === 'gripper' && (value < 0 || value > 1))
        say(field, `${value} lies outside 0 (closed) to 1 (open); give the gripper's opening`);
    }
    for (const [field, none] of [
      ['sign', 1],
      ['offset', 0],
    ] as const)
      if (joint.kind === 'gripper' && joint[field] !== none)
        say(
          field,
          "a gripper's is not read; leave it out, and give closed and open of the arm's gripper",
        );
    if (joint.kind === 'gripper' && joint.deviation !== undefined)
      say('deviation', 'a gripper stops at what it holds; leave this out');
    if ((joint.deviation ?? 0) > FULL_TURN)
      say('deviation', `${joint.deviation} lies beyond one turn (2π); give radians, not degrees`);
    if (joint.lower >= joint.upper)
      say('lower', `${joint.lower} is not below upper, ${joint.upper}; swap or correct them`);
    else
      for (const field of ['home', 'rest'] as const) {
        const value = joint[field];
        if (value < joint.lower || value > joint.upper)
          say(field, `${value} lies outside ${joint.lower} to ${joint.upper}; move it inside`);
      }
  });

/** Topics beside a camera's colour images, and what to do. */
const TOPIC_FAULTS: [RegExp, string][] = [
  [/\/compressed$/, 'leave /compressed out, and set transport: compressed'],
  [
    /\/compressedDepth$|\/(?:aligned_)?depth(?:_registered|_to_[a-z0-9_]+)?\/|\/[^/]*depth[^/]*$/i,
    "depth, not colour; give the topic of the camera's colour images",
  ],
  [
    /\/(?:theora|ffmpeg|zstd)$/,
    "a transport that Nalu does not read; give the topic of the camera's raw or compressed images",
  ],
  [/\/camera_info$|\/points$/, "no images; give the topic of the camera's colour images"],
];

const camera = z
  .strictObject({
    name,
    width: z.int().positive(),
    height: z.int().positive(),
    topic: z
      .string()
      .regex(/^(\/[A-Za-z_][A-Za-z0-9_]*)+$/, 'a ROS topic from the root, as /cam_high/image_raw'),
    transport: z.enum(['raw', 'compressed']).default('raw'),
    crop: z
      .strictObject({
        x: z.int().min(0),
        y: z.int().min(0),
        width: z.int().positive(),
        height: z.int().positive(),
      })
      .optional(),
    rotate: z
      .union(
        [z.literal(0), z.literal(90), z.literal(180), z.literal(270)],
        'give 0, 90, 180 or 270',
      )
      .default(0),
    mount: z.enum(['fixed', 'wrist']),
    noiseless: z.boolean().optional(),
    exposure: z
      .tuple([z.number().min(0), z.number().max(255)])
      .refine(([least, greatest]) => least < greatest, 'the least is not below the greatest')
      .refine(
        ([, greatest]) => greatest > 1,
        'no image is so dark; give brightness from 0 to 255, not a fraction',
      )
      .default([20, 235]),
  })
  .superRefine(({ width, height, topic, crop }, context) => {
    const say = (field: string, message: string) =>
      context.addIssue({ code: 'custom', path: [field], message });
    if (crop && !cropFits(crop, { width, height }))
      say(
        'crop',
        `it ends at ${crop.x + crop.width}, ${crop.y + crop.height}, outside the image of ${width}×${height}; give pixels of the image as it arrives`,
      );
    const wrong = TOPIC_FAULTS.find(([pattern]) => pattern.test(topic));
    if (wrong) say('topic', wrong[1]);
  });

const unique = <T extends { name: string }>(items: T[], context: z.RefinementCtx) => {
  items.forEach((item, index) => {
    const first = items.findIndex((other) => other.name === item.name);
    if (first < index)
      context.addIssue({
        code: 'custom',
        path: [index, 'name'],
        message: `${item.name} is already the name of entry ${first}; names must differ`,
      });
  });
};

const workspace = z
  .strictObject({ lower: triple, upper: triple, enforced: z.boolean().default(false) })
  .superRefine(({ lower, upper }, context) => {
    lower.forEach((least, axis) => {
      if (least >= upper[axis])
        context.addIssue({
          code: 'custom',
          path: ['lower', axis],
          message: `${least} is not below upper, ${upper[axis]}; swap or correct them`,
        });
    });
  });

const latency = within(LATEST, `is more than ${LATEST} s; give seconds`);

const measured = z.looseObject({
  date: z.string(),
  cameras: z.record(z.string(), z.looseObject({ latency: latency.optional() })).optional(),
});

/** What a calibration file may say. */
export const calibrationSchema = z
  .strictObject({
    name: z.string().min(1),
    controlRate: z
      .number()
      .min(1, 'give the control rate in Hz, not its period')
      .max(1000, 'give the control rate in Hz'),
    arms: z.array(arm).min(1).superRefine(unique),
    joints: z.array(joint).min(1).superRefine(unique),
    cameras: z.array(camera).superRefine(unique),
    workspace,
    leastDistance: z.number().positive().max(1, 'give metres').optional(),
    measured: measured.optional(),
  })
  .superRefine((given, context) => {
    for (const { path, message } of contradictions(given))
      context.addIssue({ code: 'custom', path, message });
  });
