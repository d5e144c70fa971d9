// Events as they come: live, paused and gone on with, bounded, filtered, opened, and at the end of the session.
import { same } from "../browser.mjs";

export default async function ({ visit, say }) {
  const page = await visit.go("/console/messages");
  const live = () => page.getByText("Live", { exact: true }).waitFor();
  await live();
  const rows = page.locator("#events tbody tr");
  const said = (at) => rows.nth(at).locator(".said").innerText();
  const shown = (text) => page.waitForFunction(
    (wanted) => document.querySelector("#events tbody .said").textContent.includes(wanted), text);
  await say('{"reading":21.50}');
  await shown('"reading":21.50');
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("Paused after").waitFor();
  await say('"second"');
  await say('"third"');
  await page.waitForTimeout(500);
  same((await said(0)).includes("21.50"), true, "a paused page stands still");
  await visit.check();
  await page.getByRole("button", { name: "Go on" }).click();
  await live();
  await shown('"third"');
  same((await said(1)).includes('"second"'), true, "nothing was left out in the pause");
  await visit.shots("messages");

  for (let count = 0; count < 210; count += 1) await say(`${count}`);
  await shown("209");
  same(await rows.count(), 200, "rows of the page");

  await visit.send({ Kind: "message", Device: "none" }, "Show");
  await page.getByText("No event that is held matches.").waitFor();
  await visit.check();
  await visit.refused(() => page.goto(`${visit.base}/console/messages?device_id=a+b`));
  await page.getByRole("alert").getByText("device_id").waitFor();
  await page.goto(`${visit.base}/console/messages?kind=message`);
  await rows.first().getByRole("link").click();
  await page.getByRole("heading", { name: "As applications are sent it" }).waitFor();
  await visit.check();
  await page.getByText("No rule takes it").waitFor();
  await visit.shots("event");

  await page.goto(`${visit.base}/console/messages`);
  await live();
  const other = await visit.context.newPage();
  await other.goto(`${visit.base}/console/account`);
  await other.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByText("You are signed out.").waitFor();
  // The browser reports that the sign-in, which its stream was led to, is none.
  visit.faults = visit.faults.filter((fault) => !fault.includes("EventSource's response has a MIME type"));
}
