import { UserError, listed } from '../../../../errors.ts';
import type { Checkpoint } from '../../../checkpoints/checkpoint.ts';
import { type Choice, choose } from '../../../checkpoints/choice.ts';
import type { Embodied } from '../../../checkpoints/embodiments.ts';
import type { Family } from '../../../checkpoints/family.ts';

const HELP = [
  "--state-in-prompt     the state is text of the prompt (openpi's discrete_state_input: true, its default for π0.5)",
  '--no-state-in-prompt  the policy reads no state at all (discrete_state_input: false, as in pi05_libero)',
];

/**
 * Whether a π0.5 reads the state in its prompt; undefined for a π0, which has a token of its own for it. openpi's
 * checkpoints do not say it, and its own for LIBERO do not follow its default.
 */
export function stateInPromptOf(
  { folder, config, configPath, processors }: Checkpoint,
  family: Family,
  robot: Embodied,
  given: boolean | undefined,
): Choice<boolean> | undefined {
  if (family === 'pi0') {
    if (given === undefined) return undefined;
    throw new UserError(
      `${folder} is a π0, which reads the state beside its prompt; leave --${given ? '' : 'no-'}state-in-prompt out`,
      { kind: 'unsupported', subject: folder, fields: ['--state-in-prompt'] },
    );
  }
  const chosen = choose(
    given,
    [`discrete_state_input in ${configPath}`, config.discrete_state_input],
    [processors.statePrompt ?? '', processors.statePrompt === undefined ? undefined : true],
    ['what lerobot trains', config.type === 'pi05' ? true : undefined],
    ["openpi's default", robot.name === 'libero' ? undefined : true],
  );
  if (chosen) return chosen;
  throw new UserError(
    `${folder} does not say whether it was trained with the state in its prompt. Say it:${listed(HELP)}`,
    { kind: 'unsaid', subject: folder, fields: ['--state-in-prompt', '--no-state-in-prompt'] },
  );
}
