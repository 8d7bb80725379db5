/**
 * The public face of Nalu for programs that bring a robot or a policy of their own. What is not exported here may
 * change at any time.
 */

// A robot: implement `Robot`, in an object or a class.
export type {
  Assessment,
  CameraFrame,
  Clock,
  JointState,
  Observer,
  Robot,
  Task,
} from './robot/robot.ts';
export type { Camera, Embodiment, Joint } from './robot/embodiment.ts';
export { loadCalibration } from './robot/calibrationFile.ts';
export { delegateRobot } from './robot/delegates.ts';
export { untilWall } from './robot/wallClock.ts';

// A policy: implement `ChunkPolicy`, or open a bundle.
export type { Chunk, ChunkPolicy, Join, NoiseSource, Observation } from './policy/chunkPolicy.ts';
export type { JoinKind } from './policy/joinKinds.ts';
export { delegatePolicy } from './policy/policyWrappers.ts';
export { loadBundle } from './policy/bundle/bundle.ts';
export { type WorkerPolicy, openWorkerPolicy } from './policy/worker/workerPolicy.ts';
export { type RemotePolicy, openRemotePolicy } from './openpi/remotePolicy.ts';

// Moving the robot by the policy, behind the guard.
export { type AttemptOptions, type AttemptResult, runAttempt } from './control/attempt.ts';
export { approach } from './control/approach.ts';
export { guard, guardLimits } from './guard/guard.ts';

// Episodes.
export type { EpisodeHeader } from './episodes/episode.ts';
export { type EpisodeRecorder, recordEpisode } from './episodes/recordEpisode.ts';
export { type Episode, readEpisode } from './episodes/readEpisode.ts';
export { listEpisodes } from './episodes/listEpisodes.ts';
export { labelEpisode } from './episodes/labels.ts';

// Learning, beside the robot or on another machine.
export { openCourier } from './link/robot/courier.ts';
export { openLearnerPort } from './link/learner/learnerPort.ts';
export { openLearner } from './learning/learner.ts';
export type { Algorithm } from './learning/algorithm.ts';
export { fpo } from './learning/fpo/fpo.ts';
export { loadFpoConfig } from './learning/fpo/config.ts';

// Graphs: built, differentiated, run.
export { Graph } from './onnx/graph.ts';
export * as operators from './onnx/operators.ts';
export { gradients } from './onnx/gradient.ts';
export { encodeModel } from './onnx/modelFile.ts';
export { type SessionConfig, loadSessionConfig, openModel } from './session/session.ts';

export { type Fault, UserError, type UserErrorKind } from './errors.ts';
export { onWarning } from './warnings.ts';
export { packagePath } from './files/packagePath.ts';
