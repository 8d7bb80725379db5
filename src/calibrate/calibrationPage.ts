import type { ConsoleChoice } from '../console/consoleAccess.ts';
import { pumpCameras } from '../console/cameraPump.ts';
import type { Console, RuntimeAnswers } from '../console/console.ts';
import { createSensorRates } from '../console/sensorRates.ts';
import { openNoRobotConsole } from '../console/noRobotConsole.ts';
import type { CalibrationState, CameraPicture } from '../console/protocol.ts';
import { messageOf } from '../errors.ts';
import { previewOf } from '../images/previewOf.ts';
import type { CameraFrame, SensingRobot } from '../robot/robot.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import type { Listener } from './bench.ts';
import { pageDialogue } from './pageDialogue.ts';

export interface CalibrationPageOptions extends ConsoleChoice {
  /** The calibration that is to be written. */
  file: string;
  /** Arguments of `nalu doctor`, for the page. */
  doctor: readonly string[];
  /** Prints what is said on the page, too. */
  print: (text: string) => void;
  log: (line: string) => void;
  signal: AbortSignal;
}

/** A page on which a calibration is led, in place of a terminal. */
export interface CalibrationPage {
  dialogue: Dialogue;
  /** Shows the robot's cameras from now on; gives what must hear what it senses. */
  watch: (robot: SensingRobot) => Listener;
  /** Says on the page how it ended, and closes it. */
  close: (ended: string) => Promise<void>;
}

/** Milliseconds between two looks at how often the sensors come. */
const RATES_PERIOD = 1000;

/** The newest picture of each camera. */
function createPictures({ clock }: SensingRobot) {
  const newest = new Map<string, CameraFrame>();
  const encoded = new WeakMap<CameraFrame, Promise<Uint8Array>>();
  const jpeg = (frame: CameraFrame) => {
    const known = encoded.get(frame) ?? previewOf(frame);
    encoded.set(frame, known);
    return known;
  };
  return {
    frame: (frame: CameraFrame) => void newest.set(frame.camera, frame),
    take: async (camera: string): Promise<CameraPicture | undefined> => {
      const frame = newest.get(camera);
      if (!frame) return undefined;
      const picture = await jpeg(frame);
      const age = Number(clock.now() - frame.stamp) / 1e6;
      return { at: Date.now(), age, camera, jpeg: picture };
    },
  };
}

/** Opens a page on which a calibration is led. Throws a `UserError` where it cannot listen. */
export async function openCalibrationPage(
  options: CalibrationPageOptions,
): Promise<CalibrationPage> {
  const { file, signal, print, log } = options;
  let state: CalibrationState = { file, cameras: [], said: [] };
  let stopShowing = () => {};
  const show = (change: Partial<CalibrationState>) => {
    state = { ...state, ...change };
    console.publish('calibration', state);
  };
  const { answer, dialogue } = pageDialogue({
    print(text) {
      print(text);
      show({ said: [...state.said, text.trim()] });
    },
    question: (question) => show({ question }),
    reading: (text) => console.publish('reading', text),
    signal,
  });
  const answers: RuntimeAnswers = { answer };
  const console: Console = await openNoRobotConsole({ ...options, answers });
  show({});
  return {
    dialogue,
    watch(robot) {
      stopShowing();
      const { cameras } = robot.embodiment;
      show({
        cameras: cameras.map(({ name, width, height }) => ({ name, width, height, used: false })),
      });
      const pictures = createPictures(robot);
      const onProblem = (error: unknown) => log(`no pictures for the page: ${messageOf(error)}`);
      const { count, sensors } = createSensorRates(robot.clock);
      const timer = setInterval(() => console.publish('sensors', sensors()), RATES_PERIOD);
      const names = cameras.map(({ name }) => name);
      const stopPump = pumpCameras(console, names, pictures.take, onProblem);
      stopShowing = () => {
        clearInterval(timer);
        stopPump();
      };
      return {
        angles: ({ stamp }) => count('joints', stamp),
        frame(frame) {
          count(frame.camera, frame.stamp);
          pictures.frame(frame);
        },
      };
    },
    async close(ended) {
      stopShowing();
      show({ ended, question: undefined });
      await console.close();
    },
  };
}
