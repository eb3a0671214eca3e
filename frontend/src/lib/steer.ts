// The switch of the autopilots: words for modes, and the ways to change them.
import { act, type Schema } from "./api";

export type Steer = Schema["Steer"];
export type PlanMode = Steer["mode"];
export const MODE_TONES: Record<string, string> = { LIVE: "good", PRACTICE: "warn", PAUSED: "bad", ADVISE: "warn", "DRY RUN": "" };
export const MODE_ICONS: Record<string, string> = { LIVE: "\u25cf", PRACTICE: "\u25c6", PAUSED: "\u25a0", ADVISE: "?", "DRY RUN": "\u25cb" };
export const MODE_WORDS: Record<PlanMode, string> = {
  "DRY RUN": "It looks and decides, and changes nothing.",
  ADVISE: "It decides and asks; nothing changes until you apply it.",
  LIVE: "It changes routes or power by itself, within the limits you set.",
  PAUSED: "It decides nothing. Everything stays as it is.",
};
const NAMES: Record<string, string> = { "DRY RUN": "dry-run", ADVISE: "advise", LIVE: "live" };

export const kindWords = (steer: Steer): string => (steer.kind === "power" ? `Power of ${steer.name}` : `Route of ${steer.name}`);

/** One word for all of them: the one that may do most, or PAUSED when none does anything. */
export function overall(steers: readonly Steer[]): PlanMode | "" {
  const modes = steers.map((it) => it.mode);
  return (["LIVE", "ADVISE", "DRY RUN", "PAUSED"] as const).find((it) => modes.includes(it)) ?? "";
}

export const pauseAll = (isPaused: boolean): Promise<unknown> => act("PUT", "/steering/pause", { is_paused: isPaused });

/** Wakes who an autopilot left asleep, in stages; says how many. */
export async function wakeAll(): Promise<string> {
  const { result } = await act<Schema["Answered"]>("POST", "/steering/wake");
  const woken = (result as { woken?: string[] }).woken ?? [];
  return woken.length ? `${woken.length} ${woken.length === 1 ? "machine wakes" : "machines wake"}, in stages.` : "No autopilot left a machine asleep.";
}

export function setMode(steer: Steer, mode: PlanMode): Promise<unknown> {
  const place = steer.kind === "power" ? "power-autopilots" : "autopilots";
  return act("PUT", `/${place}/${encodeURIComponent(steer.name)}`, { mode: NAMES[mode] });
}

export function applyIt(steer: Pick<Steer, "kind">, number: number): Promise<unknown> {
  return act("POST", `/${steer.kind === "power" ? "power-decisions" : "decisions"}/${number}/apply`);
}
