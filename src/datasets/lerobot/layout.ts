/** Where a data set of version 3 keeps what, relative to its folder. */
export const V3_FILES = {
  info: 'meta/info.json',
  statistics: 'meta/stats.json',
  tasks: 'meta/tasks.parquet',
  /** What the format has no place for: robot, and header and result of each episode. */
  nalu: 'meta/nalu.jsonl',
} as const;

/** Templates of paths, as info.json names them. */
export const V3_PATHS = {
  data: 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
  video: 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4',
  episodes: 'meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
} as const;

/** Files in a folder `chunk-…`. */
export const CHUNK_SIZE = 1000;
/** Sizes at which a new file is begun, MB of 2^20 bytes. A video is in memory until its end. */
export const DATA_FILE_MB = 100;
export const VIDEO_FILE_MB = 32;

/** The columns of every data set, which say where a row belongs. */
export const PLACE = {
  timestamp: 'timestamp',
  frame: 'frame_index',
  episode: 'episode_index',
  index: 'index',
  task: 'task_index',
} as const;

export const STATE = 'observation.state';
export const ACTION = 'action';

const PICTURES = 'observation.images.';

/** The feature of a camera's pictures. */
export const pictureFeature = (camera: string) => PICTURES + camera;

/** The camera of a feature of pictures: its last name. */
export const cameraOf = (feature: string) => feature.slice(feature.lastIndexOf('.') + 1);

/**
 * Columns of success, reward and end of an episode by lerobot's names, and Nalu's own. No own name begins with
 * `observation` or `action`: lerobot takes such columns for inputs and outputs of a policy.
 */
export const EXTRA = {
  reward: 'next.reward',
  success: 'next.success',
  done: 'next.done',
  policyVersion: 'policy_version',
  /** ns of the robot's clock: of the joints, of the command, of the picture of each camera. */
  jointStamp: 'stamp.joints',
  commandStamp: 'stamp.command',
  pictureStamps: 'stamp.pictures',
} as const;

/** The path that a template gives; placeholders are Python's, as `{file_index:03d}`. */
export const pathOf = (template: string, values: Record<string, string | number>): string =>
  template.replace(/\{(\w+)(?::0(\d+)d)?\}/g, (whole, name: string, width: string | undefined) => {
    const value = values[name];
    return value === undefined ? whole : String(value).padStart(Number(width ?? 0), '0');
  });
