// Devices: registered with the secret shown once, found, looked at, frozen, reset, deleted.
import { same } from "../browser.mjs";

export default async function ({ visit }) {
  const page = await visit.go("/console/devices");
  await visit.shots("devices");
  await visit.refused(() => visit.send({ "Node id": "a b" }, "Register the device"));
  await page.getByRole("alert").getByText("node_id").waitFor();
  same(await page.getByLabel("Node id", { exact: true }).inputValue(), "a b", "what was written stays");
  await visit.send({ "Node id": "n-1", "Device id optional": "shown-1", "Name optional": "Boiler_1" }, "Register the device");
  await page.getByText("The device is registered.").waitFor();
  await visit.check();
  await visit.shots("device-registered");
  const secret = await page.getByRole("textbox", { name: "Secret", exact: true }).innerText();
  same(secret.length >= 8, true, "a secret was made");

  await visit.go("/console/devices/shown-1");
  same((await page.content()).includes(secret), false, "the secret is shown again");
  await page.getByText("Boiler_1", { exact: true }).waitFor();
  const hour = new Date().toISOString().replace(/[-T]/g, "").slice(0, 10);
  const command = await page.getByRole("textbox", { name: "Authenticate" }).innerText();
  same(command.includes(`"timestamp":"${hour}"`) || new Date().getUTCMinutes() === 0, true, "the password's hour");
  const certificate = await page.request.get(`${visit.base}/console/device-ca`);
  same((await certificate.text()).startsWith("-----BEGIN CERTIFICATE-----"), true, "the CA");

  await page.goto(`${visit.base}/console/devices?q=Boil`);
  same(await page.locator("tbody tr").count(), 1, "devices whose name begins with Boil");
  await page.goto(`${visit.base}/console/devices?q=shown-1&status=ONLINE`);
  await page.getByText("No device matches.").waitFor();
  await visit.check();
  await visit.refused(() => page.goto(`${visit.base}/console/devices?status=none`));
  await page.getByRole("alert").getByText("status").waitFor();

  await page.goto(`${visit.base}/console/devices/shown-1`);
  const confirmed = async (label) => {
    await page.getByText(`${label}…`).click();
    await page.getByRole("button", { name: `${label} shown-1` }).click();
  };
  await confirmed("Freeze");
  await page.getByText("The device is frozen").waitFor();
  await page.getByText("Frozen", { exact: true }).waitFor();
  await visit.check();
  await confirmed("Unfreeze");
  await page.getByText("The device is taken again").waitFor();
  await confirmed("Reset secret");
  await page.getByText("The secret is another from now on").waitFor();
  same((await page.getByRole("textbox", { name: "Secret", exact: true }).innerText()) === secret, false, "the secret after a reset");
  await page.goto(`${visit.base}/console/devices/shown-1?kind=device`);
  same(await page.getByRole("region", { name: "Events" }).locator("tbody tr").count() >= 3, true, "events of the changes");
  await page.goto(`${visit.base}/console/devices/shown-1`);
  await confirmed("Delete");
  await page.getByText("The device is deleted.").waitFor();
  await visit.refused(() => page.goto(`${visit.base}/console/devices/shown-1`));
  await page.getByRole("heading", { name: "Not found" }).waitFor();

  // One that was heard and refused, as the test of the browser made it.
  await visit.go("/console/devices/console-1");
  await page.getByText("Online", { exact: true }).waitFor();
  await page.getByRole("region", { name: "Shadow of Meter" }).getByText("21.50", { exact: true }).waitFor();
  await page.getByRole("region", { name: "Refusals" }).getByText("512 is over the maximum 120").waitFor();
  await visit.shots("device");
}
