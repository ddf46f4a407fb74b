/**
 * A plot of the last minutes. It is drawn as SVG, so that it is sharp and follows the theme. All plots of a page have one
 * cursor: by the pointer, or by the arrow keys of the plot that has the focus.
 */
import { type Signal, signal } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Sample } from '../../api/console/sample.ts';
import { WINDOW_MS } from '../state/stream.ts';
import { utcTime } from '../state/times.ts';
import { pathOf, ticks } from './scale.ts';

const HEIGHT = 148;
const EDGE = { top: 8, right: 10, bottom: 20, left: 56 };
const LINES = 4;
/** Two samples that are further apart have something unknown between them. */
const GAP_MS = 4_000;
const CLOCK_MS = 60_000;

export interface Series {
  name: string;
  value: (sample: Sample) => number | null;
  /** Which of the colours, and whether the line is dashed. */
  line: 'first' | 'second';
}

/** The sample at which all plots of a page point, by its time; undefined if they point at none. */
export const createCursor = (): Signal<number | undefined> => signal(undefined);

interface Plot {
  title: string;
  series: Series[];
  samples: Sample[];
  cursor: Signal<number | undefined>;
  format: (value: number | null) => string;
  isTime?: boolean;
}

const useWidth = () => {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(480);
  useEffect(() => {
    if (!box.current) return undefined;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)));
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return { box, width };
};

export const Chart = ({ title, series, samples, cursor, format, isTime = false }: Plot) => {
  const { box, width } = useWidth();
  const end = samples.at(-1)?.at ?? Date.now();
  const begin = end - WINDOW_MS;
  const most = Math.max(0, ...samples.flatMap((sample) => series.map(({ value }) => value(sample) ?? 0)));
  const lines = ticks(most, LINES, isTime);
  const top = lines.at(-1) ?? 1;
  const inner = {
    width: Math.max(40, width - EDGE.left - EDGE.right),
    height: HEIGHT - EDGE.top - EDGE.bottom,
  };
  const xOf = (at: number) => EDGE.left + ((at - begin) / WINDOW_MS) * inner.width;
  const yOf = (value: number) => EDGE.top + inner.height * (1 - value / top);
  const at = cursor.value;
  const pointed = at === undefined ? undefined : samples.find((sample) => sample.at === at);
  const shown = pointed ?? samples.at(-1);
  const textOf = (sample: Sample): string =>
    `${utcTime(sample.at)} UTC: ${series.map(({ name, value }) => `${name} ${format(value(sample))}`).join(', ')}`;
  const minutes = Array.from(
    { length: Math.ceil(WINDOW_MS / CLOCK_MS) + 1 },
    (_, minute) => Math.ceil(begin / CLOCK_MS) * CLOCK_MS + minute * CLOCK_MS,
  ).filter((time) => time <= end);

  const point = (x: number): void => {
    const time = begin + ((x - EDGE.left) / inner.width) * WINDOW_MS;
    let nearest: Sample | undefined;
    for (const sample of samples)
      if (!nearest || Math.abs(sample.at - time) < Math.abs(nearest.at - time)) nearest = sample;
    cursor.value = nearest?.at;
  };
  const step = (event: KeyboardEvent): void => {
    const index = pointed ? samples.indexOf(pointed) : samples.length;
    const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: samples.length - 1 }[event.key];
    if (event.key === 'Escape') cursor.value = undefined;
    if (to === undefined) return;
    event.preventDefault();
    cursor.value = samples[Math.min(samples.length - 1, Math.max(0, to))]?.at;
  };

  return (
    <figure class="plot">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {series.map(({ name, value, line }) => (
            <li key={name} class={line}>
              <i aria-hidden="true" />
              {name} <b>{shown ? format(value(shown)) : '–'}</b>
            </li>
          ))}
          {pointed && <li class="moment">{utcTime(pointed.at)} UTC</li>}
        </ul>
      </figcaption>
      <div
        class="canvas"
        ref={box}
        tabIndex={0}
        role="slider"
        aria-label={`${title}, a plot of the last five minutes`}
        aria-valuemin={0}
        aria-valuemax={Math.max(0, samples.length - 1)}
        aria-valuenow={shown ? samples.indexOf(shown) : 0}
        aria-valuetext={shown && textOf(shown)}
        onKeyDown={step}
        onPointerMove={(event) => point(event.clientX - event.currentTarget.getBoundingClientRect().left)}
        onPointerLeave={() => {
          cursor.value = undefined;
        }}
        onBlur={() => {
          cursor.value = undefined;
        }}
      >
        <svg
          viewBox={`0 0 ${width} ${HEIGHT}`}
          width={width}
          height={HEIGHT}
          aria-hidden="true"
          focusable="false"
        >
          {lines.map((value) => (
            <g key={value}>
              <path class="grid" d={`M${EDGE.left} ${Math.round(yOf(value)) + 0.5}H${width - EDGE.right}`} />
              <text class="tick" x={EDGE.left - 8} y={yOf(value) + 4} text-anchor="end">
                {format(value)}
              </text>
            </g>
          ))}
          {minutes.map((time) => (
            <text key={time} class="tick" x={xOf(time)} y={HEIGHT - 4} text-anchor="middle">
              {xOf(time) > EDGE.left + 14 && xOf(time) < width - 20 ? utcTime(time).slice(0, 5) : ''}
            </text>
          ))}
          {series.map(({ name, value, line }) => (
            <path
              key={name}
              class={`line ${line}`}
              d={pathOf(
                samples.map((sample) => {
                  const y = value(sample);
                  return { x: xOf(sample.at), y: y === null ? null : yOf(y) };
                }),
                (GAP_MS / WINDOW_MS) * inner.width,
              )}
            />
          ))}
          {pointed && (
            <path class="cursor" d={`M${xOf(pointed.at)} ${EDGE.top}V${EDGE.top + inner.height}`} />
          )}
        </svg>
      </div>
    </figure>
  );
};
