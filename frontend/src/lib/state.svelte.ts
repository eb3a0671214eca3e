// What every page shares: who is signed in, the newest status, the time, and where we are.
import { ApiError, get, keepWord, remove, type Session, type Status } from "./api";

type Live = Status & { machines_at_ms?: number; alert_number?: number };

class Shared {
  session = $state<Session | null>(null);
  status = $state<Live | null>(null);
  now = $state(Date.now());
  path = $state(location.hash);
  isLinked = $state(false);
  seenAlert = $state(Number(localStorage.getItem("hw.alert") ?? 0));
  theme = $state(localStorage.getItem("hw.theme") ?? "auto");
  message = $state("");
  /** How often somebody acted by the switch: pages that show its effect read anew. */
  acted = $state(0);
}

export const shared = new Shared();
export const may = (permission: string): boolean =>
  (shared.session?.permissions as readonly string[] | undefined)?.includes(permission) ?? false;

/** The difference between the server's clock and ours [ms], so that ages are right on a phone whose clock is not. */
let skew = 0;

export function tick(): void {
  shared.now = Date.now() + skew;
}

export function take(session: Session): void {
  keepWord(session.csrf ?? "");
  shared.session = session;
  if (!session.is_signed_in) unfollow();
}

export async function readSession(): Promise<void> {
  take(await get<Session>("/session"));
}

export async function signOut(): Promise<void> {
  take(await remove<Session>("/session"));
  shared.status = null;
  location.hash = "#/";
}

// ---------------------------------------------------------------- the stream of changes

let source: EventSource | null = null;

export function follow(): void {
  if (source || document.hidden || !may("view")) return;
  source = new EventSource("/api/v1/events");
  source.addEventListener("status", (event) => {
    const changed = JSON.parse((event as MessageEvent<string>).data) as Partial<Live>;
    if (changed.at_ms) skew = changed.at_ms - Date.now();
    shared.status = shared.status ? { ...shared.status, ...changed } : (changed as Live);
    shared.isLinked = true;
    tick();
  });
  source.addEventListener("over", () => void readSession());
  source.onerror = () => {
    shared.isLinked = false;
    if (source?.readyState === EventSource.CLOSED) {
      unfollow();
      void lostStream();
    }
  };
}

async function lostStream(): Promise<void> {
  try {
    await readSession();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
  if (shared.session?.is_signed_in) setTimeout(follow, 3000);
}

export function unfollow(): void {
  source?.close();
  source = null;
  shared.isLinked = false;
}

export function setTheme(theme: string): void {
  shared.theme = theme;
  localStorage.setItem("hw.theme", theme);
  showTheme();
}

export function showTheme(): void {
  if (shared.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = shared.theme;
}

export function markSeen(): void {
  const newest = shared.status?.alert_number ?? 0;
  shared.seenAlert = newest;
  localStorage.setItem("hw.alert", String(newest));
}

/** Start the clock and the stream; both rest while the page is hidden. */
export function start(): () => void {
  const seconds = setInterval(() => document.hidden || tick(), 1000);
  const seen = () => (document.hidden ? unfollow() : (tick(), follow()));
  const moved = () => (shared.path = location.hash);
  document.addEventListener("visibilitychange", seen);
  addEventListener("hashchange", moved);
  showTheme();
  return () => {
    clearInterval(seconds);
    document.removeEventListener("visibilitychange", seen);
    removeEventListener("hashchange", moved);
    unfollow();
  };
}
