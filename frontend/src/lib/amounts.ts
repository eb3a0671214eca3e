// Amounts are decimals as text; these helpers show them without ever computing with them.
import { money } from "./format";

/** At most eight digits behind the point, no zeros at the end: for cards. The full text stands in the tooltip. */
export function brief(amount: string, currency: string, signed = false): string {
  const [whole = "0", rest = ""] = amount.split(".");
  const cut = rest.length <= 2 ? rest : rest.slice(0, 8).replace(/0+$/, "");
  return money(cut ? `${whole}.${cut}` : whole, currency, signed);
}
export const isZero = (amount: string): boolean => !/[1-9]/.test(amount);
export const isNegative = (amount: string): boolean => amount.startsWith("-") && !isZero(amount);
