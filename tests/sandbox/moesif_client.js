// Calls every method of Moesif's Node client once, and prints the status of each answer.
const moesif = require("moesifapi");

const [baseUri, applicationId] = process.argv.slice(2);
moesif.configuration.BaseUri = baseUri;
moesif.configuration.ApplicationId = applicationId;

const metadata = { plan: "paid", größe: ["㊗️"] };
const user = (userId) =>
  new moesif.UserModel({ userId, companyId: "c1", metadata, campaign: { utmSource: "ads" } });
const company = (companyId) =>
  new moesif.CompanyModel({ companyId, companyDomain: "acme.example", metadata });
const subscription = (subscriptionId) =>
  new moesif.SubscriptionModel({ subscriptionId, companyId: "c1", status: "active", metadata });
const action = (actionName) =>
  new moesif.ActionModel({
    actionName,
    userId: "n1",
    request: { uri: "https://acme.example/pricing", ip_address: "192.0.2.1" },
    metadata,
  });
const event = (uri) =>
  new moesif.EventModel({
    userId: "n1",
    request: { time: new Date(), uri, verb: "GET", headers: { Accept: "*/*" } },
    response: { time: new Date(), status: 200, headers: {} },
  });

const calls = {
  updateUser: [user("n1")],
  updateUsersBatch: [[user("n1"), user("n2")]],
  updateCompany: [company("c1")],
  updateCompaniesBatch: [[company("c1"), company("c2")]],
  updateSubscription: [subscription("s1")],
  updateSubscriptionsBatch: [[subscription("s1"), subscription("s2")]],
  sendAction: [action("Clicked")],
  sendActionsBatch: [[action("Clicked"), action("Bought")]],
  createEvent: [event("https://api.example/1")],
  createEventsBatch: [[event("https://api.example/2"), event("https://api.example/3")]],
  getAppConfig: [],
  getRules: [],
};

(async () => {
  const statuses = {};
  for (const [method, args] of Object.entries(calls)) {
    statuses[method] = await new Promise((resolve) =>
      moesif.ApiController[method](...args, (error, response) =>
        resolve(error ? error : response.statusCode),
      ),
    );
  }
  console.log(JSON.stringify(statuses));
})();
