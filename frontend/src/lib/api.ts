// One way to the server: JSON in, JSON out, problems as errors. Actions carry a key of their own, so that a request
// which is sent twice is done once.
import type { components } from "../api";

export type Schema = components["schemas"];
export type Session = Schema["SessionDocument"];
export type Status = Schema["Status"];
export type Machine = Schema["Machine"];
export type History = Schema["History"];
export type Block = Schema["Block"];
export type Alert = Schema["AlertDocument"];
export type Problem = Schema["Problem"];

export class ApiError extends Error {
  constructor(public readonly problem: Problem) {
    super(problem.detail);
  }
}

let csrf = "";

export function keepWord(word: string): void {
  csrf = word;
}

async function request<T>(method: string, path: string, body?: unknown, key?: string): Promise<T> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (method !== "GET") headers["x-hw-csrf"] = csrf;
  if (key) headers["idempotency-key"] = key;
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
    });
  } catch {
    throw new ApiError(unreachable());
  }
  const text = await response.text();
  const json = text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : null;
  if (!response.ok) throw new ApiError(json ?? { ...unreachable(), status: response.status });
  return json as T;
}

function unreachable(): Problem {
  return {
    type: "about:blank",
    title: "No answer",
    status: 0,
    detail: "The server does not answer. Nothing was changed as far as we know.",
    code: "",
    hint: "Is it running? hw web",
    findings: [],
  };
}

export const get = <T>(path: string): Promise<T> => request<T>("GET", path);
export const post = <T>(path: string, body: unknown): Promise<T> => request<T>("POST", path, body);
export const put = <T>(path: string, body: unknown): Promise<T> => request<T>("PUT", path, body);
export const remove = <T>(path: string): Promise<T> => request<T>("DELETE", path);

/** Do something that must not happen twice. */
export function act<T>(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
  return request<T>(method, path, body ?? (method === "DELETE" ? undefined : {}), crypto.randomUUID());
}

export function textOf(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  const { code, detail, hint, findings } = error.problem;
  const places = (findings ?? []).map((it) => `${it.place}: ${it.message}`);
  return [code, detail, ...places, hint].filter(Boolean).join(" ");
}
