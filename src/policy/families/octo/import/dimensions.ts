import { UserError, listed } from '../../../../errors.ts';
import type { ShardedHeader } from '../../../../tensors/shards.ts';
import { validate } from '../../../../validate.ts';
import { type OctoConfig, type TextEncoder, octoConfigSchema } from '../config.ts';
import { TEXT_ENCODER } from '../textEncoder.ts';
import { type OctoSpec, type TokenizerSpec, encoderSchema } from './spec.ts';

/** A checkpoint's configuration and tensors. */
export interface OctoFiles {
  header: ShardedHeader;
  /** Of config.json. */
  model: OctoSpec;
  configPath: string;
}

const ROOT = 'octo_transformer';
const BLOCKS = `${ROOT}/BlockTransformer_0/Transformer_0`;
/** T5's, which no tensor tells. */
const MAX_DISTANCE = 128;

/** Shapes of tensors; those that are not there are kept in `absent`. */
interface Shapes {
  of: (name: string) => readonly number[];
  has: (name: string) => boolean;
  /** How many there are of tensors that are numbered from 0. */
  count: (name: (i: number) => string) => number;
  absent: Set<string>;
}

function shapesIn({ tensors }: ShardedHeader): Shapes {
  const absent = new Set<string>();
  return {
    absent,
    has: (name) => tensors.has(name),
    of(name) {
      const entry = tensors.get(name);
      if (!entry) absent.add(name);
      return entry?.shape ?? [1, 1, 1, 1];
    },
    count(name) {
      let count = 0;
      while (tensors.has(name(count))) count++;
      return count;
    },
  };
}

/** Throws a `UserError` for a module of Octo's that Nalu does not run. */
const refuse = (configPath: string, field: string, what: string): never => {
  throw new UserError(
    `${configPath}: model.${field} ${what}; Nalu runs Octo with images, one instruction and the diffusion head, as octo-small-1.5 and octo-base-1.5 have them`,
    { kind: 'unsupported', subject: configPath, fields: [`model.${field}`] },
  );
};

/** An image tokenizer. */
function imageOf(
  name: string,
  spec: TokenizerSpec,
  { configPath }: OctoFiles,
  { of, count }: Shapes,
): OctoConfig['images'][number] {
  const field = `observation_tokenizers.${name}`;
  if (spec.name !== 'ImageTokenizer') refuse(configPath, field, `is a ${spec.name}`);
  if (spec.use_token_learner) refuse(configPath, field, 'uses a token learner');
  const encoder = validate(encoderSchema, spec.encoder, `${configPath}: model.${field}.encoder`);
  if (!encoder.name.startsWith('SmallStem'))
    refuse(configPath, `${field}.encoder`, `is a ${encoder.name}`);
  if (encoder.use_film || spec.task_film_keys.length > 0)
    refuse(configPath, field, 'is conditioned by FiLM');
  if (encoder.img_norm_type !== 'default')
    refuse(configPath, `${field}.encoder.img_norm_type`, `is ${encoder.img_norm_type}`);
  if (spec.obs_stack_keys && spec.obs_stack_keys.length !== 1)
    refuse(configPath, `${field}.obs_stack_keys`, 'stacks several images');
  const stem = `${ROOT}/observation_tokenizers_${name}/${encoder.name}_0`;
  const kernel = (i: number) => `${stem}/StdConv_${i}/kernel`;
  const convolutions = Array.from({ length: count(kernel) }, (_, i) => ({
    channels: of(kernel(i))[3],
    kernel: of(kernel(i))[0],
    stride: encoder.strides[i] ?? 1,
    padding: encoder.padding[i] ?? 0,
  }));
  if (convolutions.length === 0) of(kernel(0));
  const [patch, , , features] = of(`${stem}/embedding/kernel`);
  const [, , tokens] = of(`${ROOT}/obs_${name}_pos_embedding`);
  const shrinks = convolutions.reduce((all, { stride }) => all * stride, patch);
  return {
    ...{ name, encoder: encoder.name, patch, features },
    imageSize: Math.round(Math.sqrt(tokens)) * shrinks,
    convolutions,
    goal: spec.task_stack_keys.length > 0,
  };
}

/** The text encoder, where its tensors are there. */
function textEncoderOf(
  { configPath }: OctoFiles,
  said: string | null | undefined,
  { of, has, count }: Shapes,
) {
  const block = (i: number) => `${TEXT_ENCODER}/encoder/block/${i}/layer`;
  const depth = count((i) => `${block(i)}/0/SelfAttention/q/kernel`);
  if (said && !said.includes('t5'))
    refuse(configPath, 'task_tokenizers.language.encoder', `is ${said}, not T5`);
  if (depth === 0 && said)
    throw new UserError(
      `${configPath}: model.task_tokenizers.language.encoder is ${said}, but its tensors (${TEXT_ENCODER}/…) are not in the checkpoint; convert it with them, or say null there for a policy that reads no instructions`,
      { kind: 'missing', subject: configPath, fields: ['model.task_tokenizers.language.encoder'] },
    );
  if (depth === 0) return undefined;
  if (has(`${block(0)}/1/DenseReluDense/wi_0/kernel`))
    refuse(configPath, 'task_tokenizers.language.encoder', 'is a T5 with gated layers (v1.1)');
  const [vocabulary] = of(`${TEXT_ENCODER}/shared/embedding`);
  const [buckets, heads] = of(`${block(0)}/0/SelfAttention/relative_attention_bias/embedding`);
  const encoder: TextEncoder = {
    ...{ vocabulary, depth, heads, buckets, maxDistance: MAX_DISTANCE },
    headDim: of(`${block(0)}/0/SelfAttention/q/kernel`)[1] / heads,
    mlp: of(`${block(0)}/1/DenseReluDense/wi/kernel`)[1],
  };
  return encoder;
}

/** How instructions are read, if they are. */
function languageOf(files: OctoFiles, shapes: Shapes): OctoConfig['language'] {
  const { model, configPath } = files;
  const { language: spec, ...others } = model.task_tokenizers;
  const [other] = Object.keys(others);
  if (other) refuse(configPath, `task_tokenizers.${other}`, `is a ${others[other].name}`);
  if (!spec) return undefined;
  return {
    tokens: shapes.of(`${ROOT}/task_language_pos_embedding`)[1],
    width: shapes.of(`${ROOT}/task_language_projection/kernel`)[0],
    repeated: model.repeat_task_tokens,
    encoder: textEncoderOf(files, spec.encoder, shapes),
  };
}

/** The diffusion head and the readout that it reads, by name. */
function headOf({ model, configPath }: OctoFiles, { of }: Shapes) {
  const [[name, spec], ...more] = Object.entries(model.heads);
  if (more.length > 0) refuse(configPath, `heads.${more[0][0]}`, 'is a second head');
  if (spec.name !== 'DiffusionActionHead') refuse(configPath, `heads.${name}`, `is a ${spec.name}`);
  if (spec.use_map) refuse(configPath, `heads.${name}.use_map`, 'is true');
  const readout = spec.readout_key.replace(/^readout_/, '');
  const network = `heads_${name}/diffusion_model`;
  const [, width] = of(`${network}/reverse_network/Dense_0/kernel`);
  const [numbers] = of(`${network}/reverse_network/Dense_1/bias`);
  return {
    head: {
      ...{ name, readout, width },
      timeDim: of(`${network}/cond_encoder/Dense_1/bias`)[0],
      blocks: spec.num_blocks,
      layerNorm: spec.use_layer_norm,
      steps: spec.diffusion_steps,
      maxAction: spec.max_action,
    },
    horizon: spec.action_horizon ?? spec.pred_horizon ?? numbers / spec.action_dim,
    actionDim: spec.action_dim,
  };
}

/**
 * A policy's dimensions: what the shapes of its tensors say, else its configuration; those of the robot's vectors
 * follow. Throws a `UserError` for what Nalu does not run, and for tensors that are not there.
 */
export function dimensionsOf(files: OctoFiles): OctoConfig {
  const { model, configPath, header } = files;
  const { transformer_kwargs: transformer, readouts } = model;
  const shapes = shapesIn(header);
  if (transformer.add_position_embedding)
    refuse(configPath, 'transformer_kwargs.add_position_embedding', 'is true');
  const head = headOf(files, shapes);
  const [other] = Object.keys(readouts).filter((name) => name !== head.head.readout);
  if (other) refuse(configPath, `readouts.${other}`, 'is none that the head reads');
  const [, maxWindow, , width] = shapes.of(`${ROOT}/readout_${head.head.readout}_pos_embedding`);
  const images = Object.entries(model.observation_tokenizers).map(([name, spec]) =>
    imageOf(name, spec, files, shapes),
  );
  const dimensions = {
    images,
    language: languageOf(files, shapes),
    ...{ width, maxWindow },
    depth: shapes.count((i) => `${BLOCKS}/encoderblock_${i}/LayerNorm_0/scale`),
    mlp: shapes.of(`${BLOCKS}/encoderblock_0/MlpBlock_0/Dense_0/bias`)[0],
    heads: transformer.num_attention_heads,
    readouts: readouts[head.head.readout],
    correctAttention: model.use_correct_attention,
    ...head,
    robotActionDim: head.actionDim,
    stateDim: 1,
  };
  if (shapes.absent.size > 0)
    throw new UserError(
      `${header.index ?? header.files[0]} lacks tensors that ${configPath} says an Octo of it has:${listed([...shapes.absent])}`,
      { kind: 'missing', fields: [...shapes.absent] },
    );
  return validate(octoConfigSchema, dimensions, `${configPath} and the tensors beside it`);
}
