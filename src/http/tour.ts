/** GraphiQL's tabs: the main job, one operation after the other, ready to run. */
export interface TourTab {
  query: string;
  variables?: string;
  headers: string;
}

export const KEY_HEADERS = JSON.stringify({ Authorization: "Bearer mlk_REPLACE_WITH_YOUR_API_KEY" }, null, 2);

const MAIN_JOB = `# Connect an account and watch it become active: seven steps.
#
# First: open "Headers" below and put your API key there in place of mlk_REPLACE_WITH_YOUR_API_KEY.
# The console showed it at the first start. Then run each operation in order: put the cursor into it and press Ctrl-Enter
# (or press the play button and choose its name). Replace what a comment tells you to.

# 1. Who am I? If this says UNAUTHENTICATED, the key in "Headers" is not right yet.
query Step1WhoAmI {
  viewer { role permissions project { id name } }
}

# 2. How this project authenticates with a connector. clientId and clientSecret are your own OAuth app's; left out, as here, it is
# the operator's default app, and the sandbox has one.
mutation Step2CreateAuthConfig {
  createAuthConfig(input: {
    connectorSlug: "sandbox"
    name: "Sandbox, first try"        # Names are unique: change it to run this again.
  }) {
    ... on CreateAuthConfigPayload { authConfig { id status redirectUri scopes } }
    ... on UserError { code message }
  }
}

# 3. A user of your product. externalId is your own id for her.
mutation Step3UpsertUser {
  upsertUser(input: { externalId: "ada", displayName: "Ada Lovelace" }) {
    ... on UpsertUserPayload { user { id externalId } }
    ... on UserError { code message }
  }
}

# 4. A login for her browser, an hour long. (A front end would use it from here on; your API key may do the rest as well.)
mutation Step4CreateUserSession {
  createUserSession(input: { user: { externalId: "ada" } }) {
    ... on CreateUserSessionPayload { token expiresAt }
    ... on UserError { code message }
  }
}

# 5. Begin the connection. Keep the id, and open authorizationUrl in another browser tab - but run step 6 first.
mutation Step5InitiateConnection {
  initiateConnection(input: {
    target: { connectorSlug: "sandbox" }
    user: { externalId: "ada" }
  }) {
    ... on InitiateConnectionPayload { connectionRequest { id status authorizationUrl connectUrl expiresAt } }
    ... on UserError { code message }
  }
}

# 6. Watch it: AUTHORIZING, EXCHANGING, ACTIVE, and the stream completes. Sign in at the sandbox as anyone, and consent.
subscription Step6Watch {
  connectionRequestUpdated(id: "req_REPLACE_WITH_THE_ID_OF_STEP_5") {
    status
    sequence
    failure { code message remedy }
    credential { id status }
  }
}

# 7. Use it: always fresh. Each reveal is in the audit log.
mutation Step7Reveal {
  revealCredential(input: {
    match: { user: { externalId: "ada" }, connectorSlug: "sandbox" }
    reason: "Trying Moorline out"
  }) {
    ... on RevealCredentialPayload { credential { id status } revealed { tokenType accessToken expiresAt } }
    ... on UserError { code message }
  }
}
`;

const LOOK_AROUND = `# What there is: connectors and what they need, and what this project has.
query Connectors {
  connectors(first: 20) {
    totalCount
    nodes { slug name kind connectable redirectUri schemes { key type scopes { name default } } }
  }
}

query Credentials {
  credentials(first: 20) {
    nodes { id status statusReason connector { name } user { externalId } authConfig { name } }
  }
}
`;

export const TOUR: TourTab[] = [
  { query: MAIN_JOB, headers: KEY_HEADERS },
  { query: LOOK_AROUND, headers: KEY_HEADERS },
];
