import { z } from 'zod';
import { UserError } from '../../errors.ts';
import { tasksSchema } from '../../robot/tasks.ts';
import { validate } from '../../validate.ts';
import type { PolicyFamily } from '../family.ts';
import { FAMILIES, familyNamed } from '../families/registry.ts';
import { transformsSchema } from '../vectors/transforms.ts';
import type { BundleConfig } from './config.ts';
import { type Integration, MAX_STEPS, SOLVERS, integrationFaults } from '../integration.ts';
import { precisionSchema } from './precision.ts';

/** The field with π0's architecture. π0's bundles name no family, so that their versions stay the same. */
const PI0 = 'pi0';

/** Fields of policy.json that only flow policies have. */
const flowFields = {
  steps: z.int().min(1).max(MAX_STEPS),
  solver: z.enum(SOLVERS).default('euler'),
  times: z.array(z.number()).optional(),
  maxDelay: z.int().min(1).optional(),
};

/** The schema of policy.json, whose field `block` holds the architecture. */
function schemaOf(family: PolicyFamily, block: string) {
  const { maxDelay, ...integration } = family.joins.length > 0 ? flowFields : {};
  return z
    .strictObject({
      format: z.literal(1),
      name: z.string().min(1),
      description: z.string(),
      embodiment: z.string().min(1),
      cameras: z.array(z.string().min(1)).nonempty(),
      tasks: tasksSchema.optional(),
      ...integration,
      executeSteps: z.int().min(1),
      ...(maxDelay && { maxDelay }),
      precision: precisionSchema.default('float32'),
      ...(block !== PI0 && { family: z.literal(family.name) }),
      [block]: family.architecture,
      transforms: transformsSchema,
    })
    .superRefine(({ executeSteps, cameras, ...fields }, context) => {
      const architecture = (fields as Record<string, unknown>)[block];
      const { horizon } = family.shape(architecture, cameras);
      if (executeSteps > horizon)
        context.addIssue({
          code: 'custom',
          path: ['executeSteps'],
          message: `is more than a chunk has rows (${horizon})`,
        });
      if ('steps' in fields)
        for (const { field, message } of integrationFaults(fields as unknown as Integration))
          context.addIssue({ code: 'custom', path: [field], message });
      for (const message of family.faults?.(architecture, cameras) ?? [])
        context.addIssue({ code: 'custom', path: [block], message });
    });
}

/** The family that a policy.json names, and its field that holds the architecture. */
function familyIn(json: unknown, path: string): { family: PolicyFamily; block: string } {
  const fields = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  if (fields.family === undefined && PI0 in fields)
    return { family: familyNamed(PI0)!, block: PI0 };
  const family = familyNamed(fields.family);
  if (family) return { family, block: 'architecture' };
  const known = FAMILIES.map(({ name }) => name).join(', ');
  throw new UserError(
    fields.family === undefined
      ? `${path}: family: is missing; name the policy's family: ${known}`
      : `${path}: family: ${JSON.stringify(fields.family)} is not known to this version of Nalu; it has ${known}`,
    {
      kind: fields.family === undefined ? 'invalid' : 'unsupported',
      subject: path,
      fields: ['family'],
    },
  );
}

/** Reads the contents of policy.json. Throws a `UserError` that names each wrong field. */
export function parseConfig(json: unknown, path: string): BundleConfig {
  const { family, block } = familyIn(json, path);
  const parsed: Record<string, unknown> = validate(schemaOf(family, block), json, path);
  const { steps, solver, times } = parsed;
  const entries = Object.entries(parsed).flatMap(([key, value]) => {
    if (key === 'family' || key === 'solver' || key === 'times') return [];
    if (key === 'steps') return [['integration', { steps, solver, ...(times !== undefined && { times }) }]]; // prettier-ignore
    return key === block ? [['family', family.name], ['architecture', value]] : [[key, value]]; // prettier-ignore
  });
  return Object.fromEntries(entries) as BundleConfig;
}

/** The faults of a configuration that is about to be written; empty if it is valid. */
export function configFaults(config: BundleConfig) {
  const stored = storedConfig(config);
  const { family, block } = familyIn(stored, config.name);
  return schemaOf(family, block).safeParse(stored).error?.issues ?? [];
}

/** An integration's fields of policy.json; those of before there were other solvers stay as they were. */
const storedIntegration = ({ solver, ...rest }: Integration) => ({
  ...rest,
  ...(solver !== 'euler' && { solver }),
});

/** A configuration in its written form, with fields in a fixed order. */
export const storedConfig = (config: BundleConfig): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(config).flatMap(([key, value]) => {
      if (value === undefined) return [];
      if (key === 'integration') return Object.entries(storedIntegration(value as Integration));
      if (config.family !== PI0) return [[key, value]];
      if (key === 'family') return [];
      return [[key === 'architecture' ? PI0 : key, value]];
    }),
  );
