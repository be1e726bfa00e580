-- CreateTable
CREATE TABLE "DashboardSession" (
    "id" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "currentKeyId" UUID NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "DashboardSession_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "DashboardSessionKey" (
    "sessionId" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "apiKeyId" UUID NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "DashboardSessionKey_pkey" PRIMARY KEY ("sessionId","projectId")
);

-- CreateTable
CREATE TABLE "SignInLink" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "apiKeyId" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "consumedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "SignInLink_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "DashboardSession_hash_key" ON "DashboardSession"("hash");

-- CreateIndex
CREATE INDEX "DashboardSession_expiresAt_idx" ON "DashboardSession"("expiresAt");

-- CreateIndex
CREATE INDEX "DashboardSessionKey_projectId_apiKeyId_idx" ON "DashboardSessionKey"("projectId", "apiKeyId");

-- CreateIndex
CREATE UNIQUE INDEX "SignInLink_hash_key" ON "SignInLink"("hash");

-- CreateIndex
CREATE INDEX "SignInLink_projectId_apiKeyId_idx" ON "SignInLink"("projectId", "apiKeyId");

-- CreateIndex
CREATE INDEX "SignInLink_expiresAt_idx" ON "SignInLink"("expiresAt");

-- AddForeignKey
ALTER TABLE "DashboardSessionKey" ADD CONSTRAINT "DashboardSessionKey_sessionId_fkey" FOREIGN KEY ("sessionId") REFERENCES "DashboardSession"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "DashboardSessionKey" ADD CONSTRAINT "DashboardSessionKey_projectId_apiKeyId_fkey" FOREIGN KEY ("projectId", "apiKeyId") REFERENCES "ApiKey"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "SignInLink" ADD CONSTRAINT "SignInLink_projectId_apiKeyId_fkey" FOREIGN KEY ("projectId", "apiKeyId") REFERENCES "ApiKey"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;
