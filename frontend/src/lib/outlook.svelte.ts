// What is left of today and what comes next: read once a minute for the header, and by pages from here.
import { get, type Schema } from "./api";
import { may } from "./state.svelte";

class Outlook {
  net = $state.raw<Schema["Net"] | null>(null);
  upcoming = $state.raw<readonly Schema["Upcoming"][] | null>(null);
}
export const outlook = new Outlook();

export function readOutlook(): void {
  if (may("view")) get<Schema["UpcomingList"]>("/next").then((found) => (outlook.upcoming = found.upcoming), () => {});
  if (may("money")) get<Schema["Net"]>("/net").then((found) => (outlook.net = found), () => {});
}
