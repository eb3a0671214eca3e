// Coins or money of a state: one choice for all pages, kept in this browser. Which money is the owner's choice; prices
// and rates are those that are stored, each with its age, and where one is missing coins stay coins.
import { get, type Schema } from "./api";

const THIN = "\u2009";
const EVERY_MS = 300_000;

class Coinage {
  unit = $state<"coin" | "fiat">(localStorage.getItem("hw.unit") === "fiat" ? "fiat" : "coin");
  currency = $state("USD");
  /** What one unit of the owner's money is in dollars; null where no rate is stored. */
  rate = $state.raw<Schema["PriceList"]["rate"]>(null);
  prices = $state.raw<Record<string, Schema["Price"]>>({});
  readAt = 0;
}

export const coinage = new Coinage();
/** When the oldest of the prices that matter here was true: those of the coins that are mined, else of Bitcoin. */
export function oldest(coins: readonly (string | null)[]): number | null {
  const known = Object.values(coinage.prices);
  const mine = known.filter((it) => coins.includes(it.coin));
  const times = (mine.length ? mine : known.filter((it) => it.coin === "bitcoin")).map((it) => it.at_ms);
  if (!times.length || !coinage.rate) return null;
  return Math.min(...times, coinage.rate.at_ms);
}

export function choose(unit: "coin" | "fiat"): void {
  coinage.unit = unit;
  localStorage.setItem("hw.unit", unit);
}

export function take(found: Schema["PriceList"]): void {
  coinage.prices = Object.fromEntries(found.prices.map((it) => [it.ticker, it]));
  coinage.currency = found.currency;
  coinage.rate = found.rate;
}

export async function readPrices(now: number): Promise<void> {
  if (now - coinage.readAt < EVERY_MS) return;
  coinage.readAt = now;
  take(await get<Schema["PriceList"]>("/prices"));
}

function written(value: number, unit: string, signed: boolean): string {
  const size = Math.abs(value);
  const [whole = "0", rest] = size.toFixed(size >= 99999.5 ? 0 : size > 0 && size < 0.995 ? 4 : 2).split(".");
  const sign = value < 0 ? "\u2212" : signed && size > 0 ? "+" : "";
  return `${sign}${whole.replace(/\B(?=(\d{3})+$)/g, THIN)}${rest ? `.${rest}` : ""}${THIN}${unit}`;
}

/** Dollars as they are: for what is told in dollars, such as plans. */
export const dollars = (value: number, signed = false): string => written(value, "USD", signed);

/** A number of dollars in the owner's money at the stored rate; as dollars where none is stored. */
export function fiat(usd: number, signed = false): string {
  if (!coinage.rate || coinage.currency === "USD") return dollars(usd, signed);
  return `\u2248${THIN}${written(usd / coinage.rate.usd, coinage.currency, signed)}`;
}

/** An amount of coins in the owner's money at what is stored; null where money is not wanted, or something is not known. */
export function inMoney(amount: string, ticker: string, signed: boolean): string | null {
  const price = coinage.unit === "fiat" ? coinage.prices[ticker] : undefined;
  if (!price || !coinage.rate) return null;
  return `\u2248${THIN}${written((Number(amount) * price.usd) / coinage.rate.usd, coinage.currency, signed)}`;
}
