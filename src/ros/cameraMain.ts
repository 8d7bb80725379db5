import { yieldToControl } from '../processes/priority.ts';
import { serve } from '../processes/serve.ts';
import type { CalibratedCamera } from '../robot/calibration.ts';
import { type CameraFunctions, type CameraListener, serveCameras } from './cameraService.ts';
import { loadRos } from './rclnodejs.ts';

// The process behind cameras.ts. ROS 2 reads its arguments from the command line.
yieldToControl();

serve<CameraFunctions, readonly CalibratedCamera[], CameraListener>(async (cameras, listener) => {
  const ros = await loadRos();
  await ros.init();
  ros.removeSignalHandlers();
  const node = ros.createNode('cameras');
  const service = serveCameras(ros, node, cameras, listener);
  node.spin();
  return service;
});
