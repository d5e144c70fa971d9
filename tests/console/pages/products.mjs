// Products: created, their models edited in rows and as JSON, reports checked, deleted.
import { same } from "../browser.mjs";

export default async function ({ visit }) {
  const page = await visit.go("/console/products");
  await visit.shots("products");
  await visit.refused(() => visit.send({ Name: "Pump <b>&", "Device type": "Pump", "Model optional": "{" }, "Create the product"));
  await page.getByText("The model is not JSON.").waitFor();
  await visit.send({ Name: "Pump", "Product id optional": "pump-1", "Model optional": "" }, "Create the product");
  await page.getByText("The product is made.").waitFor();
  await page.getByText("It has no services yet").waitFor();
  await visit.check();

  await page.getByRole("link", { name: "Edit the model" }).click();
  await page.getByText("No services yet").waitFor();
  await page.getByRole("button", { name: "Add a service" }).click();
  await page.getByLabel("Service id").fill("Flow");
  await page.getByLabel("Name", { exact: true }).fill("rate");
  await page.getByLabel("Min", { exact: true }).fill("9");
  await page.getByLabel("Max", { exact: true }).fill("3");
  await visit.refused(() => page.getByRole("button", { name: "Save the model" }).click());
  await page.getByRole("alert").getByText("is over max").waitFor();
  await page.getByText("look here").waitFor();
  await visit.check();
  await visit.shots("model-refused");
  await page.getByLabel("Min", { exact: true }).fill("0.50");
  await page.getByRole("button", { name: "Add a property" }).click();
  await page.getByLabel("Name", { exact: true }).nth(1).fill("mode");
  await page.getByLabel("Type", { exact: true }).nth(1).selectOption("enum");
  await page.getByLabel("Allowed texts, with commas").nth(1).fill("on, off");
  await page.getByRole("button", { name: "Add a property" }).click();
  await page.getByRole("button", { name: "Remove property", exact: true }).click();
  await visit.check();
  await visit.shots("model");
  await page.getByRole("button", { name: "Save the model" }).click();
  await page.getByText("The model is saved").waitFor();
  await page.getByText("0.50 to 3").waitFor();
  await page.getByText("one of on, off").waitFor();
  const exported = await page.request.get(`${visit.base}/console/products/pump-1/model.json`);
  same((await exported.json())[0].properties[1].enum_list.join(), "on,off", "the exported model");

  const check = async (report) => {
    await page.getByLabel("Report", { exact: true }).fill(report);
    await page.getByRole("button", { name: "Check the report" }).click();
    await page.getByText("A device would be answered").waitFor();
  };
  await check('{"services":[{"service_id":"Flow","properties":{"rate":1.25,"mode":"on"}}]}');
  await page.getByText("Taken: every value fits the model.").waitFor();
  await check('{"services":[{"service_id":"Flow","properties":{"rate":7.50,"mode":"<i>half</i>"}}]}');
  same(await page.locator("mark").count(), 2, "marks in the report");
  same((await page.locator("mark").first().innerText()).startsWith("7.50"), true, "the first mark");
  await page.getByRole("listitem").getByText("7.50 is over the maximum 3").waitFor();
  await visit.check();
  await visit.shots("product");
  await check("{");
  await page.getByText("the JSON ends early").waitFor();

  await page.goto(`${visit.base}/console/products/pump-1`);
  await visit.send({ "Reports that break the model": "filter" }, "Save");
  await page.getByText("The product is changed.").waitFor();
  await check('{"services":[{"service_id":"Flow","properties":{"rate":7.50,"mode":"on"}}]}');
  await page.getByText("Taken without what does not fit").waitFor();

  await page.goto(`${visit.base}/console/products/demo`);
  await page.getByText("Delete…").click();
  await visit.refused(() => page.getByRole("button", { name: "Delete Demo" }).click());
  await page.getByText("device", { exact: false }).first().waitFor();
  await page.goto(`${visit.base}/console/products/pump-1`);
  await page.getByText("Delete…").click();
  await page.getByRole("button", { name: "Delete Pump" }).click();
  await page.getByText("The product is deleted.").waitFor();
}
