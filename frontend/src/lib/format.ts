// Numbers as people read them: thin spaces between groups, always a unit, a sign for money.
import { inMoney } from "./coinage.svelte";

const THIN = "\u2009";
const SCALES = ["", "k", "M", "G", "T", "P", "E", "Z"];
export const UNKNOWN = "unknown";

export function scaled(value: number | null | undefined, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  let scale = 0;
  let size = Math.abs(value);
  while (size >= 999.5 && scale < SCALES.length - 1) {
    size /= 1000;
    scale += 1;
  }
  const digits = size === 0 ? 0 : size < 10 ? 2 : size < 100 ? 1 : 0;
  return `${value < 0 ? "\u2212" : ""}${size.toFixed(digits)}${THIN}${SCALES[scale]}${unit}`;
}

export const hashrate = (value: number | null | undefined): string => scaled(value, "H/s");

export function count(value: number): string {
  const text = Math.abs(Math.trunc(value)).toString();
  const grouped = text.length > 4 ? text.replace(/\B(?=(\d{3})+$)/g, THIN) : text;
  return value < 0 ? `\u2212${grouped}` : grouped;
}

export function difficulty(value: number | null): string {
  if (value === null) return UNKNOWN;
  return value >= 1000 ? count(Math.round(value)) : Number(value.toPrecision(4)).toString();
}

export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return UNKNOWN;
  const seconds = Math.max(Math.floor(ms / 1000), 0);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([number]) => number > 0);
  if (first < 0) return `0${THIN}s`;
  return parts
    .slice(first, first + 2)
    .filter(([number]) => number > 0)
    .map(([number, unit]) => `${number}${THIN}${unit}`)
    .join(" ");
}

export const age = (ms: number | null): string => (ms === null ? UNKNOWN : `${duration(ms)} ago`);

/** A decimal text of coins with its sign and its currency: the digits as they are, or their worth in money by choice. */
export function money(amount: string, currency: string, signed = false): string {
  const worth = inMoney(amount, currency, signed);
  if (worth !== null) return worth;
  const negative = amount.startsWith("-");
  const digits = amount.replace(/^[+-]/, "");
  const sign = negative ? "\u2212" : signed && /[1-9]/.test(digits) ? "+" : "";
  const [whole = "0", rest] = digits.split(".");
  return `${sign}${whole.replace(/\B(?=(\d{3})+$)/g, THIN)}${rest === undefined ? "" : `.${rest}`}${THIN}${currency}`;
}

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function localTime(ms: number): string {
  return new Date(ms).toLocaleString(undefined, {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
}

export const timeTitle = (ms: number): string => `${localTime(ms)} ${zone}`;

export function percent(part: number, whole: number): string {
  return whole > 0 ? `${((100 * part) / whole).toFixed(part === 0 ? 0 : 2)}${THIN}%` : UNKNOWN;
}

export function short(hash: string): string {
  return hash.length > 20 ? `${hash.slice(0, 10)}\u2026${hash.slice(-6)}` : hash;
}

export const plural = (number: number, word: string): string => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
