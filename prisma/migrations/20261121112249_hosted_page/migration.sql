-- AlterTable
ALTER TABLE "ConnectionRequest" ADD COLUMN     "firstId" UUID;

-- AlterTable
ALTER TABLE "Opening" ADD COLUMN     "inWindow" BOOLEAN NOT NULL DEFAULT false;

-- AlterTable
ALTER TABLE "UserSession" ADD COLUMN     "linkId" UUID,
ALTER COLUMN "userId" DROP NOT NULL;

-- CreateTable
CREATE TABLE "ConnectLink" (
    "id" UUID NOT NULL,
    "projectId" UUID NOT NULL,
    "userId" UUID NOT NULL,
    "hash" BYTEA NOT NULL,
    "connectorSlugs" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "allConnectors" BOOLEAN NOT NULL DEFAULT true,
    "returnUrl" TEXT,
    "locale" TEXT,
    "expiresAt" TIMESTAMPTZ(3) NOT NULL,
    "revokedAt" TIMESTAMPTZ(3),
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT moorline_now(),

    CONSTRAINT "ConnectLink_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "ConnectLink_hash_key" ON "ConnectLink"("hash");

-- CreateIndex
CREATE INDEX "ConnectLink_projectId_userId_idx" ON "ConnectLink"("projectId", "userId");

-- CreateIndex
CREATE UNIQUE INDEX "ConnectLink_projectId_id_key" ON "ConnectLink"("projectId", "id");

-- CreateIndex
CREATE INDEX "ConnectionRequest_firstId_idx" ON "ConnectionRequest"("firstId");

-- CreateIndex
CREATE INDEX "UserSession_projectId_linkId_idx" ON "UserSession"("projectId", "linkId");

-- AddForeignKey
ALTER TABLE "UserSession" ADD CONSTRAINT "UserSession_projectId_linkId_fkey" FOREIGN KEY ("projectId", "linkId") REFERENCES "ConnectLink"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectLink" ADD CONSTRAINT "ConnectLink_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES "Project"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "ConnectLink" ADD CONSTRAINT "ConnectLink_projectId_userId_fkey" FOREIGN KEY ("projectId", "userId") REFERENCES "User"("projectId", "id") ON DELETE RESTRICT ON UPDATE CASCADE;
