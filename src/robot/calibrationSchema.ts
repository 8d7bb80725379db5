import { z } from 'zod';
import { armSchema } from './armSchema.ts';
import { contradictions } from './contradictions.ts';
import { cropFits } from './crop.ts';
import { jointSchema } from './jointSchema.ts';
import { nameSchema, named, vector, within } from './quantities.ts';
import { topicSchema } from './topicSchema.ts';
import { tasksSchema } from './tasks.ts';

/** s by which images may lie behind the joints: beyond it a figure is in milliseconds. */
const LATEST = 1;

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

/** Whether a topic may carry a camera's colour images, by its name. */
export const isColourTopic = (topic: string): boolean =>
  TOPIC_FAULTS.every(([pattern]) => !pattern.test(topic));

const camera = z
  .strictObject({
    name: nameSchema,
    width: z.int().positive(),
    height: z.int().positive(),
    topic: topicSchema('/cam_high/image_raw'),
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

const workspace = z
  .strictObject({ lower: vector, upper: vector, enforced: z.boolean().default(false) })
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

/** What a calibration file in `folder` may say. */
export const calibrationSchema = (folder: string) =>
  z
    .strictObject({
      name: z.string().min(1),
      controlRate: z
        .number()
        .min(1, 'give the control rate in Hz, not its period')
        .max(1000, 'give the control rate in Hz'),
      tasks: tasksSchema.optional(),
      arms: named(armSchema(folder)).min(1),
      joints: named(jointSchema).min(1),
      cameras: named(camera),
      workspace: workspace.optional(),
      leastDistance: z.number().positive().max(1, 'give metres').optional(),
      measured: measured.optional(),
    })
    .superRefine((given, context) => {
      for (const { path, message } of contradictions(given))
        context.addIssue({ code: 'custom', path, message });
    });
