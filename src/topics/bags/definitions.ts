import { SCHEMAS } from '../../episodes/schemas.ts';

/** Definitions of messages by their types, where a bag has none: those of SQLite do since ROS 2 Iron. */
export const DEFINITIONS: Readonly<Record<string, string>> = {
  ...SCHEMAS,
  'interbotix_xs_msgs/msg/JointGroupCommand': 'string name\nfloat32[] cmd\n',
  'interbotix_xs_msgs/msg/JointSingleCommand': 'string name\nfloat32 cmd\n',
  'std_msgs/msg/Float64MultiArray': [
    'std_msgs/MultiArrayLayout layout',
    'float64[] data',
    '='.repeat(80),
    'MSG: std_msgs/MultiArrayLayout',
    'std_msgs/MultiArrayDimension[] dim',
    'uint32 data_offset',
    '='.repeat(80),
    'MSG: std_msgs/MultiArrayDimension',
    'string label',
    'uint32 size',
    'uint32 stride',
    '',
  ].join('\n'),
};
