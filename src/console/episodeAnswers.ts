import type { OwnAnswers } from './server.ts';

/** Answers of the console's process about the episodes in some folders. */
export function episodeAnswers(
  folders: readonly string[],
  onLabel: (id: string) => void,
): OwnAnswers {
  void folders;
  void onLabel;
  return {};
}
