import { oneLine, stateBin } from '../../paligemma/prompt.ts';
import type { FastConfig } from './config.ts';

/** What lerobot and openpi do differently. */
interface Layout {
  /** The task as it stands in a prompt. */
  task: (prompt: string) => string;
  /** Whether the begin token stands behind the prompt, too. */
  beginsAgain: boolean;
  /** Positions that are left out between prompt and action tokens. */
  gap: number;
  /** Whether a black image stands for a camera that there is no image of; else there is none. */
  showsAbsent: boolean;
}

const LAYOUTS: Record<FastConfig['layout'], Layout> = {
  lerobot: { task: oneLine, beginsAgain: true, gap: 0, showsAbsent: false },
  openpi: {
    task: (prompt) => prompt.toLowerCase().trim().replaceAll('_', ' '),
    beginsAgain: false,
    gap: 1,
    showsAbsent: true,
  },
};

export const layoutOf = ({ layout }: Pick<FastConfig, 'layout'>): Layout => LAYOUTS[layout];

/** The text of a prompt behind the begin token: the task, and the state [joints], normalised to −1…1. */
export const promptText = (
  config: Pick<FastConfig, 'layout'>,
  prompt: string,
  state: ArrayLike<number>,
): string =>
  `Task: ${layoutOf(config).task(prompt)}, State: ${Array.from(state, stateBin).join(' ')};\n`;

/** What stands before a chunk's codes, and what ends it. */
export const ACTION = 'Action: ';
export const END = '|';
