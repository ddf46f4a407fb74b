// What a scenario asks for, by a file of that name in the world's folder, happens once: to whoever comes to it first.
import { existsSync, unlinkSync } from 'node:fs';

export const isAskedFor = (what) => {
  if (!existsSync(what)) return false;
  try {
    unlinkSync(what);
    return true;
  } catch {
    // Another process was faster.
    return false;
  }
};
