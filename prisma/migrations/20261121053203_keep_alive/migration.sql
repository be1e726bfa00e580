-- AlterTable
ALTER TABLE "AuditEvent" ADD COLUMN     "chainHash" BYTEA,
ADD COLUMN     "chainSequence" BIGINT,
ADD COLUMN     "xid" BIGINT NOT NULL DEFAULT ((pg_current_xact_id())::text)::bigint;

-- AlterTable
ALTER TABLE "ConnectionRequest" ADD COLUMN     "deviceExpiresAt" TIMESTAMPTZ(3),
ADD COLUMN     "deviceIntervalMs" INTEGER,
ADD COLUMN     "deviceLeaseUntil" TIMESTAMPTZ(3),
ADD COLUMN     "devicePollAt" TIMESTAMPTZ(3),
ADD COLUMN     "deviceUri" TEXT,
ADD COLUMN     "deviceUriComplete" TEXT,
ADD COLUMN     "deviceUserCode" TEXT;

-- AlterTable
ALTER TABLE "Credential" ADD COLUMN     "secretGeneration" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "CredentialChange" ADD COLUMN     "sequence" INTEGER NOT NULL DEFAULT 0;

-- AlterTable
ALTER TABLE "Grant" ADD COLUMN     "failures" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "notBefore" TIMESTAMPTZ(3),
ADD COLUMN     "refreshAt" TIMESTAMPTZ(3),
ADD COLUMN     "revocationOrigin" TEXT;

-- AlterTable
ALTER TABLE "RefreshAttempt" ADD COLUMN     "answerStatus" INTEGER,
ADD COLUMN     "answeredAt" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "ProviderBreaker" (
    "projectId" UUID NOT NULL,
    "tokenOrigin" TEXT NOT NULL,
    "clientId" TEXT NOT NULL,
    "failures" INTEGER NOT NULL DEFAULT 0,
    "openUntil" TIMESTAMPTZ(3),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "ProviderBreaker_pkey" PRIMARY KEY ("projectId","tokenOrigin","clientId")
);

-- CreateTable
CREATE TABLE "AuditChain" (
    "projectId" UUID NOT NULL,
    "sequence" BIGINT NOT NULL DEFAULT 0,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "AuditChain_pkey" PRIMARY KEY ("projectId")
);

-- CreateTable
CREATE TABLE "Webhook" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "url" TEXT NOT NULL,
    "events" TEXT[],
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "secretGeneration" INTEGER NOT NULL DEFAULT 1,
    "previousSecretUntil" TIMESTAMPTZ(3),
    "failures" INTEGER NOT NULL DEFAULT 0,
    "pausedUntil" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "updatedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "deletedAt" TIMESTAMPTZ(3),

    CONSTRAINT "Webhook_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "WebhookDelivery" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "webhookId" UUID NOT NULL,
    "eventId" UUID NOT NULL,
    "event" TEXT NOT NULL,
    "subjectId" UUID NOT NULL,
    "sequence" INTEGER NOT NULL,
    "payload" JSONB NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'PENDING',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "lastResponseStatus" INTEGER,
    "lastError" TEXT,
    "nextAttemptAt" TIMESTAMPTZ(3),
    "leaseUntil" TIMESTAMPTZ(3),
    "deliveredAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "WebhookDelivery_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "Revocation" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "credentialId" UUID,
    "requestId" UUID,
    "status" TEXT NOT NULL DEFAULT 'PENDING',
    "outcomes" JSONB NOT NULL DEFAULT '[]',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "nextAttemptAt" TIMESTAMPTZ(3),
    "leaseUntil" TIMESTAMPTZ(3),
    "deadline" TIMESTAMPTZ(3) NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "Revocation_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "JobLease" (
    "name" TEXT NOT NULL,
    "owner" UUID NOT NULL,
    "leaseUntil" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "JobLease_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "KeyRotation" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "toKekId" TEXT NOT NULL,
    "dataKeys" BOOLEAN NOT NULL DEFAULT false,
    "status" TEXT NOT NULL DEFAULT 'RUNNING',
    "total" INTEGER NOT NULL,
    "done" INTEGER NOT NULL DEFAULT 0,
    "message" TEXT,
    "startedAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),
    "finishedAt" TIMESTAMPTZ(3),

    CONSTRAINT "KeyRotation_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "Webhook_projectId_id_key" ON "Webhook"("projectId", "id");

-- CreateIndex
CREATE INDEX "WebhookDelivery_projectId_webhookId_createdAt_idx" ON "WebhookDelivery"("projectId", "webhookId", "createdAt");

-- CreateIndex
CREATE INDEX "WebhookDelivery_projectId_webhookId_status_nextAttemptAt_idx" ON "WebhookDelivery"("projectId", "webhookId", "status", "nextAttemptAt");

-- CreateIndex
CREATE INDEX "WebhookDelivery_webhookId_subjectId_sequence_idx" ON "WebhookDelivery"("webhookId", "subjectId", "sequence");

-- CreateIndex
CREATE UNIQUE INDEX "WebhookDelivery_projectId_id_key" ON "WebhookDelivery"("projectId", "id");

-- CreateIndex
CREATE INDEX "Revocation_projectId_credentialId_idx" ON "Revocation"("projectId", "credentialId");

-- CreateIndex
CREATE INDEX "Revocation_status_nextAttemptAt_idx" ON "Revocation"("status", "nextAttemptAt");

-- CreateIndex
CREATE UNIQUE INDEX "Revocation_projectId_id_key" ON "Revocation"("projectId", "id");

-- CreateIndex
CREATE INDEX "KeyRotation_projectId_startedAt_idx" ON "KeyRotation"("projectId", "startedAt");

-- CreateIndex
CREATE UNIQUE INDEX "AuditEvent_projectId_chainSequence_key" ON "AuditEvent"("projectId", "chainSequence");

-- CreateIndex
CREATE INDEX "ConnectionRequest_devicePollAt_idx" ON "ConnectionRequest"("devicePollAt");

-- CreateIndex
CREATE INDEX "Credential_accountId_idx" ON "Credential"("accountId");

-- CreateIndex
CREATE INDEX "Credential_health_canRefresh_accessTokenExpiresAt_idx" ON "Credential"("health", "canRefresh", "accessTokenExpiresAt");

-- CreateIndex
CREATE INDEX "Grant_refreshAt_idx" ON "Grant"("refreshAt");

-- AddForeignKey
ALTER TABLE "AuditChain" ADD CONSTRAINT "AuditChain_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Webhook" ADD CONSTRAINT "Webhook_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "WebhookDelivery" ADD CONSTRAINT "WebhookDelivery_projectId_webhookId_fkey" FOREIGN KEY ("projectId", "webhookId") REFERENCES "Webhook"("projectId", "id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "Revocation" ADD CONSTRAINT "Revocation_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "KeyRotation" ADD CONSTRAINT "KeyRotation_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
