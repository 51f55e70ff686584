// The npm client against an agent: node clients.mjs PORT FOLDER-WITH-node_modules. Prints one JSON
// object of what it got; what throws ends it with a status.
import { createRequire } from "node:module";

const [port, folder] = process.argv.slice(2);
const Consul = createRequire(`${folder}/`)("consul");
const consul = new Consul({ host: "127.0.0.1", port: Number(port) });

const got = {};
await consul.agent.service.register({
  name: "shop", id: "shop1", address: "10.1.0.1", port: 8080, tags: ["a", "b"],
  meta: { kind: "x" }, check: { ttl: "60s", status: "passing" },
});
got.agentServices = Object.keys(await consul.agent.service.list());
await consul.agent.check.register({ name: "extra", ttl: "60s", serviceid: "shop1" });
await consul.agent.check.pass("extra");
got.agentChecks = Object.values(await consul.agent.checks()).map((c) => [c.CheckID, c.Status]).sort();
got.self = (await consul.agent.self()).Config.NodeName;
got.members = (await consul.agent.members()).map((m) => m.Name);
await consul.catalog.register({
  node: "outside", address: "10.9.0.1", service: { service: "printer", port: 631 },
});
got.datacenters = await consul.catalog.datacenters();
got.nodes = (await consul.catalog.node.list()).map((n) => n.Node).sort();
got.services = Object.keys(await consul.catalog.service.list()).sort();
got.printer = (await consul.catalog.service.nodes("printer")).map((n) => n.ServicePort);
got.node = Object.keys((await consul.catalog.node.services("outside")).Services);
got.passing = (await consul.health.service({ service: "shop", passing: true })).map((i) => i.Service.ID);
got.nodeChecks = (await consul.health.node("node1")).map((c) => c.CheckID).sort();
got.state = (await consul.health.state("passing")).length;
const query = await consul.query.create({ name: "q", service: { service: "shop", tags: ["a"] } });
got.query = (await consul.query.execute("q")).Nodes.map((i) => i.Service.ID);
await consul.query.destroy(query.ID);
got.leader = await consul.status.leader();

// A watch hears of a change.
const watch = consul.watch({
  method: consul.health.service, options: { service: "shop", passing: true },
});
got.watched = await new Promise((resolve, reject) => {
  const seen = [];
  watch.on("error", reject);
  watch.on("change", (data) => {
    seen.push(data.length);
    if (seen.length === 1) consul.agent.check.fail("extra").catch(reject);
    else resolve(seen);
  });
});
watch.end();
await consul.agent.service.deregister("shop1");
console.log(JSON.stringify(got));
process.exit(0);
