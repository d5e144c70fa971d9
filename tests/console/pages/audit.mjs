// The audit log: filters, what the API refuses, pages.
import { same } from "../browser.mjs";

export default async function ({ visit }) {
  const page = await visit.go("/console/audit");
  await visit.shots("audit");
  const rows = page.locator("tbody tr");
  await visit.send({ "User or access key": "command line" }, "Show");
  await visit.check();
  const actors = await rows.locator("td:nth-child(2)").allInnerTexts();
  same(actors.length > 0 && actors.every((actor) => actor === "command line"), true, "the filter holds");
  await page.goto(`${visit.base}/console/audit?actor=nobody`);
  await page.getByText("No entry matches.").waitFor();
  await visit.refused(() => page.goto(`${visit.base}/console/audit?from=yesterday`));
  await page.getByRole("alert").getByText("Invalid time format").waitFor();
  await page.goto(`${visit.base}/console/audit?from=2026-01-01T00:00&to=2099-01-01T00:00`);
  same(await rows.count(), 25, "rows of a full page");
  const first = await rows.first().innerText();
  await page.getByRole("link", { name: "Older" }).click();
  await page.waitForURL(/marker=/);
  await visit.check();
  same(new URL(page.url()).searchParams.get("from"), "2026-01-01T00:00", "the filter stays");
  same((await rows.first().innerText()) === first, false, "the second page begins as the first");
  await page.getByRole("link", { name: "Back to the newest" }).click();
  await page.waitForURL((url) => !url.searchParams.has("marker"));
}
