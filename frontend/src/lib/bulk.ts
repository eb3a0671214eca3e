// One action for many machines: sent in parts that the server takes, each with a key of its own, and counted honestly.
import { act, textOf } from "./api";

export const AT_ONCE = 500;
export type Sent = { told: number; failed: { devices: number; problem: string }[]; outcomes: { device: string; answer: string; detail: string }[] };

export async function sendAll(
  path: string, devices: readonly string[], body: Record<string, unknown>, progress: (sent: number) => void, stops = false,
): Promise<Sent> {
  const sent: Sent = { told: 0, failed: [], outcomes: [] };
  for (let begin = 0; begin < devices.length; begin += AT_ONCE) {
    const part = devices.slice(begin, begin + AT_ONCE);
    try {
      const answer = await act<{ result: { outcomes?: Sent["outcomes"] } }>("POST", path, { ...body, devices: part });
      sent.told += part.length;
      sent.outcomes.push(...(answer.result.outcomes ?? []).filter((it) => it.answer !== "ok"));
    } catch (error) {
      sent.failed.push({ devices: part.length, problem: textOf(error) });
    }
    progress(begin + part.length);
    if (stops && sent.failed.length + sent.outcomes.length > Math.max(3, devices.length * 0.02)) break;
  }
  return sent;
}
