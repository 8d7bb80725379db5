import type { Camera } from '../../robot/embodiment.ts';

/** Reads frames of video files. */
export interface Videos {
  /**
   * Frames of an episode in a file that begins at `from` seconds in it: a function that gives the pixels, RGB8, of
   * the frame at `seconds[k]` of the episode.
   */
  frames(
    place: { path: string; from: number },
    seconds: readonly number[],
    size: Pick<Camera, 'width' | 'height'>,
  ): (k: number) => Promise<Uint8Array>;
  close(): void;
}

export function openVideos(): Videos {
  return {
    frames: () => () => Promise.reject(new Error('videos')),
    close: () => undefined,
  };
}
