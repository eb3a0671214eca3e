// The five levers of a calculation: their names, units, and how far a slider goes.
export type LeverName = "power_price" | "price" | "growth" | "efficiency" | "pool_fee";
type Lever = { name: string; low: (base: number) => number; high: (base: number) => number; isLog?: boolean };

const THIN = "\u2009";
export const LEVERS: Record<string, Lever> = {
  power_price: { name: "Price of power", low: () => 0, high: () => 0.5 },
  price: { name: "Price of the coin", low: (base) => base / 5, high: (base) => base * 5, isLog: true },
  growth: { name: "Growth of difficulty", low: () => 0.5, high: () => 8, isLog: true },
  efficiency: { name: "Power a hash needs", low: (base) => base / 2, high: (base) => base * 2, isLog: true },
  pool_fee: { name: "Fee of the pool", low: () => 0, high: () => 0.1 },
};
export const NAMES: readonly LeverName[] = ["power_price", "price", "growth", "efficiency", "pool_fee"];

export function valueText(lever: string, value: number): string {
  switch (lever) {
    case "power_price": return `${value.toFixed(3)}${THIN}USD/kWh`;
    case "price": return `${value >= 1000 ? Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, THIN) : value.toPrecision(4)}${THIN}USD`;
    case "growth": return `${value.toFixed(2)}× a year`;
    case "efficiency": return `${value >= 100000 ? Math.round(value / 1000) + "\u2009k" : value.toPrecision(3) + THIN}J/TH`;
    default: return `${(100 * value).toFixed(1)}${THIN}%`;
  }
}

/** Where a value stands on a slider of 0 to 1000, and back. */
export function placeOf(lever: string, value: number, base: number): number {
  const it = LEVERS[lever]!;
  const [low, high] = [it.low(base), it.high(base)];
  const part = it.isLog ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.round(1000 * Math.min(Math.max(part, 0), 1));
}
export function valueAt(lever: string, place: number, base: number): number {
  const it = LEVERS[lever]!;
  const [low, high] = [it.low(base), it.high(base)];
  return it.isLog ? low * (high / low) ** (place / 1000) : low + ((high - low) * place) / 1000;
}
