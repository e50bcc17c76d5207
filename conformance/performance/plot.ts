/** Small plots as SVG: lines over logarithmic axes, each line with a mark of its own. */
import type { Growth } from './growth.ts';

const [WIDTH, HEIGHT] = [560, 300];
const MARGIN = { left: 56, right: 16, top: 34, bottom: 74 };
const COLOURS = ['#1f5fa8', '#b3541e', '#2d7a3e', '#7a3e8f'];
const DASHES = ['', '6 3', '2 3', '8 3 2 3'];

type Scale = { readonly place: (value: number) => number; readonly ticks: readonly number[] };

/** 1, 10, 100 … around the values; equal distances are equal ratios. */
function logarithmic(values: readonly number[], from: number, to: number): Scale {
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    place: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    ticks: Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i)),
  };
}

export function plot({ title, x, lines }: Growth): string {
  const points = lines.flatMap((line) => line.points).filter(([a, b]) => a > 0 && b > 0);
  const across = logarithmic(points.map(([value]) => value), MARGIN.left, WIDTH - MARGIN.right);
  const up = logarithmic(points.map(([, value]) => value), HEIGHT - MARGIN.bottom, MARGIN.top);
  const text = (at: readonly [number, number], content: string, anchor = 'middle', more = ''): string => `<text x="${at[0].toFixed(1)}" y="${at[1].toFixed(1)}" text-anchor="${anchor}"${more}>${escaped(content)}</text>`;
  const grid = [
    ...across.ticks.flatMap((tick) => [`<path d="M${across.place(tick).toFixed(1)} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}"/>`, text([across.place(tick), HEIGHT - MARGIN.bottom + 16], String(tick), 'middle', ' stroke="none"')]),
    ...up.ticks.flatMap((tick) => [`<path d="M${MARGIN.left} ${up.place(tick).toFixed(1)}H${WIDTH - MARGIN.right}"/>`, text([MARGIN.left - 6, up.place(tick) + 4], String(Number(tick.toPrecision(3))), 'end', ' stroke="none"')]),
  ];
  const drawn = lines.map((line, i) => {
    const own = line.points.filter(([a, b]) => a > 0 && b > 0).map(([a, b]) => [across.place(a), up.place(b)] as const);
    const path = own.map(([a, b], n) => `${n === 0 ? 'M' : 'L'}${a.toFixed(1)} ${b.toFixed(1)}`).join('');
    const marks = own.map(([a, b]) => `<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="2.5" fill="${COLOURS[i % 4]}" stroke="none"/>`).join('');
    const legend: readonly [number, number] = [MARGIN.left + 250 * (i % 2), HEIGHT - 26 + 16 * Math.floor(i / 2)];
    return `<g stroke="${COLOURS[i % 4]}" stroke-width="1.6" fill="none"><path d="${path}" stroke-dasharray="${DASHES[i % 4]}"/>${marks}<path d="M${legend[0]} ${legend[1] - 4}h22" stroke-dasharray="${DASHES[i % 4]}"/></g>${text([legend[0] + 28, legend[1]], line.label, 'start')}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" font-family="sans-serif" font-size="11" fill="#222"><title>${escaped(title)}</title><rect width="100%" height="100%" fill="#fff"/>${text([WIDTH / 2, 18], title, 'middle', ' font-size="13"')}<g stroke="#ddd" fill="#222">${grid.join('')}</g>${text([WIDTH / 2, HEIGHT - MARGIN.bottom + 32], x)}${drawn.join('')}</svg>\n`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
