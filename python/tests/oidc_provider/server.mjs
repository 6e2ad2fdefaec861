// The certified provider on the port of the first argument; the second one is the clients' public key set as JSON.
// It signs in everybody as `user-1`, and asks nobody.
import http from "node:http";
import Provider from "oidc-provider";

const [port, keySet] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const redirect_uris = ["https://app.example/callback"];
const grant_types = [
  "authorization_code",
  "refresh_token",
  "client_credentials",
  "urn:ietf:params:oauth:grant-type:device_code",
];
const client = (way, more = {}) => ({
  client_id: way,
  redirect_uris,
  grant_types,
  response_types: ["code"],
  post_logout_redirect_uris: ["https://app.example/goodbye"],
  token_endpoint_auth_method: way,
  ...more,
});
const secret = { client_secret: "a secret of at least thirty-two bytes: %+ &" };

const provider = new Provider(issuer, {
  clients: [
    client("client_secret_basic", secret),
    client("client_secret_post", secret),
    client("client_secret_jwt", secret),
    client("private_key_jwt", { jwks: JSON.parse(keySet) }),
    client("none", { grant_types: grant_types.filter((name) => name !== "client_credentials") }),
  ],
  clientAuthMethods: ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt", "none"],
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: "user-1@app.example", email_verified: true }),
  }),
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    revocation: { enabled: true, allowedPolicy: () => true },
  },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: (_, client) => client.grantTypeAllowed("refresh_token"),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  scopes: ["openid", "email", "offline_access", "api"],
});

/** What a user would do on the pages of login and consent. */
async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  const answer = {};
  if (prompt.name === "login") {
    answer.login = { accountId: "user-1" };
  } else {
    const grant = grantId
      ? await provider.Grant.find(grantId)
      : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope ?? "openid");
    answer.consent = { grantId: await grant.save() };
  }
  await provider.interactionFinished(request, response, answer, { mergeWithLastSubmission: true });
}

const callback = provider.callback();
const server = http.createServer((request, response) => {
  if (!request.url.startsWith("/interaction/")) {
    callback(request, response);
    return;
  }
  interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
});
server.listen(Number(port), "127.0.0.1", () => console.log("ready"));
