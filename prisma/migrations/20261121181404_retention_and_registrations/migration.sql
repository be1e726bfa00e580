-- CreateTable
CREATE TABLE "ClientRegistration" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "authConfigId" UUID NOT NULL,
    "clientId" TEXT NOT NULL,
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "nextAttemptAt" TIMESTAMPTZ(3),
    "leaseUntil" TIMESTAMPTZ(3),
    "deadline" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "ClientRegistration_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "ForgottenChanges" (
    "projectId" UUID NOT NULL,
    "xid" BIGINT NOT NULL,

    CONSTRAINT "ForgottenChanges_pkey" PRIMARY KEY ("projectId")
);

-- CreateIndex
CREATE INDEX "ClientRegistration_projectId_authConfigId_idx" ON "ClientRegistration"("projectId", "authConfigId");

-- CreateIndex
CREATE INDEX "ClientRegistration_nextAttemptAt_idx" ON "ClientRegistration"("nextAttemptAt");

-- CreateIndex
CREATE INDEX "CredentialChange_at_idx" ON "CredentialChange"("at");

-- AddForeignKey
ALTER TABLE "ClientRegistration" ADD CONSTRAINT "ClientRegistration_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ClientRegistration" ADD CONSTRAINT "ClientRegistration_projectId_authConfigId_fkey" FOREIGN KEY ("projectId", "authConfigId") REFERENCES "AuthConfig"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ForgottenChanges" ADD CONSTRAINT "ForgottenChanges_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;
