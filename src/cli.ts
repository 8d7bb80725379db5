#!/usr/bin/env node
import { createProgram } from './commandLine/program.ts';

await createProgram().parseAsync();
