// Keys: created with the secret shown once, disabled, enabled, deleted.
import { same } from "../browser.mjs";

export default async function ({ visit }) {
  const page = await visit.go("/console/keys");
  await visit.shots("keys");
  await visit.refused(() => visit.send({ Name: "x".repeat(65) }, "Create the key"));
  await page.getByText("The name must be 1 to 64 characters").waitFor();
  await visit.send({ Name: "billing <b>&", Role: "reader" }, "Create the key");
  await page.getByRole("heading", { name: "The key for billing <b>&" }).waitFor();
  await visit.check();
  await visit.shots("keys-created");
  const access = await page.getByRole("textbox", { name: "Access key" }).innerText();
  const secret = await page.getByRole("textbox", { name: "Secret key" }).innerText();
  same(secret.length, 40, "the secret's length");
  await page.goto(`${visit.base}/console/keys`);
  same((await page.content()).includes(secret), false, "the secret is shown again");
  const row = page.getByRole("row").filter({ hasText: access });
  await row.getByText("Disable…").click();
  await row.getByRole("button", { name: `Disable ${access}` }).click();
  await page.getByText("The key is disabled").waitFor();
  await row.getByRole("button", { name: `Enable ${access}` }).click();
  await page.getByText("The key is enabled").waitFor();
  await row.getByText("Delete…").click();
  await row.getByRole("button", { name: `Delete ${access}` }).click();
  await page.getByText("The key is deleted").waitFor();
  same(await row.count(), 0, "rows of a deleted key");
}
