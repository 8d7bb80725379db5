import { z } from 'zod';
import { MAX_STEPS } from '../integration.ts';

const size = z.int().min(1).nullish();
const choice = z.boolean().nullish();
/** Network calls: as many as a bundle may have. */
const steps = z.int().min(1).max(MAX_STEPS).nullish();

/** One transformer's dimensions, as openpi (width, mlp_dim) or transformers (hidden_size, …) call them. */
const partSchema = z.looseObject({
  width: size,
  hidden_size: size,
  depth: size,
  num_hidden_layers: size,
  mlp_dim: size,
  intermediate_size: size,
  num_heads: size,
  num_attention_heads: size,
  num_kv_heads: size,
  num_key_value_heads: size,
  head_dim: size,
  patch_size: size,
  image_size: size,
});

export type PartConfig = z.infer<typeof partSchema>;

const featuresSchema = z.record(z.string(), z.looseObject({ shape: z.array(z.int()).nullish() }));

/**
 * What is read of a checkpoint's `config.json`: fields of lerobot's PI0Config, of its predecessor in
 * lerobot 0.1 to 0.3 (`proj_width`, `num_steps`, …), and of what openpi's conversion to PyTorch writes
 * (`action_dim`, `action_horizon`). All may be absent or null.
 */
export const checkpointConfigSchema = z.looseObject({
  /** lerobot's name of the family. */
  type: z.string().nullish(),
  /** Of openpi's π0.5: whether the state is in the prompt. */
  discrete_state_input: choice,
  chunk_size: size,
  action_horizon: size,
  n_action_steps: size,
  max_state_dim: size,
  max_action_dim: size,
  action_dim: size,
  num_inference_steps: steps,
  num_steps: steps,
  /** Rows under way that it was trained to continue, at most; 0 for none. */
  rtc_training_max_delay: z.int().min(0).nullish(),
  tokenizer_max_length: size,
  max_token_len: size,
  /** Of π0-FAST. */
  max_action_tokens: size,
  max_decoding_steps: size,
  fast_skip_tokens: z.int().min(0).nullish(),
  temperature: z.number().min(0).nullish(),
  image_resolution: z.tuple([z.int(), z.int()]).nullish(),
  resize_imgs_with_padding: z.tuple([z.int(), z.int()]).nullish(),
  min_period: z.number().positive().nullish(),
  max_period: z.number().positive().nullish(),
  paligemma_variant: z.string().nullish(),
  action_expert_variant: z.string().nullish(),
  proj_width: size,
  text_config: partSchema.nullish(),
  expert_config: partSchema.nullish(),
  vision_config: partSchema.nullish(),
  vocab_size: size,
  adapt_to_pi_aloha: choice,
  use_delta_joint_actions_aloha: choice,
  use_relative_actions: choice,
  relative_exclude_joints: z.array(z.string()).nullish(),
  action_feature_names: z.array(z.string()).nullish(),
  input_features: featuresSchema.nullish(),
  output_features: featuresSchema.nullish(),
  /** Of lerobot's π0.5 with a memory of earlier observations, which is another network. */
  use_visual_memory: choice,
  use_proprioceptive_memory: choice,
  /** How each kind of feature is normalised. */
  normalization_mapping: z.record(z.string(), z.string()).nullish(),
  /** Whether lerobot trained it as a PEFT adapter. */
  use_peft: choice,
});

export type CheckpointConfig = z.infer<typeof checkpointConfigSchema>;
