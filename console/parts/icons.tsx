/** Icons, drawn with strokes in the colour of their text. They say nothing that a word beside them does not say. */
import { type IconName, paths } from './icon-paths.ts';

export const Icon = ({ name }: { name: IconName }) => (
  <svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true" focusable="false">
    <path d={paths[name]} />
  </svg>
);
