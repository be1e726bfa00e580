-- CreateTable
CREATE TABLE "Project" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "isOperator" BOOLEAN NOT NULL DEFAULT false,
    "allowedReturnUrls" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "allowedOrigins" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "branding" JSONB NOT NULL DEFAULT '{}',
    "verifyUrl" TEXT,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Project_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ApiKey" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "permissions" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "prefix" TEXT NOT NULL,
    "hash" BYTEA NOT NULL,
    "connectorSlugs" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "userIds" UUID[] DEFAULT ARRAY[]::UUID[],
    "methods" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "lastUsedAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3),
    "revokedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "ApiKey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "User" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "externalId" TEXT NOT NULL,
    "displayName" TEXT,
    "email" TEXT,
    "locale" TEXT,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "User_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "UserSession" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "userId" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "connectorSlugs" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "allConnectors" BOOLEAN NOT NULL DEFAULT true,
    "requestId" UUID,
    "locale" TEXT,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "UserSession_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CustomConnector" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "definition" JSONB NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "CustomConnector_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AuthConfig" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "connectorSlug" TEXT NOT NULL,
    "schemeKey" TEXT NOT NULL,
    "schemeType" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "description" TEXT,
    "ownApp" BOOLEAN NOT NULL,
    "clientId" TEXT,
    "hasClientSecret" BOOLEAN NOT NULL DEFAULT false,
    "clientSecretExpiresAt" TIMESTAMPTZ(3),
    "scopes" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "flows" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "parameters" JSONB NOT NULL DEFAULT '{}',
    "presetFields" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "errorReason" TEXT,
    "version" INTEGER NOT NULL DEFAULT 1,
    "secretGeneration" INTEGER NOT NULL DEFAULT 0,
    "lastUsedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "AuthConfig_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "RetainedClient" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "authConfigId" UUID NOT NULL,
    "clientId" TEXT NOT NULL,
    "hasClientSecret" BOOLEAN NOT NULL,
    "secretGeneration" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "RetainedClient_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ConnectionRequest" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'PENDING',
    "sequence" INTEGER NOT NULL DEFAULT 1,
    "userId" UUID,
    "authConfigId" UUID NOT NULL,
    "connectorSlug" TEXT NOT NULL,
    "credentialId" UUID,
    "flow" TEXT NOT NULL,
    "display" TEXT NOT NULL,
    "returnUrl" TEXT,
    "origin" TEXT,
    "clientState" TEXT,
    "requestedScopes" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "parameters" JSONB NOT NULL DEFAULT '{}',
    "label" TEXT,
    "ifAccountExists" TEXT NOT NULL DEFAULT 'UPDATE',
    "allowUnverified" BOOLEAN NOT NULL DEFAULT false,
    "locale" TEXT,
    "failure" JSONB,
    "retriedById" UUID,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "ConnectionRequest_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ConnectionEvent" (
    "projectId" UUID NOT NULL,
    "requestId" UUID NOT NULL,
    "sequence" INTEGER NOT NULL,
    "status" TEXT NOT NULL,
    "failure" JSONB,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "ConnectionEvent_pkey" PRIMARY KEY ("projectId","requestId","sequence")
);

-- CreateTable
CREATE TABLE "Opening" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "requestId" UUID NOT NULL,
    "connectorSlug" TEXT NOT NULL,
    "stateHash" BYTEA NOT NULL,
    "browserHash" BYTEA NOT NULL,
    "redirectUri" TEXT NOT NULL,
    "consumedAt" TIMESTAMPTZ(3),
    "verificationHash" BYTEA,
    "verificationExpiresAt" TIMESTAMPTZ(3),
    "verifiedAt" TIMESTAMPTZ(3),
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "Opening_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Credential" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "userId" UUID,
    "authConfigId" UUID NOT NULL,
    "connectorSlug" TEXT NOT NULL,
    "schemeType" TEXT NOT NULL,
    "health" TEXT NOT NULL DEFAULT 'ACTIVE',
    "healthReason" TEXT,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "label" TEXT,
    "accountId" TEXT,
    "accountName" TEXT,
    "accountEmail" TEXT,
    "accountAvatarUrl" TEXT,
    "requestedScopes" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "grantedScopes" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "parameters" JSONB NOT NULL DEFAULT '{}',
    "tokenType" TEXT,
    "accessTokenExpiresAt" TIMESTAMPTZ(3),
    "canRefresh" BOOLEAN NOT NULL DEFAULT false,
    "lastRefreshedAt" TIMESTAMPTZ(3),
    "lastUsedAt" TIMESTAMPTZ(3),
    "lastTestedAt" TIMESTAMPTZ(3),
    "sequence" INTEGER NOT NULL DEFAULT 0,
    "version" INTEGER NOT NULL DEFAULT 1,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Credential_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Grant" (
    "credentialId" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "generation" INTEGER NOT NULL DEFAULT 1,
    "clientId" TEXT NOT NULL,
    "tokenOrigin" TEXT NOT NULL,
    "apiOrigin" TEXT,
    "leaseOwner" UUID,
    "leaseUntil" TIMESTAMPTZ(3),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "Grant_pkey" PRIMARY KEY ("credentialId")
);

-- CreateTable
CREATE TABLE "RefreshAttempt" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "credentialId" UUID NOT NULL,
    "generation" INTEGER NOT NULL,
    "leaseOwner" UUID NOT NULL,
    "outcome" TEXT NOT NULL DEFAULT 'STARTED',
    "startedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "RefreshAttempt_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "CredentialEvent" (
    "projectId" UUID NOT NULL,
    "credentialId" UUID NOT NULL,
    "sequence" INTEGER NOT NULL,
    "kind" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "message" TEXT NOT NULL,
    "providerCode" TEXT,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "CredentialEvent_pkey" PRIMARY KEY ("projectId","credentialId","sequence")
);

-- CreateTable
CREATE TABLE "CredentialChange" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "credentialId" UUID NOT NULL,
    "kind" TEXT NOT NULL,
    "statusBefore" TEXT,
    "xid" BIGINT NOT NULL DEFAULT ((pg_current_xact_id())::text)::bigint,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "CredentialChange_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "DataKey" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "scope" TEXT NOT NULL,
    "wrapped" BYTEA NOT NULL,
    "kekId" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "DataKey_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "SealedSecret" (
    "projectId" UUID NOT NULL,
    "ownerTable" TEXT NOT NULL,
    "ownerId" UUID NOT NULL,
    "column" TEXT NOT NULL,
    "generation" INTEGER NOT NULL,
    "dataKeyId" UUID NOT NULL,
    "blob" BYTEA NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "SealedSecret_pkey" PRIMARY KEY ("projectId","ownerTable","ownerId","column")
);

-- CreateTable
CREATE TABLE "VaultSentinel" (
    "id" INTEGER NOT NULL,
    "kekId" TEXT NOT NULL,
    "blob" BYTEA NOT NULL,

    CONSTRAINT "VaultSentinel_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Clock" (
    "id" INTEGER NOT NULL,
    "offsetMs" BIGINT NOT NULL DEFAULT 0,

    CONSTRAINT "Clock_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "AuditEvent" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "action" TEXT NOT NULL,
    "outcome" TEXT NOT NULL,
    "actorType" TEXT,
    "actorId" UUID,
    "actorLabel" TEXT NOT NULL,
    "targetType" TEXT,
    "targetId" TEXT,
    "ip" TEXT,
    "details" JSONB NOT NULL DEFAULT '{}',

    CONSTRAINT "AuditEvent_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "IdempotencyRecord" (
    "projectId" UUID NOT NULL,
    "callerId" UUID NOT NULL,
    "mutation" TEXT NOT NULL,
    "key" TEXT NOT NULL,
    "inputHash" BYTEA NOT NULL,
    "resultId" UUID NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "IdempotencyRecord_pkey" PRIMARY KEY ("projectId","callerId","mutation","key")
);

-- CreateIndex
CREATE UNIQUE INDEX "ApiKey_hash_key" ON "ApiKey"("hash");

-- CreateIndex
CREATE UNIQUE INDEX "ApiKey_projectId_id_key" ON "ApiKey"("projectId", "id");

-- CreateIndex
CREATE INDEX "User_projectId_createdAt_idx" ON "User"("projectId", "createdAt");

-- CreateIndex
CREATE UNIQUE INDEX "User_projectId_externalId_key" ON "User"("projectId", "externalId");

-- CreateIndex
CREATE UNIQUE INDEX "User_projectId_id_key" ON "User"("projectId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "UserSession_hash_key" ON "UserSession"("hash");

-- CreateIndex
CREATE INDEX "UserSession_projectId_userId_idx" ON "UserSession"("projectId", "userId");

-- CreateIndex
CREATE UNIQUE INDEX "CustomConnector_projectId_id_key" ON "CustomConnector"("projectId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "CustomConnector_projectId_slug_key" ON "CustomConnector"("projectId", "slug");

-- CreateIndex
CREATE INDEX "AuthConfig_projectId_connectorSlug_idx" ON "AuthConfig"("projectId", "connectorSlug");

-- CreateIndex
CREATE INDEX "AuthConfig_projectId_createdAt_idx" ON "AuthConfig"("projectId", "createdAt");

-- CreateIndex
CREATE UNIQUE INDEX "AuthConfig_projectId_id_key" ON "AuthConfig"("projectId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "RetainedClient_projectId_authConfigId_clientId_key" ON "RetainedClient"("projectId", "authConfigId", "clientId");

-- CreateIndex
CREATE INDEX "ConnectionRequest_projectId_createdAt_idx" ON "ConnectionRequest"("projectId", "createdAt");

-- CreateIndex
CREATE INDEX "ConnectionRequest_projectId_userId_idx" ON "ConnectionRequest"("projectId", "userId");

-- CreateIndex
CREATE INDEX "ConnectionRequest_projectId_credentialId_idx" ON "ConnectionRequest"("projectId", "credentialId");

-- CreateIndex
CREATE INDEX "ConnectionRequest_status_expiresAt_idx" ON "ConnectionRequest"("status", "expiresAt");

-- CreateIndex
CREATE UNIQUE INDEX "ConnectionRequest_projectId_id_key" ON "ConnectionRequest"("projectId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "Opening_stateHash_key" ON "Opening"("stateHash");

-- CreateIndex
CREATE UNIQUE INDEX "Opening_verificationHash_key" ON "Opening"("verificationHash");

-- CreateIndex
CREATE INDEX "Opening_projectId_requestId_idx" ON "Opening"("projectId", "requestId");

-- CreateIndex
CREATE INDEX "Credential_projectId_createdAt_idx" ON "Credential"("projectId", "createdAt");

-- CreateIndex
CREATE INDEX "Credential_projectId_userId_idx" ON "Credential"("projectId", "userId");

-- CreateIndex
CREATE INDEX "Credential_projectId_authConfigId_idx" ON "Credential"("projectId", "authConfigId");

-- CreateIndex
CREATE INDEX "Credential_projectId_connectorSlug_idx" ON "Credential"("projectId", "connectorSlug");

-- CreateIndex
CREATE UNIQUE INDEX "Credential_projectId_id_key" ON "Credential"("projectId", "id");

-- CreateIndex
CREATE UNIQUE INDEX "Grant_projectId_credentialId_key" ON "Grant"("projectId", "credentialId");

-- CreateIndex
CREATE INDEX "RefreshAttempt_projectId_credentialId_startedAt_idx" ON "RefreshAttempt"("projectId", "credentialId", "startedAt");

-- CreateIndex
CREATE INDEX "CredentialChange_projectId_xid_idx" ON "CredentialChange"("projectId", "xid");

-- CreateIndex
CREATE UNIQUE INDEX "DataKey_projectId_scope_key" ON "DataKey"("projectId", "scope");

-- CreateIndex
CREATE UNIQUE INDEX "DataKey_projectId_id_key" ON "DataKey"("projectId", "id");

-- CreateIndex
CREATE INDEX "SealedSecret_projectId_dataKeyId_idx" ON "SealedSecret"("projectId", "dataKeyId");

-- CreateIndex
CREATE INDEX "AuditEvent_projectId_at_idx" ON "AuditEvent"("projectId", "at");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEvent_projectId_id_key" ON "AuditEvent"("projectId", "id");

-- AddForeignKey
ALTER TABLE "ApiKey" ADD CONSTRAINT "ApiKey_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "User" ADD CONSTRAINT "User_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "UserSession" ADD CONSTRAINT "UserSession_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "UserSession" ADD CONSTRAINT "UserSession_projectId_userId_fkey" FOREIGN KEY ("projectId", "userId") REFERENCES "User"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CustomConnector" ADD CONSTRAINT "CustomConnector_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AuthConfig" ADD CONSTRAINT "AuthConfig_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RetainedClient" ADD CONSTRAINT "RetainedClient_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RetainedClient" ADD CONSTRAINT "RetainedClient_projectId_authConfigId_fkey" FOREIGN KEY ("projectId", "authConfigId") REFERENCES "AuthConfig"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectionRequest" ADD CONSTRAINT "ConnectionRequest_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectionRequest" ADD CONSTRAINT "ConnectionRequest_projectId_userId_fkey" FOREIGN KEY ("projectId", "userId") REFERENCES "User"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectionRequest" ADD CONSTRAINT "ConnectionRequest_projectId_authConfigId_fkey" FOREIGN KEY ("projectId", "authConfigId") REFERENCES "AuthConfig"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectionRequest" ADD CONSTRAINT "ConnectionRequest_projectId_credentialId_fkey" FOREIGN KEY ("projectId", "credentialId") REFERENCES "Credential"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectionRequest" ADD CONSTRAINT "ConnectionRequest_projectId_retriedById_fkey" FOREIGN KEY ("projectId", "retriedById") REFERENCES "ConnectionRequest"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectionEvent" ADD CONSTRAINT "ConnectionEvent_projectId_requestId_fkey" FOREIGN KEY ("projectId", "requestId") REFERENCES "ConnectionRequest"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Opening" ADD CONSTRAINT "Opening_projectId_requestId_fkey" FOREIGN KEY ("projectId", "requestId") REFERENCES "ConnectionRequest"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Credential" ADD CONSTRAINT "Credential_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Credential" ADD CONSTRAINT "Credential_projectId_userId_fkey" FOREIGN KEY ("projectId", "userId") REFERENCES "User"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Credential" ADD CONSTRAINT "Credential_projectId_authConfigId_fkey" FOREIGN KEY ("projectId", "authConfigId") REFERENCES "AuthConfig"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Grant" ADD CONSTRAINT "Grant_projectId_credentialId_fkey" FOREIGN KEY ("projectId", "credentialId") REFERENCES "Credential"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "RefreshAttempt" ADD CONSTRAINT "RefreshAttempt_projectId_credentialId_fkey" FOREIGN KEY ("projectId", "credentialId") REFERENCES "Grant"("projectId", "credentialId") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CredentialEvent" ADD CONSTRAINT "CredentialEvent_projectId_credentialId_fkey" FOREIGN KEY ("projectId", "credentialId") REFERENCES "Credential"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "CredentialChange" ADD CONSTRAINT "CredentialChange_projectId_credentialId_fkey" FOREIGN KEY ("projectId", "credentialId") REFERENCES "Credential"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DataKey" ADD CONSTRAINT "DataKey_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SealedSecret" ADD CONSTRAINT "SealedSecret_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "AuditEvent" ADD CONSTRAINT "AuditEvent_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "IdempotencyRecord" ADD CONSTRAINT "IdempotencyRecord_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
