// Rules: made with a fault marked where it is, tried on a recent event, given an action, switched on and off, deleted; an action's
// state, replay and settings; dead letters. CONSOLE_ACTION has a dead letter, CONSOLE_TARGET takes everything.
import { same } from "../browser.mjs";

const { CONSOLE_ACTION: action, CONSOLE_TARGET: target } = process.env;

async function confirm(page, label, answer = label) {
  await page.getByText(`${label}…`, { exact: false }).first().click();
  await page.getByRole("button", { name: answer, exact: true }).click();
}

async function makesRule({ visit, page }) {
  await visit.go("/console/rules/new");
  await visit.shots("rule-new");
  const name = "hot_&";
  await visit.refused(() => visit.send({ "Name optional": name, "Where optional": "notify_data.body = = 3" }, "Try it"));
  same(await page.locator(".sql-fault mark").innerText(), "=", "the character that is marked");
  same(await page.getByLabel("Where optional", { exact: true }).getAttribute("aria-invalid"), "true", "the box is marked");
  const cursor = await page.evaluate(() => [document.activeElement.id, document.activeElement.selectionStart]);
  same(cursor.join(" "), "where 19", "the cursor");
  await visit.shots("rule-fault");
  await visit.send({ "Where optional": "notify_data.header.device_id = 'demo_meter1'" }, "Try it");
  await page.getByText("Taken", { exact: true }).waitFor();
  same((await page.locator(".json").first().innerText()).includes("21.50"), true, "the number as the device wrote it");
  await visit.check();
  await visit.shots("rule-tried");
  await page.getByRole("button", { name: "Create the rule" }).click();
  await page.getByText("The rule is made.").waitFor();
  await visit.check();
}

async function givesAction({ visit, page }) {
  await page.getByRole("link", { name: "New action" }).click();
  await page.getByRole("heading", { name: "New action" }).waitFor();
  await visit.check();
  await visit.shots("action-new");
  await visit.refused(() => visit.send({ URL: "ftp://nowhere/" }, "Create the action"));
  same(await page.getByLabel("URL", { exact: true }).getAttribute("aria-invalid"), "true", "the field is marked");
  await visit.send({ URL: target }, "Create the action");
  const secret = await page.getByRole("textbox", { name: "Signing secret" }).innerText();
  same(secret.startsWith("whsec_"), true, "the secret");
  await visit.check();
  await visit.shots("action-created");
  await page.getByRole("button", { name: "Send a sample event" }).click();
  await page.getByText("The target took a sample event").waitFor();
  same((await page.content()).includes(secret), false, "the secret is shown again");
  await confirm(page, "Rotate the secret");
  same((await page.getByRole("textbox", { name: "Signing secret" }).innerText()) === secret, false, "the secret is the old one");
  await page.locator(".trail a").last().click();
  await page.getByRole("button", { name: "Activate" }).click();
  await page.getByText("The rule takes events from now on.").waitFor();
  await visit.check();
  await visit.shots("rule");
  await confirm(page, "Deactivate");
  await page.getByText("The rule takes nothing from now on").waitFor();
}

async function runsAction({ visit, page }) {
  await visit.go(`/console/rules/actions/${action}`);
  await visit.shots("action");
  const waiting = page.locator(".tile").filter({ hasText: "Delivered" }).locator(".tile-number");
  same(await waiting.innerText(), "0", "delivered before");
  await page.getByRole("link", { name: "Dead letters" }).click();
  await page.getByRole("heading", { name: "Dead letters" }).waitFor();
  await visit.check();
  await visit.shots("letters");
  await page.getByRole("rowheader").getByRole("link").click();
  await page.getByRole("heading", { name: "A dead letter" }).waitFor();
  same((await page.locator(".json").innerText()).includes("21.50"), true, "the number as the device wrote it");
  await visit.check();
  await visit.shots("letter");
  await page.getByRole("link", { name: "Dead letters" }).click();
  await confirm(page, "Deliver all again");
  await page.getByText("One dead letter is delivered again.").waitFor();
  await page.getByText("No dead letters").waitFor();
  await visit.check();

  await visit.go(`/console/rules/actions/${action}`);
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("The action is paused").waitFor();
  await visit.refused(() => visit.send({ "or from sequence": "x" }, "Deliver again"));
  same(await page.getByLabel("or from sequence").getAttribute("aria-invalid"), "true", "the field is marked");
  await visit.send({ "or from sequence": "1" }, "Deliver again");
  await page.getByText(/(One event is|events are) delivered again/).waitFor();
  // The state is asked for again without loading the page.
  const pending = page.locator(".tile").filter({ hasText: "Waiting" }).locator(".tile-number");
  same(await pending.innerText() === "0", false, "nothing waits while it is paused");
  const other = await visit.context.newPage();
  await other.goto(`${visit.base}/console/rules/actions/${action}`);
  await other.getByRole("button", { name: "Resume" }).click();
  await other.getByText("The action delivers again").waitFor();
  await other.close();
  await page.bringToFront();
  await page.locator(".standing").getByText("Healthy").waitFor();
  await visit.check();
}

export default async function ({ visit }) {
  const { page } = visit;
  await makesRule({ visit, page });
  await givesAction({ visit, page });
  await runsAction({ visit, page });
  await visit.go("/console/rules");
  await visit.shots("rules");
  await page.getByRole("rowheader").filter({ hasText: "hot_" }).getByRole("link").click();
  await confirm(page, "Delete");
  await page.getByText("The rule is deleted, and its actions.").waitFor();
  same(await page.getByRole("rowheader").filter({ hasText: "hot_" }).count(), 0, "rows of a deleted rule");
}
