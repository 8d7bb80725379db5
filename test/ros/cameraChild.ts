import { serve } from '../../src/processes/serve.ts';
import type { CalibratedCamera } from '../../src/robot/calibration.ts';
import {
  type CameraFunctions,
  type CameraListener,
  serveCameras,
} from '../../src/ros/cameraService.ts';
import { fakeNode } from './fakeNode.ts';
import { message } from '../topics/imageMessage.ts';

/** Frames that come at once: one more than are kept. */
const FRAMES = 9;

/**
 * The process that takes images, on a node without ROS 2: each camera's topic brings frames whose bytes are
 * their number and whose stamps are this process's id in seconds, in rising nanoseconds, and then a wrong one.
 */
serve<CameraFunctions, readonly CalibratedCamera[], CameraListener>((cameras, listener) => {
  const { ros, node, send } = fakeNode();
  const service = serveCameras(ros, node, cameras, listener);
  for (const { topic, width, height } of cameras) {
    for (let i = 0; i < FRAMES; i++) {
      const data = new Uint8Array(width * height * 3).fill(i);
      send(topic, message({ seconds: process.pid, nanoseconds: i, width, height, data }));
    }
    send(topic, message({ width: width + 1, height, data: new Uint8Array(3) }));
  }
  return service;
});
