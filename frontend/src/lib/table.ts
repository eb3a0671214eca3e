// The list of all machines comes column by column, which is a fifth of the size; here it becomes rows again.
import { get, type Machine, type Schema } from "./api";

const LABELS_MAX = 80;
export type Row = Required<Machine> & { search: string; rack: string; of_expected: number | null };
export type Table = Omit<Schema["Table"], "columns"> & { rows: Row[] };

export async function readTable(): Promise<Table> {
  const { columns, ...head } = await get<Schema["Table"]>("/machines");
  const names = Object.keys(columns);
  const lists = names.map((name) => columns[name] as unknown[]);
  const rows: Row[] = new Array(head.total);
  for (let at = 0; at < head.total; at += 1) {
    const row: Record<string, unknown> = {};
    for (let name = 0; name < names.length; name += 1) row[names[name]!] = lists[name]![at];
    rows[at] = completed(row as unknown as Required<Machine>);
  }
  return { ...head, rows };
}

function completed(it: Required<Machine>): Row {
  const row = it as Row;
  row.search = `${it.worker}\n${it.agent}\n${it.peer}\n${it.model}\n${it.host}\n${it.site}\n${it.group}\n${it.tags.join("\n")}`.toLowerCase();
  row.rack = it.tags.find((tag) => tag.startsWith("rack-")) ?? it.group;
  row.of_expected = it.expected_hs ? (100 * (it.said_hs ?? it.hashrate_10m_hs)) / it.expected_hs : null;
  return row;
}

export type Filter = { words: string; state: string; where: string; label: string };

export function filtered(rows: readonly Row[], wish: Filter): Row[] {
  const words = wish.words.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const [kind, value] = [wish.label.slice(0, wish.label.indexOf(":")), wish.label.slice(wish.label.indexOf(":") + 1)];
  return rows.filter(
    (it) =>
      words.every((word) => it.search.includes(word)) &&
      (!wish.state || (wish.state === "trouble" ? isTrouble(it) : it.state === wish.state)) &&
      (!wish.where || it.destinations.includes(wish.where)) &&
      (!wish.label || (kind === "site" ? it.site === value : kind === "group" ? it.group === value : it.tags.includes(value))),
  );
}

export const isTrouble = (it: Row): boolean =>
  it.state === "silent" || it.state === "offline" || ["hot", "fault", "refused", "unreachable"].includes(it.device_state);

/** In one word how a machine is: what the fleet knows of it says more than its connection, where it is in trouble. */
export const wordOf = (it: Row): string =>
  ["hot", "fault", "refused", "unreachable", "stopping"].includes(it.device_state) && it.state !== "asleep" ? it.device_state : it.state;

export function sorted(rows: readonly Row[], key: (it: Row) => number | string): Row[] {
  const keyed = rows.map((it) => ({ it, by: key(it) }));
  keyed.sort((a, b) => (a.by < b.by ? -1 : a.by > b.by ? 1 : a.it.worker < b.it.worker ? -1 : 1));
  return keyed.map((row) => row.it);
}

export function labels(rows: readonly Row[]): { value: string; title: string }[] {
  const counts = new Map<string, number>();
  const add = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
  for (const it of rows) {
    if (it.site) add(`site:${it.site}`);
    if (it.group) add(`group:${it.group}`);
    for (const tag of it.tags) add(`tag:${tag}`);
  }
  // of hundreds of racks nobody chooses from a list: those are found by typing, and the largest are offered
  const most = [...counts].sort(([, a], [, b]) => b - a).slice(0, LABELS_MAX);
  return most.sort(([a], [b]) => (a < b ? -1 : 1)).map(([value, number]) => ({ value, title: `${value.replace(":", " ")} (${number})` }));
}
