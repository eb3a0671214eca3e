// Hours by groups: words for cells, stretches of cells that are alike, and what a pin says of an hour.
import type { Schema } from "./api";

export type Grid = Schema["PlanGrid"];
export type Row = Grid["rows"][number];
export type Cell = Row["cells"][number];
export type Pin = Grid["pins"][number];
/** Hours of a group that a person chose: indexes of cells, the first and the last. */
export type Chosen = { row: number; from: number; to: number };

export const ICONS: Record<string, string> = { run: "\u25cf", part: "\u25d0", rest: "\u2013" };
export const WORDS: Record<string, string> = { run: "runs", part: "runs in part", rest: "rests" };
const THIN = "\u2009";

export const ends = (it: Chosen): [number, number] => [Math.min(it.from, it.to), Math.max(it.from, it.to)];
export const pinAt = (grid: Grid, row: Row, cell: Cell): Pin | undefined =>
  grid.pins.find((it) => it.group === row.group && it.from_ms < cell.to_ms && it.to_ms > cell.from_ms);

// Formatters are made once: a week of hours writes thousands of times, and making one takes longer than using it.
const HOUR = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
export const clock = (ms: number): string => HOUR.format(ms);
export const day = (ms: number): string => DAY.format(ms);
export const weekday = (ms: number): string => WEEKDAY.format(ms);
export const span = (from: number, to: number): string =>
  `${weekday(from)} ${clock(from)} to ${weekday(from) === weekday(to) ? "" : `${weekday(to)} `}${clock(to)}`;

/** Money of hours is small: as many digits as it needs to be more than nothing. */
export function sum(value: number | null | undefined, currency: string, signed = false): string {
  if (value === null || value === undefined) return "unknown";
  const size = Math.abs(value);
  const text = size !== 0 && size < 0.1 ? size.toFixed(3) : size.toFixed(2);
  const [whole = "0", rest] = text.split(".");
  return `${value < 0 ? "\u2212" : signed && size > 0 ? "+" : ""}${whole.replace(/\B(?=(\d{3})+$)/g, THIN)}.${rest}${THIN}${currency}`;
}

/** Cells one after the other that do the same for the same reason. */
export function stretches(grid: Grid, row: Row): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  row.cells.forEach((cell, at) => {
    const last = found.at(-1);
    const before = last && row.cells[last.to];
    const alike = before && before.does === cell.does && before.why === cell.why && Math.round(before.power_w / 50) === Math.round(cell.power_w / 50)
      && pinAt(grid, row, before)?.want === pinAt(grid, row, cell)?.want;
    if (last && alike) last.to = at;
    else found.push({ from: at, to: at });
  });
  return found;
}

/** The days that cells are of, with how many cells each has: the head of the grid. */
export function days(row: Row | undefined): { text: string; cells: number }[] {
  const found: { text: string; cells: number }[] = [];
  for (const cell of row?.cells ?? []) {
    const text = day(cell.from_ms);
    if (found.at(-1)?.text === text) found.at(-1)!.cells += 1;
    else found.push({ text, cells: 1 });
  }
  return found;
}
