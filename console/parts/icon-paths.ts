/** Icons, as paths in a square of 16. */
export const paths = {
  check: 'M3 8.5l3.2 3L13 4.8',
  cross: 'M4 4l8 8M12 4l-8 8',
  clock: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM8 4.6V8l2.4 1.6',
  again: 'M13.2 8a5.2 5.2 0 1 1-1.6-3.7M13.4 1.8v3h-3',
  skip: 'M3 4l5 4-5 4zM9 4v8M12.5 4v8',
  ban: 'M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8zM3.7 3.7l8.6 8.6',
  bin: 'M2.8 4.2h10.4M6 4V2.6h4V4M4.2 4.4l.6 9h6.4l.6-9M6.6 6.8v4.2M9.4 6.8v4.2',
  help: 'M6 6.2a2 2 0 1 1 2.8 1.9c-.6.3-.8.7-.8 1.4M8 12v.2',
  warn: 'M8 2.2L14.4 13.4H1.6zM8 6.4v3.2M8 11.4v.2',
  plus: 'M8 3v10M3 8h10',
  dot: 'M8 6.4a1.6 1.6 0 1 0 0 3.2 1.6 1.6 0 0 0 0-3.2zM8 7.6v.8',
} as const;
export type IconName = keyof typeof paths;

/** How good something is: each has its colour. */
export type Tone = 'good' | 'wait' | 'warn' | 'bad' | 'idle';
