// The overview, the navigation, the theme and the copy button.
import { same } from "../browser.mjs";

export default async function ({ visit, say }) {
  const page = await visit.go("/console/");
  await page.getByRole("heading", { name: "All is well: reports are taken" }).waitFor();
  same(await page.locator(".tile").filter({ hasText: "Devices" }).locator(".tile-number").innerText(), "5", "devices");
  same(await page.locator(".tile").filter({ hasText: "Rules" }).locator(".tile-number").innerText(), "2", "rules");
  const current = page.getByRole("navigation", { name: "Main" }).locator("[aria-current=page]");
  same(await current.innerText(), "Overview", "the page that is marked");

  const drawn = page.locator(".chart canvas");
  same(await drawn.count(), 2, "charts");
  const pixels = () => drawn.first().evaluate((canvas) => canvas.toDataURL());
  const before = await pixels();
  const summary = await page.locator("#hour-summary").innerText();
  for (let count = 0; count < 40; count += 1) await say("40");
  await page.waitForFunction((text) => document.getElementById("hour-summary").innerText !== text, summary, { timeout: 40_000 });
  same((await pixels()) === before, false, "the chart stands still");
  await page.getByText("The same as a table").click();
  await visit.check();
  await page.getByText("The same as a table").click();
  await visit.shots("overview");
  await page.goto(`${visit.base}/console/`);

  await page.keyboard.press("Tab");
  const skip = page.getByRole("link", { name: "Skip to the content" });
  same(await skip.evaluate((link) => link === document.activeElement), true, "the first stop of the keyboard is the skip link");
  await page.keyboard.press("Enter");
  same(await page.evaluate(() => document.activeElement.id), "main", "the skip link leads to");

  const project = page.getByRole("textbox", { name: "Project id" });
  await page.getByRole("button", { name: "Copy Project id" }).click();
  await page.getByRole("button", { name: "Copied Project id" }).waitFor();
  same(await page.evaluate(() => navigator.clipboard.readText()), await project.innerText(), "what was copied");

  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await background();
  await page.getByRole("button", { name: "Dark" }).click();
  await page.waitForLoadState();
  same((await background()) === light, false, "the dark theme looks like the light one");
  same(await page.getByRole("button", { name: "Dark" }).getAttribute("aria-pressed"), "true", "the switch shows it");
  await visit.check();
  await page.getByRole("button", { name: "Auto" }).click();
}
