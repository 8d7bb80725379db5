import type { CameraFrame, JointState } from '../../robot/robot.ts';
import { invalid } from '../../errors.ts';
import { readEpisode } from '../../episodes/readEpisode.ts';

/** What was recorded of a robot, in the robot's own vectors: an episode, or a bag of its topics. */
export interface Recording {
  /** Measured, one per control step. */
  joints: JointState[];
  /** Sent, one per control step. */
  commands: JointState[];
  /** Of each camera the image that was the newest at a stamp, or the first there is. */
  imagesAt(stamp: bigint): Promise<CameraFrame[]>;
  /** What of it is damaged, and where. */
  damage: string[];
  /** How it ended. */
  end: string;
}

/** The recording in an episode's file. Throws a `UserError` if there is none, or no chunk in it. */
export async function episodeRecording(path: string): Promise<Recording> {
  const episode = await readEpisode(path);
  const { chunks, joints, commands, result } = episode;
  if (chunks.length === 0) throw invalid(path, 'no chunk in it, so no images to replay');
  return {
    joints,
    commands,
    imagesAt(stamp) {
      const seen = chunks.filter(({ observationStamp }) => observationStamp <= stamp).at(-1);
      const { frameStamps } = seen ?? chunks[0];
      return Promise.resolve(
        Object.entries(frameStamps).flatMap(([camera, at]) => episode.image(camera, at) ?? []),
      );
    },
    damage: episode.missing,
    end: result?.outcome ?? 'cut off',
  };
}
