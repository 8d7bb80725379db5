import { loadRos } from '../src/ros/rclnodejs.ts';
import { startDriver } from '../test/ros/driver.ts';

/** Publishes the arms and cameras of a calibration at 50 Hz until it is ended: node rosDriver.js FILE */
const ros = await loadRos();
await ros.init();
await startDriver(ros, { file: process.argv[2] });
console.log('publishing');
