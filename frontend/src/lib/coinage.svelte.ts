// Coins or dollars: one choice for all pages, kept in this browser, with the prices that are known and their age.
import { get, type Schema } from "./api";

const THIN = "\u2009";
const EVERY_MS = 300_000;

class Coinage {
  unit = $state<"coin" | "fiat">(localStorage.getItem("hw.unit") === "fiat" ? "fiat" : "coin");
  prices = $state.raw<Record<string, Schema["Price"]>>({});
  readAt = 0;
}

export const coinage = new Coinage();
/** When the oldest of the prices that matter here was true: those of the coins that are mined, else of Bitcoin. */
export function oldest(coins: readonly (string | null)[]): number | null {
  const known = Object.values(coinage.prices);
  const mine = known.filter((it) => coins.includes(it.coin));
  const times = (mine.length ? mine : known.filter((it) => it.coin === "bitcoin")).map((it) => it.at_ms);
  return times.length ? Math.min(...times) : null;
}

export function choose(unit: "coin" | "fiat"): void {
  coinage.unit = unit;
  localStorage.setItem("hw.unit", unit);
}

export async function readPrices(now: number): Promise<void> {
  if (now - coinage.readAt < EVERY_MS) return;
  coinage.readAt = now;
  const found = await get<Schema["PriceList"]>("/prices");
  coinage.prices = Object.fromEntries(found.prices.map((it) => [it.ticker, it]));
}

export function dollars(value: number, signed = false): string {
  const size = Math.abs(value);
  const [whole = "0", rest] = size.toFixed(size >= 99999.5 ? 0 : size > 0 && size < 0.995 ? 4 : 2).split(".");
  const sign = value < 0 ? "\u2212" : signed && size > 0 ? "+" : "";
  return `${sign}${whole.replace(/\B(?=(\d{3})+$)/g, THIN)}${rest ? `.${rest}` : ""}${THIN}USD`;
}

/** An amount of coins in dollars at the known price; null where dollars are not wanted, or no price is known. */
export function inDollars(amount: string, ticker: string, signed: boolean): string | null {
  const price = coinage.unit === "fiat" ? coinage.prices[ticker] : undefined;
  if (!price) return null;
  return `\u2248${THIN}${dollars(Number(amount) * price.usd, signed)}`;
}
